"""``python -m ddkit membership``."""

from dataclasses import replace
from pathlib import Path

from ddkit.cli.options import (
    add_data,
    add_jobs,
    add_json,
    add_places,
    add_settings,
    check_all,
    require_width_used,
    show,
    side_by_side,
)
from ddkit.foundation.errors import require


def add_to(add) -> None:
    parser = add("membership", _membership, "can one tell from which images a set was made? attacks on many such sets")
    add_places(parser)
    add_data(parser)
    parser.add_argument("--method", default="kip", help="that makes the sets: datadam, kip, private, ...")
    parser.add_argument("--preset", help="its settings (None: its first)")
    parser.add_argument("--ipc", type=int, default=10, help="images per class")
    parser.add_argument("--init", help="what they start from: real, noise, herding, k-centre (None: real, or what the "
                                       "method can only begin with)")
    parser.add_argument("--updates", type=int, help="updates of the images (None: the preset's)")
    add_settings(parser)
    parser.add_argument("--images", type=int, default=10_000, help="training images in question; half are members")
    parser.add_argument("--models", type=int, default=16, help="sets made, each from its own half; attacked in turn")
    parser.add_argument("--protocol", default="standard", help="of the networks trained on them: assignment, standard")
    parser.add_argument("--network", default="ConvNetD3", help="network to train")
    parser.add_argument("--width", type=int, help="its width (None: 8)")
    parser.add_argument("--epochs", type=int, help="instead of the protocol's own length")
    parser.add_argument("--full-epochs", type=int, help="on all members (None: the assignment's 20)")
    parser.add_argument("--no-full", action="store_true", help="leave networks trained on all members out")
    add_jobs(parser, "models")
    parser.add_argument("--figure", metavar="DIR", help="draw accuracy and exposure into this folder")
    add_json(parser)


def _membership(options) -> None:
    from ddkit.applications.privacy import plots, report
    from ddkit.applications.privacy.spec import Membership
    from ddkit.plots.style import save
    from ddkit.runs import run
    from ddkit.specs import Full, RandomReal, Start

    require(options.full_epochs is None or not options.no_full, "--full-epochs is of networks that --no-full leaves "
                                                                "out: give one of them")
    require_width_used(options.width, [options.network])
    distilled = _distillation(options)
    width = 8 if options.width is None else options.width
    asked = Membership(distilled, options.images, options.models, options.protocol, options.network, width,
                       options.epochs)
    specs = {distilled.method: asked, f"its start ({distilled.init})": replace(asked, of=Start(distilled)),
             "random real": replace(asked, of=RandomReal(options.dataset, options.ipc, options.size))}
    if not distilled.draws_start:
        del specs[f"its start ({distilled.init})"]
    if not options.no_full:
        specs["all members"] = replace(asked, of=Full(options.dataset, options.size), protocol="assignment",
                                       epochs=options.full_epochs)
    check_all(specs.values(), options)
    with side_by_side(options):
        records = {name: run(spec, root=options.runs, data=options.data) for name, spec in specs.items()}
    text = report.table(records)
    if options.figure:
        text += f"\n\n{save(plots.exposure(records), Path(options.figure), 'membership')[0]}"
    show({name: record.as_dict() for name, record in records.items()}, options, text)


def _distillation(options):
    """What is asked for, from what its method can only begin with if nothing is said."""
    from ddkit import methods
    from ddkit.cli.options import require_once, settings
    from ddkit.specs import Distill

    first = next(iter(methods.get(options.method).PRESETS))
    preset = first if options.preset is None else options.preset
    spec = Distill(options.dataset, options.method, preset, options.ipc, updates=options.updates, size=options.size,
                   options=settings(options, options.method))
    require_once(dict(spec.options), updates=options.updates)
    return spec.able if options.init is None else replace(spec, init=options.init)
