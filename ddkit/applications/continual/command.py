"""``python -m ddkit continual``."""

from dataclasses import replace
from pathlib import Path

from ddkit.cli.options import (
    add_data,
    add_json,
    add_places,
    add_settings,
    check_all,
    require_once,
    require_width_used,
    settings,
    show,
    width_of,
)
from ddkit.foundation.errors import one_of, require

PRESETS = {"pad": "trajectory", "datm": "trajectory", "mtt": "trajectory"}  # methods that are asked for by preset


def add_to(add) -> None:
    continual = add("continual", _continual, "learn the classes in steps with memories of a few images; resumes")
    add_places(continual)
    add_data(continual)
    continual.add_argument("--memory", default="random,herding,datadam",
                           help="separated by commas: random, herding, k-centre, datadam, rfad, kip, frepo, pad, ...")
    continual.add_argument("--ipc", type=int, default=10, help="images per class that are kept")
    continual.add_argument("--init", help="what distilled memories start from: random real images (real), chosen "
                                          "ones (herding, k-centre) or noise (None: real, or what the method can only "
                                          "begin with)")
    continual.add_argument("--steps", default="0,1/2,3/4,5/6,7/8,9", help="labels that arrive in each step")
    continual.add_argument("--protocol", default="gdumb", help="gdumb (train anew on the memory) or replay (go on "
                                                               "with new data and the memory)")
    continual.add_argument("--network", default="ConvNetD3", help="network to match and to train")
    continual.add_argument("--width", type=int, help="its width, of a ConvNet (None: 128)")
    continual.add_argument("--seeds", type=int, default=5, help="how often all of it is done")
    continual.add_argument("--epochs", type=int, help="of each training (None: the protocol's)")
    continual.add_argument("--updates", type=int, help="of a distilled memory (None: the preset's)")
    add_settings(continual)
    continual.add_argument("--figure", metavar="DIR", help="draw the curves into this folder")
    add_json(continual)


def _continual(options) -> None:
    from ddkit.applications.continual import plots, report
    from ddkit.applications.continual.spec import Continual
    from ddkit.plots.style import save
    from ddkit.runs import run

    _require_used(options)
    specs = {name: Continual(_memory(name, options), _steps(options.steps), options.protocol, options.network,
                             width_of(options), options.seeds, options.epochs) for name in options.memory.split(",")}
    check_all(specs.values(), options)
    records = {name: run(spec, root=options.runs, data=options.data) for name, spec in specs.items()}
    text = report.table(records)
    if options.figure:
        drawn = plots.accuracy_after_each_step(records)
        text += f"\n\n{save(drawn, Path(options.figure), 'continual')[0]}"
    show({name: record.as_dict() for name, record in records.items()}, options, text)


def _require_used(options) -> None:
    """Refuse what would change nothing."""
    from ddkit.methods.coresets import METHODS

    require_width_used(options.width, [options.network])
    given = [f"--{name}" for name in ("init", "updates", "set") if getattr(options, name) not in (None, [])]
    require(not given or not set(options.memory.split(",")) <= set(METHODS),
            f"{' and '.join(given)} would say how memories are distilled, and of {options.memory} none is: leave "
            f"{'it' if len(given) == 1 else 'them'} out")


def _memory(name: str, options):
    """The coreset or distillation of that name."""
    from ddkit import methods
    from ddkit.methods import presets
    from ddkit.methods.coresets import METHODS
    from ddkit.specs import Coreset, Distill

    one_of(name, (*METHODS, *methods.METHODS, *PRESETS), "memory")
    if name == "forgetting":
        return Coreset(options.dataset, options.ipc, name, options.network, width_of(options), size=options.size)
    if name in METHODS:
        return Coreset(options.dataset, options.ipc, name, size=options.size)
    infinite = name == "kip"  # whose network is none that could be trained
    method = PRESETS.get(name, name)
    own = {"updates": options.updates} | ({} if infinite else {"network": options.network, "width": width_of(options)})
    spec = Distill(options.dataset, method, name if name in PRESETS else presets.usual(name), options.ipc,
                   size=options.size, options=settings(options, method), **own)
    require_once(dict(spec.options), **own)
    return spec.able if options.init is None else replace(spec, init=options.init)


def _steps(text: str) -> tuple[tuple[int, ...], ...]:
    steps = [step.split(",") for step in text.split("/")]
    require(all(label.strip().isdecimal() for step in steps for label in step),
            f"--steps takes labels, with a comma between them and a slash between steps, as 0,1/2,3, got '{text}'")
    return tuple(tuple(map(int, step)) for step in steps)
