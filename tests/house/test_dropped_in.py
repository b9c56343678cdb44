"""A method is one file and an application one folder: dropped into a copy of the package, they work as others do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ddkit

METHOD = '''"""Shifts every image towards the mean of its class."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt, Le

from ddkit.foundation.knobs import Knob, Knobs
from ddkit.methods.method import Method, Preset


@dataclass(frozen=True)
class Config(Knobs):
    nearer: Annotated[float, Gt(0), Le(1), Knob("of the way to the mean in an update", "s")] = 0.1
    updates: int = 5
    network: str = "ConvNetD1"
    width: int = 4


class Shift(Method):
    Config = Config
    PRESETS = {"course": Preset({"nearer": 0.2}, ("no paper has it",))}

    def start(self, dataset, synthetic, rng):
        self.synthetic = synthetic
        self.means = torch.stack([dataset.train.of_class(c).mean(0) for c in range(len(dataset.classes))])
        self.done = 0

    @torch.no_grad()
    def update(self):
        way = self.means[self.synthetic.labels] - self.synthetic.images
        self.synthetic.images += self.config.nearer * way
        self.done += 1
        return {"loss": float(way.square().mean())}

    def state_dict(self):
        return {"done": self.done}

    def load_state_dict(self, state):
        self.done = state["done"]


METHOD = Shift
'''
SPEC = '''"""Counts the images that a source gives."""

from dataclasses import dataclass
from typing import ClassVar

from ddkit.applications.base import Application, Job, Outcome
from ddkit.foundation.schema import COUNT
from ddkit.runs.spec import Source


@dataclass(frozen=True)
class Count(Application):
    RESULT: ClassVar[dict] = {"images": COUNT}

    of: Source
    times: int = 1

    def work(self, job: Job) -> Outcome:
        return Outcome(0.0, 0, {"images": self.times * len(self.of.training_set(job, 0))})
'''
COMMAND = '''from ddkit.cli.options import add_data, add_json, add_places, show


def add_to(add):
    parser = add("count", work, "count images")
    add_places(parser)
    add_data(parser)
    add_json(parser)


def work(options):
    from ddkit.applications.count import Count
    from ddkit.runs import run
    from ddkit.specs import RandomReal

    record = run(Count(RandomReal(options.dataset, 2), times=3), root=options.runs, data=options.data)
    show(record.as_dict(), options, f"{record.result['images']} images")
'''


# One process serves all that is asked of the copy, as most of the time of each would go into starting it.
SERVER = '''
import contextlib, io, json, sys, traceback
answers = sys.stdout
for line in sys.stdin:
    arguments, code, told = json.loads(line), 0, [io.StringIO(), io.StringIO()]
    with contextlib.redirect_stdout(told[0]), contextlib.redirect_stderr(told[1]):
        try:
            if isinstance(arguments, str):
                exec(arguments, {})
            else:
                from ddkit.__main__ import main
                code = main(arguments)
        except SystemExit as end:
            code = end.code
        except BaseException:
            code = traceback.print_exc()
    print(json.dumps([code, *(text.getvalue() for text in told)]), file=answers, flush=True)
'''


class House:
    """A copy of the package with a method and an application more; nothing else is changed."""

    def __init__(self, root: Path):
        self.root = root
        package = Path(shutil.copytree(Path(ddkit.__file__).parent, root / "ddkit",
                                       ignore=shutil.ignore_patterns("__pycache__")))
        (package / "methods" / "matching" / "shift.py").write_text(METHOD)
        home = package / "applications" / "count"
        home.mkdir()
        for name, text in (("spec", SPEC), ("command", COMMAND),
                           ("__init__", "from ddkit.applications.count.spec import Count as Count\n")):
            (home / f"{name}.py").write_text(text)
        there = {"COLUMNS": "200", "PYTHONPATH": str(root), "DDKIT_RUNS": str(root / "runs")}
        self.server = subprocess.Popen([sys.executable, "-c", SERVER], cwd=root, env=os.environ | there, text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def asked(self, what: str | list[str]) -> subprocess.CompletedProcess:
        """What comes of a program, or of a command by its arguments; an error that is not told has no exit code."""
        self.server.stdin.write(json.dumps(what) + "\n")
        self.server.stdin.flush()
        return subprocess.CompletedProcess(what, *json.loads(self.server.stdout.readline()))

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.asked(list(arguments))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = House(tmp_path_factory.mktemp("house"))
    assert made.asked("import ddkit; print(ddkit.__file__)").stdout.startswith(str(made.root))
    yield made
    made.server.communicate()


def test_a_method_runs_from_the_command_line_and_as_a_spec(house):
    made = house.command("distill", "--method", "shift", "--ipc", "2", "--validate-every", "5", "--json",
                         "--nearer", "0.5")
    assert made.returncode == 0, made.stderr
    record = json.loads(made.stdout)
    assert len(record["result"]["validation"]) == 1
    assert record["updates"] == 5 and record["result"]["moved"] > 1 and "no paper has it" in made.stderr
    losses = [one["loss"] for one in record["result"]["losses"]]
    assert losses[1] == pytest.approx(losses[0] / 4, rel=1e-4)  # half of the way is a quarter of its square
    again = house.asked("import ddkit; "
                        "spec = ddkit.Distill('digits', 'shift', ipc=2, options=(('nearer', 0.5),)); "
                        "judged = ddkit.Evaluate(spec, 'matched', 'MLP', seeds=1); "
                        "print(ddkit.find(spec).made, ddkit.run(judged).scores.mean > 0.5)")
    assert again.stdout.split() == [record["made"], "True"], again.stderr
    told = " ".join(house.command("distill", "--help").stdout.split())  # wherever its lines break
    assert "knobs of shift" in told and "s: of the way to the mean in an update" in told and "course of shift" in told


def test_its_knobs_are_checked_by_their_declaration(house):
    for flag in (("--nearer", "0"), ("--nearer", "1.5"), ("--set", "nearer=2")):
        refused = house.command("distill", "--method", "shift", *flag)
        assert refused.returncode == 2 and refused.stderr.startswith("ddkit: nearer must be above 0 and at most 1, got")
    refused = house.command("distill", "--method", "shift", "--precision", "bfloat16")
    assert refused.returncode == 2 and "unknown option of shift 'precision'" in refused.stderr
    refused = house.command("distill", "--method", "kip", "--nearer", "0.5")
    assert refused.returncode == 2 and "unknown option of kip 'nearer'" in refused.stderr


def test_an_application_runs_from_the_command_line_and_as_a_spec(house):
    made = house.command("count", "--dataset", "digits-0-1")
    assert made.returncode == 0 and made.stdout == "12 images\n", made.stderr
    again = house.asked("import ddkit; from ddkit.applications.count import Count; "
                        "one = ddkit.find(Count(ddkit.RandomReal('digits-0-1', 2), times=3)); "
                        "print(one.result['images'], ddkit.Record.load(one.folder).name == one.folder.name)")
    assert again.stdout.split() == ["12", "True"], again.stderr
    assert "count images" in house.command("--help").stdout
    path = next((house.root / "runs").glob("count-*/record.json"))
    path.write_text(path.read_text().replace('"images": 12', '"images": "x"'))
    listed = house.command("runs")
    assert listed.returncode == 0 and "delete it" in listed.stderr + listed.stdout
