"""Names of data sets: one for each and its runs, however it is spelt; what names no data set is refused."""

import argparse
import json

import pytest

from ddkit import data, specs
from ddkit.cli.sets import sources
from ddkit.data import SOURCES, load, loading
from ddkit.foundation.errors import InputError
from ddkit.runs import run


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=", ".join(sorted(SOURCES))):
        load("minst")


@pytest.mark.parametrize("name", ["digits-4-4", "digits-04-4", "digits-11", "digits-", "digits-4-", "digits--4",
                                  "digits-²", "digits-٣", "digits-４", "digits- 4", "digits-+4", "digits-4.0",
                                  "digits-1_0", f"digits-{'9' * 5000}", "mhist-2", "mhist_like-0-0", "cifar10-10"])
def test_names_that_name_no_classes_are_refused_before_anything_is_loaded(name, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "_load_whole", lambda *_: pytest.fail("something was loaded"))
    for ask in (load, data.parse_name, data.fingerprint, lambda name: specs.Coreset(name, 1).check()):
        with pytest.raises(InputError, match="are different numbers from 0 to") as caught:
            ask(name)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", [None, 5, ["digits"], b"digits"])
def test_what_is_no_text_is_no_name(name):
    with pytest.raises(InputError, match="goes by its name"):
        load(name)


@pytest.mark.parametrize("spelt", ["digits-04-9", "digits-4-09", "digits-0000004-009"])
def test_one_data_set_has_one_name_and_so_have_its_runs(spelt):
    assert load(spelt).name == "digits-4-9" and load(spelt).fingerprint == load("digits-4-9").fingerprint

    def asked(name: str) -> list:
        sources = [specs.Full(name), specs.RandomReal(name, 2), specs.Coreset(name, 2), specs.Distill(name),
                   specs.Start(specs.Distill(name)), specs.File("x.pt", "0" * 64, name)]
        return [specs.Distill(name), specs.Coreset(name, 2), specs.Experts(name), *map(specs.Evaluate, sources)]

    assert asked(spelt) == asked("digits-4-9")
    assert [spec.name for spec in asked(spelt)] == [spec.name for spec in asked("digits-4-9")]
    for spec in asked(spelt):
        written = json.loads(json.dumps(specs.describe_spec(spec)).replace("digits-4-9", spelt))
        assert specs.restore_spec(written) == spec
    assert len({spec.name for spec in asked("digits-9-4") + asked("digits-4-9")}) == 2 * len(asked("digits-4-9"))


def test_a_sets_own_data_set_may_be_repeated_in_another_spelling(tmp_path):
    folder = run(specs.Coreset("digits-4-9", 1, "random"), root=tmp_path, quiet=True).folder
    for path in (folder, folder / "synthetic.safetensors"):
        options = argparse.Namespace(run=str(path), dataset="digits-04-9", size=None, labels=None, pixels=None,
                                     entry=None, data=None)
        assert {specs.origin(source).dataset for source in sources(options)[0].values()} == {"digits-4-9"}
