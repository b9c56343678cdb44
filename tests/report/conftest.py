"""A student's own records, as small as they can be: Task 1 on digits, transfer left half undone."""

from dataclasses import replace

import pytest

from ddkit import runs
from ddkit.course import task_1
from ddkit.course.profiles import Profile, profile
from ddkit.specs import Start

TINY = replace(profile("quick"), size=8, width=4, wide=4, ipc=2, updates=4, noise_updates=4, seeds=2, standard_epochs=2,
               transfer_epochs=2, transfer_networks=("MLP", "LeNet"), options=(("network_steps", 1),))
NASTY = "50 % of_the \\input{x} $y$ & #1 ~^ <b> 中 `q` --flag"  # a note that LaTeX and Markdown would trip over


@pytest.fixture(scope="session")
def mine() -> Profile:
    """The profile of the student's runs."""
    return TINY


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    """A folder of runs of ``TINY``: the baseline, from real images and noise, both protocols, transfer to MLP."""
    root = tmp_path_factory.mktemp("own")
    wanted = task_1.specs(TINY)
    specs = [TINY.baseline(), *(spec for row in wanted["scores"].values() for spec in row.values()),
             *(row["MLP"] for row in wanted["transfer"].values())]
    assert any(isinstance(spec.of, Start) for spec in specs)
    for spec in specs:
        made = runs.run(spec, root=root, quiet=True)
        made.notes = [NASTY]
        made.save()
    return root
