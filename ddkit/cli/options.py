"""What several commands of the command line share."""

import json
import math
from collections.abc import Container, Iterable
from dataclasses import replace

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.knobs import Knobs, declared
from ddkit.methods import get
from ddkit.networks import takes_width


def add_places(parser) -> None:
    """Where data and runs are."""
    parser.add_argument("--data", metavar="DIR", help="where the data files are (None: DDKIT_DATA, else ./data)")
    add_runs(parser)


def add_runs(parser) -> None:
    """Where runs are."""
    parser.add_argument("--runs", metavar="DIR", help="where runs are kept (None: DDKIT_RUNS, else data/runs)")


def add_out(parser) -> None:
    """Where this run is kept."""
    parser.add_argument("--out", metavar="DIR", help="folder of this run alone, new or empty (None: one under --runs)")


def add_json(parser) -> None:
    """Whether plain data are printed in place of text."""
    parser.add_argument("--json", action="store_true", help="print the record as JSON, nothing else, on stdout")


def add_training(parser, protocol: str, seeds: int, network=None, one_network: bool = True) -> None:
    """How networks are trained."""
    parser.add_argument("--protocol", default=protocol,
                        help="assignment, standard, matched, learned or one of DC-BENCH's: dcbench_none, dcbench_dsa, "
                             "dcbench_autoaugment, dcbench_randaugment, dcbench_imagenet, dcbench_cifar; of a kernel: "
                             "kernel or trained_kernel; of a set that owns its order and rates: prescribed")
    parser.add_argument("--epochs", type=int, help="instead of the protocol's own length")
    parser.add_argument("--seeds", type=int, default=seeds, help="networks to train")
    if one_network:
        parser.add_argument("--network", default=network, help="network to train (None: the distillation's)")
    parser.add_argument("--width", type=int, help="width of a ConvNet (None: the distillation's, else 128)")
    add_precision(parser)


def add_precision(parser, default: str | None = "float32") -> None:
    """What networks compute in."""
    parser.add_argument("--precision", default=default, help="of convolutions and matrix products: float32, or "
                                                             "bfloat16, which may be faster where the processor has "
                                                             "units for it")


def add_data(parser, dataset: str = "digits") -> None:
    """Which data set, at which size."""
    parser.add_argument("--dataset", default=dataset,
                        help="digits, mnist, fashion_mnist, cifar10, mhist, mhist_like, glyphs, omniglot, "
                             "spoken_digits or another source; mnist-4-9 is some classes of it")
    parser.add_argument("--size", type=int, help="side length in pixels (None: the data set's own)")


def add_settings(parser) -> None:
    """Any knob of a method."""
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any knob of the method")


def settings(options, method: str, /, **flags: str) -> tuple[tuple[str, object], ...]:
    """The method's knobs given as ``--set name=value``, as ``flags`` of their own, and by ``--lr``.

    Raises:
        InputError: a knob is given twice, or ``--set`` is no pair.
    """
    found = read(options.set, "--set", words_of(get(method).Config), **flags)
    if getattr(options, "lr", None) is not None:
        require("image_lr" not in found, "--lr is image_lr, which is given twice: leave one out")
        found["image_lr"] = options.lr
    return tuple(sorted(found.items()))


def require_once(knobs: Container[str], **own: object) -> None:
    """Refuse knobs of ``--set`` that other options of the command decide.

    Args:
        own: what these say, by the knob's name; None of a knob that they leave open.
    """
    for name, value in own.items():
        require(value is None or name not in knobs, f"--{name} says {name} {value}: leave {name} out of --set")


def words_of(config: type[Knobs]) -> set[str]:
    """The knobs whose values are names."""
    return {knob.name for knob in declared(config) if knob.kind is str}


def read(texts: list[str], flag: str, words: Container[str] = (), /, **more: str) -> dict[str, object]:
    """The values given as ``NAME=VALUE`` by a flag, and others, by name: each as JSON if it is, else as text; of
    ``words`` also what looks like another kind of JSON is text, as the class 7 is.

    Raises:
        InputError: one is given twice, or is no pair.
    """
    found: dict[str, object] = {}
    for name, value in [*(_pair(text, flag) for text in texts), *more.items()]:
        require(name not in found, f"{name} is given twice: leave one out")
        try:
            given = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            given = value
        found[name] = value if name in words and not isinstance(given, str) else given
    return found


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    require(bool(equals), f"{flag} takes name=value, got '{text}'")
    return name, value


def add_distillation(parser) -> None:
    """What ``distillation`` reads: how sets are made, and on which network."""
    parser.add_argument("--method", default="datadam", help="that makes the sets: datadam, kip, ...")
    parser.add_argument("--preset", help="its settings (None: course, else the method's first)")
    parser.add_argument("--ipc", type=int, default=10, help="images per class")
    parser.add_argument("--updates", type=int, help="updates of the images (None: the preset's)")
    add_settings(parser)
    parser.add_argument("--network", default="ConvNetD3", help="network to train, and to match where the method does")
    parser.add_argument("--width", type=int, help="width of a ConvNet (None: 128)")


def distillation(options, **changes):
    """What the options of ``add_distillation`` ask for, as a ``Distill``; a method whose network is infinitely wide
    matches no other, and only a ConvNet has a width."""
    from ddkit.methods import presets
    from ddkit.specs import Distill
    from ddkit.training.kernels import InfiniteNetwork

    preset = presets.usual(options.method) if options.preset is None else options.preset
    spec = Distill(options.dataset, options.method, preset, options.ipc, updates=options.updates,
                   size=options.size, options=settings(options, options.method), **changes)
    require_once(dict(spec.options), updates=options.updates)
    if InfiniteNetwork.named(spec.config.network) is not None:
        return spec
    require_once(dict(spec.options), network=options.network, width=width_of(options))
    width = width_of(options) if options.network.startswith("ConvNet") else None
    return replace(spec, network=options.network, width=width)


def numbers(text: str, flag: str, kind: type = float) -> tuple:
    """Numbers given with commas between them.

    Raises:
        InputError: they are none, or nothing is given.
    """
    try:
        return tuple(map(kind, text.split(",")))
    except ValueError as error:
        wanted = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{flag} takes {wanted} separated by commas, as 1,10, got '{text}'") from error


def show(content, options, text: str) -> None:
    """Print the content as JSON if asked for, else the text; a number that is none, or infinite, is null in JSON."""
    print(json.dumps(_finite(content), allow_nan=False) if options.json else text)


def _finite(content):
    """Plain data with None for numbers that JSON has no word for."""
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


WIDTH = 128  # of ConvNets, where nothing else is said


def width_of(options, otherwise: int = WIDTH) -> int:
    """The width asked for, else that of the distillation or the default."""
    return otherwise if options.width is None else options.width


def require_width_used(width: int | None, networks: Iterable[str]) -> None:
    """Refuse a width that no network asked for would take."""
    require(width is None or any(takes_width(name) for name in networks),
            f"--width is the width of a ConvNet, and {', '.join(networks)} takes none: leave it out")


def add_jobs(parser, made: str) -> None:
    """How many trainings at the same time, each then with its share of the processors."""
    parser.add_argument("--jobs", type=int, default=1, help=f"{made} made at the same time, which on processors "
                                                            "of their own is faster than one after the other")


def side_by_side(options):
    """While the block runs, as many trainings at the same time as asked for; -1 is one for each processor."""
    from joblib import parallel_config

    require(options.jobs != 0, "--jobs is at least 1, or -1 for all processors, got 0")
    return parallel_config(n_jobs=options.jobs)


def check_all(specs: Iterable, options) -> None:
    """Refuse what any of the specs cannot do, before the first of them is run; they are of one data set."""
    specs = list(specs)
    for spec in specs:
        spec.check()
    dataset = specs[0].load(options.data)
    for spec in specs:
        spec.check_on(dataset)
