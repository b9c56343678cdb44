"""The commands that are tried, small enough for a second or two each, and what they work on.

All run in a folder of their own with relative paths, so that two folders can be compared file by file.
"""

import gzip
import shlex
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from trials.outcomes import Outcome
from trials.process import Running, finished

PAIR = "--dataset digits-0-1 --runs runs --json"
SMALL = f"{PAIR} --network ConvNetD2 --width 4"
EXPERTS = " ".join(f"--set {knob}" for knob in (
    "experts=2", "expert_epochs=8", "expert_lr=0.1", "expert_batch=64", "expert_span=1", "last_start=2",
    "final_start=2", "student_steps=2"))
KERNEL = "--set real_batch=50 --ipc 2"
STEPS = "--dataset digits --runs runs --json --network ConvNetD2 --width 4 --steps 0,1/2,3 --ipc 2 --seeds 2"
GRID = "--depths 1,2 --widths 4 --norms none,instance --activations relu,sigmoid --poolings avg"


@dataclass(frozen=True)
class Command:
    """A command by its kind; ``inputs`` are the files of the store that it works on."""

    kind: str
    text: str
    inputs: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.text)

    def also(self, *more: str) -> "Command":
        """The same with more inputs."""
        return replace(self, inputs=(*self.inputs, *more))


def _distill(method: str, settings: str, preset: str = "course", network: str = SMALL) -> Command:
    kind = method if preset == "course" else preset
    return Command(f"distill {kind}", f"distill --method {method} --preset {preset} {network} {settings}")


DISTILLED = {found.kind.split()[1]: found for found in (
    _distill("datadam", "--ipc 2 --updates 60 --set network_steps=2 --set image_steps=2 --validate-every 20"),
    _distill("trajectory", f"--ipc 2 --updates 40 {EXPERTS}", "mtt"),
    _distill("trajectory", f"--ipc 2 --updates 40 {EXPERTS}", "datm"),
    _distill("trajectory", f"--ipc 2 --updates 40 {EXPERTS}", "pad"),
    _distill("kip", f"{KERNEL} --updates 150", network=PAIR),
    _distill("rfad", f"{KERNEL} --updates 40"),
    _distill("frepo", f"{KERNEL} --updates 40"),
)}
BASELINE = Command("baseline", f"baseline {SMALL} --epochs 20 --seeds 3")
EVALUATE = Command("evaluate", "evaluate set --runs runs --json --protocol assignment --epochs 150 --seeds 2 "
                               "--dataset digits-0-1", ("set",))
EVALUATE_DATM = Command("evaluate datm", f"evaluate images_best.pt {SMALL} --protocol learned --epochs 50 --seeds 1",
                        ("images_best.pt", "labels_best.pt", "lr_best.pt"))
EVALUATE_FILE = Command("evaluate file", f"evaluate set.pt {SMALL} --protocol assignment --epochs 150 --seeds 3",
                        ("set.pt",))
CORESET = Command("coreset", f"coreset {PAIR} --ipc 3 --method herding --on ConvNetD2 --width 4 --epochs 20")
FORGETTING = Command("coreset forgetting",
                     f"coreset {PAIR} --ipc 3 --method forgetting --on ConvNetD2 --width 4 --epochs 20")
TRAINED = Command("experts", f"experts {SMALL} --experts 3 --epochs 10 --difficulty el2n --export buffer.pt")
TRAINED_BY_TWO = Command("experts, two jobs", f"{TRAINED.text} --jobs 2")
PRETRAINED = Command("pretrain", "pretrain --dataset digits --runs runs --json --network ConvNetD1 --width 4 "
                                 "--subsets 3 --fewest-classes 2 --held-out 2 --trials 2 --inner-updates 100 "
                                 "--steps 150 --channels 4")
PRETRAINED_BY_TWO = Command("pretrain, two jobs", f"{PRETRAINED.text} --jobs 2")
GDUMB = Command("continual gdumb", f"continual {STEPS} --memory random,datadam --epochs 20 --updates 10")
REPLAY = Command("continual replay", f"continual {STEPS} --memory random,datadam --epochs 3 --updates 10 "
                                     "--protocol replay")
SEARCH = Command("search", f"search set {PAIR} {GRID} --protocol assignment --epochs 20 --full-epochs 2", ("set",))
TRANSFER = Command("transfer", f"transfer set {PAIR} --networks MLP,LeNet --protocol assignment --epochs 20 --seeds 1",
                   ("set",))
SHOW = Command("show", "show set --out figures --png --pt x.pt --json", ("set",))
RUNS = Command("runs", "runs --runs runs --json")
COURSE = Command("course", "course --dataset digits --runs runs --figures figures")
MAKE = Command("data --make", "data mhist_like made --make --number 60 --size 16 --json")
CHECK = Command("data --check", "data mhist mhist --check --json", ("mhist",))
MHIST = Command("baseline mhist", "baseline --dataset mhist --data mhist --size 8 --network ConvNetD1 --width 4 "
                                  "--epochs 2 --runs runs --json", ("mhist",))
MHIST_ZIP = Command("baseline mhist, zip", MHIST.text.replace("--data mhist", "--data zipped"), ("zipped",))
IDX = Command("baseline idx", "baseline --dataset mnist --data plain --network ConvNetD2 --width 4 --epochs 1 "
                              "--runs runs --json", ("plain",))
IDX_GZ = Command("baseline idx, gz", IDX.text.replace("--data plain", "--data packed"), ("packed",))

RESUMED = (BASELINE, EVALUATE, EVALUATE_FILE, CORESET, FORGETTING, TRAINED, TRAINED_BY_TWO, PRETRAINED,
           PRETRAINED_BY_TWO, *DISTILLED.values(), GDUMB, REPLAY, SEARCH)
WRITING = (*RESUMED, TRANSFER, SHOW, MAKE, MHIST, MHIST_ZIP)


@dataclass(frozen=True)
class Unbroken:
    """What a command gives when nothing happens to it, and how long it takes."""

    outcome: Outcome
    seconds: float


class Store:
    """Inputs and unbroken outcomes, made once and kept in a folder for all processes; and folders for trials."""

    def __init__(self, root: Path):
        self.root, self.inputs = root, root / "inputs"

    def make_inputs(self) -> None:
        """A distilled set as a folder and in the field's formats, a copy of MHIST's layout, and idx files."""
        self.inputs.mkdir(parents=True)
        small = "--network ConvNetD2 --width 4 --dataset digits-0-1 --ipc 2 --runs made"
        for text in (f"distill {small} --updates 10 --set network_steps=2 --out set",
                     "show set --pt set.pt --out drawn",
                     f"distill --method trajectory --preset datm {small} --updates 3 {EXPERTS} --out datm",
                     "data mhist_like mhist --make --number 60 --size 16",
                     "data mhist_like zipped --make --number 60 --size 16 --zip"):
            ended = finished(shlex.split(text), self.inputs)
            if ended.code:
                raise RuntimeError(f"'{text}' for the trials: {ended}")
        for work in (_export_datm, _write_idx):
            self._do(lambda work=work: work(self.inputs))

    def _do(self, work: Callable) -> None:
        running = Running(work, self.inputs)
        running.wait(120)
        ended = running.end()
        if ended.code:
            raise RuntimeError(f"inputs of the trials: {ended}")

    def folder(self, name: str, command: Command) -> Path:
        """A new folder with the command's inputs."""
        path = self.root / "trials" / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        self.fill(path, command)
        return path

    def fill(self, path: Path, command: Command) -> None:
        for name in command.inputs:
            source = self.inputs / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, path / name)

    def unbroken(self, command: Command, environment: dict[str, str] | None = None) -> Unbroken:
        """The command's outcome in a folder of its own."""
        path = self.folder(f"unbroken {command.kind}-{id(self)}", command)
        ended = finished(command.arguments, path, environment=environment)
        if ended.code:
            raise RuntimeError(f"'{command.text}' fails by itself: {ended}")
        found = Unbroken(Outcome.of(path, ended.out), ended.seconds)
        shutil.rmtree(path, ignore_errors=True)
        return found


def _export_datm(inputs: Path) -> None:
    from ddkit.runs import Record
    from ddkit.synthetic.formats import export_datm

    export_datm(Record.load(inputs / "datm").synthetic, inputs, "best")


def _write_idx(inputs: Path) -> None:
    """The digits as MNIST's four files, plain and gzipped."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.kron(digits.images * 15, np.ones((1, 3, 3)))[:400].astype(np.uint8)
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    for part, rows in (("train", slice(0, 300)), ("t10k", slice(300, 400))):
        for name, array in (("images-idx3", images[rows]), ("labels-idx1", digits.target[rows].astype(np.uint8))):
            content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
            for folder, ending, data in (("plain", "", content), ("packed", ".gz", gzip.compress(content, mtime=0))):
                path = inputs / folder / "MNIST" / "raw" / f"{part}-{name}-ubyte{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
