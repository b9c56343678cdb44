"""What ``evaluate``, ``transfer`` and ``search`` take as their set: a run's folder, ddkit's own file, or the field's.

A folder and ddkit's own files know whose images they hold and what their labels mean: options may repeat it, not change
it. Of another's file the options say what it does not, and everything is checked before anything is trained.
"""

import argparse
import shlex
from pathlib import Path

from ddkit.foundation.errors import require

LARGEST = 512  # pixels a side that a data set is resized to because a file says so


def add_options(parser: argparse.ArgumentParser) -> None:
    """The set, and what a file does not say of itself."""
    parser.add_argument("run", metavar="SET", help="folder of a distillation or coreset, or a file: .safetensors, .pt, "
                                                   "or images_TAG.pt beside labels_TAG.pt")
    parser.add_argument("--dataset", help="whose images a file holds: digits, mnist, fashion_mnist, cifar10, mhist or "
                                          "mhist_like; mnist-4-9 is some classes of it (None: what the set says)")
    parser.add_argument("--size", type=int, help="side length in pixels (None: the set's, or the data set's own)")
    parser.add_argument("--labels", help="what rows of labels mean, where a file does not say: probabilities, logits "
                                         "or targets")
    parser.add_argument("--pixels", help="scale of a file's images: normalised, unit ([0, 1]) or bytes (None: "
                                         "normalised, if they look so)")
    parser.add_argument("--entry", type=int, help="which of a file's experiments, from 0 (None: the last)")


def sources(options) -> tuple[dict, str, int]:
    """What to evaluate (the set first, then what it is compared with), and the network it was distilled with."""
    from ddkit.data import canonical

    path, options.dataset = Path(options.run), options.dataset and canonical(options.dataset)
    return ({"distilled": _file(path, options)}, "ConvNetD3", 128) if path.is_file() else _folder(path, options)


def schedule(options):
    """The order, rates and initialisation that belong to the set of ``sources``; None where it owns none."""
    from ddkit.runs import Record
    from ddkit.synthetic.formats import own_set

    path = Path(options.run)
    found = own_set(path) if path.is_file() else Record.load(path).synthetic
    return found and found.schedule


def heading(found: dict) -> str:
    """Whose images are scored, in a line above the table."""
    from ddkit.specs import origin

    asked = origin(next(iter(found.values())))
    return f"data set: {asked.dataset}" + (f" at {asked.size} pixels" if asked.size else "") + _unlike(found)


def _unlike(found: dict) -> str:
    """That there are other numbers of random images than the set has, where it is one of pixels."""
    from ddkit.specs import RandomReal
    from ddkit.synthetic.formats import own_set

    first, *others = found.values()
    random = next((other for other in others if isinstance(other, RandomReal)), None)
    kept = random and own_set(first.path)
    if not kept or kept.form_name != "pixels" or len(kept.images) == random.ipc * len(kept.classes):
        return ""
    return (f"; the set has {len(kept.images):,} images, and {random.ipc * len(kept.classes):,} random real ones stand "
            "beside it, as many of each class")


def _folder(path: Path, options) -> tuple[dict, str, int]:
    from ddkit.data import own_size
    from ddkit.runs import RECORD, SYNTHETIC, Record
    from ddkit.runs.working import STARTED
    from ddkit.specs import Coreset, Distill, File, RandomReal, Start, restore_spec
    from ddkit.synthetic.formats import require_only

    require(path.is_dir() or not path.suffix, f"no such file: {path}")
    going_on = "the command that began it goes on" if (path / STARTED).exists() else (
        f"make one, as by python -m ddkit distill --out {shlex.quote(str(path))}")
    require((path / RECORD).exists(), f"{path} holds no finished run: {going_on}")
    spec = restore_spec(Record.load(path).spec)
    require(isinstance(spec, Distill | Coreset), f"{path} holds no distilled or chosen images: name the folder of a "
                                                 "distillation or coreset")
    _agreed(path, options, dataset=spec.dataset, size=spec.size or own_size(spec.dataset),
            labels=Record.load(path).synthetic.meaning, pixels="normalised")
    require_only(path, options.entry)
    found = File.of(path / SYNTHETIC, spec.dataset, spec.size)
    random = RandomReal(spec.dataset, _ipc_beside(spec, Record.load(path).synthetic), spec.size)
    if isinstance(spec, Coreset):
        return {spec.method: found, "random real": random}, "ConvNetD3", spec.width
    start = Start(spec) if Start(spec).drawn else Start(found)
    return {"distilled": found, "start": start, "random real": random}, spec.config.network, spec.config.width


def _ipc_beside(spec, kept) -> int:
    """Random images of each class to set beside the set of a run: as many, or in as many bytes, as near as whole
    images of every class come."""
    counted = kept.form_name == "pixels" or getattr(spec, "budget", None)
    return max(1, round(kept.stored_ipc)) if counted else spec.ipc


def _file(path: Path, options):
    """The file, opened once so that whatever is wrong with it, or is to be said of it, comes first."""
    from ddkit.data import SOURCES, load, own_size
    from ddkit.specs import File
    from ddkit.synthetic.formats import open_set, own_set

    own = own_set(path)
    dataset, size = own.origin.get("dataset") if own else None, options.size
    if dataset:
        size = own.images.shape[-1]
        _agreed(path, options, dataset=dataset, size=size)
        require(size <= LARGEST or options.size == size, f"{path} holds images of {size} pixels, and at most {LARGEST} "
                                                         "are loaded unasked: repeat it as --size")
        size = None if size == own_size(dataset) else size
    dataset = dataset or options.dataset
    require(dataset is not None, f"{path} does not say whose images it holds: name the data set (--dataset), one of "
                                 f"{', '.join(sorted(SOURCES))}")
    told = {"labels": options.labels, "pixels": options.pixels, "entry": options.entry}
    open_set(path, load(dataset, options.data, size), **told)
    return File.of(path, dataset, size, **({"pixels": options.pixels} if own else told))


def _agreed(path: Path, options, **known) -> None:
    """Refuse options that say anything else than what the set says itself."""
    for name, value in known.items():
        require(getattr(options, name) in (None, value), f"{path} says itself: {name} {value}; leave --{name} out")
