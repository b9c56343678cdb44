"""``python -m ddkit backdoor``."""

from dataclasses import replace
from pathlib import Path

from ddkit.cli.options import (
    add_data,
    add_distillation,
    add_jobs,
    add_json,
    add_places,
    check_all,
    distillation,
    numbers,
    require_width_used,
    show,
    side_by_side,
    width_of,
)


def add_to(add) -> None:
    parser = add("backdoor", _backdoor, "a trigger hidden in the real data: is it in the set, and in networks?")
    add_places(parser)
    add_data(parser)
    add_distillation(parser)
    parser.add_argument("--init", default="real", help="what they start from: real, noise, herding or k-centre")
    parser.add_argument("--shares", default="0,0.01,0.05,0.2", help="of the training images that are poisoned, "
                                                                    "separated by commas")
    parser.add_argument("--target", type=int, default=0, help="the label that they get")
    parser.add_argument("--side", type=int, default=2, help="of the white square that they get, in pixels")
    parser.add_argument("--protocol", default="standard", help="of the networks: assignment, standard or another")
    parser.add_argument("--epochs", type=int, help="instead of the protocol's own length")
    parser.add_argument("--full-epochs", type=int, help="on all poisoned images (None: the assignment's 20)")
    parser.add_argument("--seeds", type=int, default=5, help="networks to train in each row")
    add_jobs(parser, "networks")
    parser.add_argument("--figure", metavar="DIR", help="draw success and the target's images into this folder")
    add_json(parser)


def _backdoor(options) -> None:
    from ddkit.applications.backdoor import plots, report
    from ddkit.applications.backdoor.spec import Backdoor
    from ddkit.plots.style import save
    from ddkit.runs import run
    from ddkit.specs import Full, RandomReal

    require_width_used(options.width, [options.network])
    distilled = distillation(options, init=options.init)
    common = Backdoor(distilled, 0.0, options.target, options.side, options.protocol, options.network,
                      width_of(options), options.seeds, options.epochs)
    rows = {distilled.method: common, "random real": replace(common, of=RandomReal(
        options.dataset, options.ipc, options.size)), "full data": replace(
            common, of=Full(options.dataset, options.size), protocol="assignment", epochs=options.full_epochs)}
    specs = {name: {share: replace(spec, share=share) for share in numbers(options.shares, "--shares")}
             for name, spec in rows.items()}
    check_all((spec for of in specs.values() for spec in of.values()), options)
    with side_by_side(options):
        records = {name: {share: run(spec, root=options.runs, data=options.data) for share, spec in of.items()}
                   for name, of in specs.items()}
    text = report.table(records)
    if options.figure:
        drawn = {"backdoor": plots.success_by_share(records), "backdoor_images": plots.target_images(records)}
        text += "".join(f"\n\n{save(figure, Path(options.figure), name)[0]}" for name, figure in drawn.items())
    show({name: {f"{share:g}": record.as_dict() for share, record in of.items()} for name, of in records.items()},
         options, text)
