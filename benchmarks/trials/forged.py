"""Files that look valid and hold what they must not: records, sets, checkpoints and parts, each with its next user."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ddkit.foundation.files import DIGEST
from trials.changes import (
    CHECKPOINT_CHANGES,
    LABELS,
    PT_CONTENTS,
    RATES,
    RECORD_CHANGES,
    SEED_CHANGES,
    SET_CHANGES,
    STATE_CHANGES,
    TENSOR_CHANGES,
    TEXTS,
)
from trials.commands import (
    BASELINE,
    DISTILLED,
    EVALUATE,
    EVALUATE_DATM,
    EVALUATE_FILE,
    FORGETTING,
    GDUMB,
    PAIR,
    REPLAY,
    RUNS,
    SEARCH,
    SHOW,
    TRAINED,
    Command,
    Store,
)
from trials.states import State

EVALUATE_OWN = Command("evaluate own", f"evaluate forged.safetensors {PAIR} --network ConvNetD2 --width 4 "
                                       "--protocol assignment --epochs 2 --seeds 1", ("set",))
LEARNED = Command("evaluate learned", EVALUATE_OWN.text.replace("assignment", "learned"), ("set",))


@dataclass(frozen=True)
class Forgery:
    """A file of a ``kind``, ``what`` is wrong with it, the state it is put into, and the command that meets it.

    ``forge(folder)`` writes it.
    """

    kind: str
    what: str
    state: State
    then: Command
    forge: Callable[[Path], None]

    def write(self, store: Store, name: str) -> Path:
        folder = self.state.make(store, f"{name}/here")
        self.forge(folder)
        return folder


def _given(command: Command) -> State:
    return State(None, inputs=command.inputs)


def _own_text(pattern: str, text: str) -> Callable[[Path], None]:
    def forge(folder: Path) -> None:
        next(folder.glob(pattern)).write_text(text, encoding="utf-8")

    return forge


def _own_json(pattern: str, change: Callable) -> Callable[[Path], None]:
    """The JSON file with a change in it, and without a digest that would tell of that."""
    def forge(folder: Path) -> None:
        path = next(folder.glob(pattern))
        content = json.loads(path.read_text(encoding="utf-8"))
        content = _changed(content, change)
        if isinstance(content, dict):
            content.pop(DIGEST, None)
        path.write_text(json.dumps(content), encoding="utf-8")

    return forge


def _changed(content, change: Callable):
    """What the change gives or, if it gives nothing, the content that it changed in place."""
    found = change(content)
    return content if found is None else found


def _set_file(path: str, change: Callable[[dict], dict], description: dict) -> Callable[[Path], None]:
    """The set of the inputs with other tensors and another description."""
    def forge(folder: Path) -> None:
        from safetensors import safe_open
        from safetensors.torch import save_file

        with safe_open(folder / "set" / "synthetic.safetensors", "pt") as file:
            told = json.loads(file.metadata()["ddkit"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        save_file(tensors | change(tensors), folder / path, {"ddkit": json.dumps(told | description)})
        _own_json("set/record.json", lambda record: record.pop("files", None) and None)(folder)

    return forge


def _pt_file(name: str, content: Callable[[torch.Tensor, torch.Tensor], object]) -> Callable[[Path], None]:
    """A file of the field, made of the sound images and labels."""
    def forge(folder: Path) -> None:
        images, labels = torch.load(folder / "set.pt", weights_only=True)["data"][0]
        torch.save(content(images, labels), folder / name)

    return forge


def _state_file(pattern: str, change: Callable) -> Callable[[Path], None]:
    """A state of ddkit's with a change in it, and without a digest."""
    def forge(folder: Path) -> None:
        path = next(folder.glob(pattern))
        content = torch.load(path, weights_only=True)
        content = _changed(content, change)
        if isinstance(content, dict):
            content.pop(DIGEST, None)
        torch.save(content, path)

    return forge


def _all() -> list[Forgery]:
    seed = "runs/*/parts/seed-*.pt"
    found = [Forgery("record", what, _given(SHOW), then, _own_json("set/record.json", change))
             for what, change in RECORD_CHANGES.items() for then in (SHOW, EVALUATE)]
    found += [Forgery("record", what, _given(SHOW), then, _own_text("set/record.json", text))
              for what, text in TEXTS.items() for then in (SHOW, EVALUATE)]
    found += [Forgery("record among runs", what, State(BASELINE), then, _own_json("runs/*/record.json", change))
              for what, change in RECORD_CHANGES.items() for then in (RUNS, BASELINE)]
    found += [Forgery("set", what, _given(EVALUATE_OWN), then, _set_file(path, lambda tensors: {}, description))
              for what, description in SET_CHANGES.items()
              for path, then in (("forged.safetensors", EVALUATE_OWN), ("set/synthetic.safetensors", SHOW))]
    found += [Forgery("set", what, _given(EVALUATE_OWN), then, _set_file(path, change, {}))
              for what, change in TENSOR_CHANGES.items()
              for path, then in (("forged.safetensors", EVALUATE_OWN), ("set/synthetic.safetensors", SHOW))]
    found += [Forgery("set", f"learning rate {what}", _given(LEARNED), LEARNED,
                      _set_file("forged.safetensors", lambda tensors: {}, {"learning_rate": rate}))
              for what, rate in RATES.items()]
    found += [Forgery("exported set", what, _given(EVALUATE_FILE), EVALUATE_FILE, _pt_file("set.pt", content))
              for what, content in PT_CONTENTS.items()]
    datm = _given(EVALUATE_DATM.also("set.pt"))
    found += [Forgery("DATM's rate", what, datm, EVALUATE_DATM, _pt_file("lr_best.pt", lambda x, y, rate=rate: (
        torch.tensor(rate) if isinstance(rate, float) else rate))) for what, rate in RATES.items()]
    found += [Forgery("DATM's labels", what, datm, EVALUATE_DATM, _pt_file("labels_best.pt", content))
              for what, content in LABELS.items()]
    found += [Forgery(f"checkpoint of {name}", what, State(DISTILLED[name], "runs/distill*/checkpoint.pt"),
                      DISTILLED[name], _state_file("runs/distill*/checkpoint.pt", change))
              for name in DISTILLED for what, change in CHECKPOINT_CHANGES.items()]
    found += [Forgery("scores so far", what, State(BASELINE, seed), BASELINE, _state_file(seed, change))
              for what, change in SEED_CHANGES.items()]
    found += _parts()
    return found


def _parts() -> list[Forgery]:
    """What lies about of unfinished fits, experts, coresets and applications, emptied or of another shape."""
    places = ((BASELINE, "runs/*/checkpoint-*.pt", "checkpoint of a fit"),
              (BASELINE, "runs/*/parts/seed-*.pt", "scored seed"), (FORGETTING, "runs/*/looks.pt", "looks"),
              (GDUMB, "runs/continual*/parts/checkpoint.pt", "parts of gdumb"),
              (REPLAY, "runs/continual*/parts/checkpoint.pt", "parts of replay"),
              (SEARCH, "runs/search*/parts/*-done.pt", "part of a search"))
    found = [Forgery(kind, what, State(made, file), made, _state_file(file, change))
             for made, file, kind in places for what, change in STATE_CHANGES.items()]
    made, file = TRAINED, "runs/*/expert-00/expert.json"
    return found + [Forgery("expert.json", what, State(made, file), made, _own_text(file, text))
                    for what, text in TEXTS.items()]


ALL = _all()
