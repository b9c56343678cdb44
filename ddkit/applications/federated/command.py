"""``python -m ddkit federated``."""

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
    require_width_used,
    show,
    side_by_side,
    width_of,
)
from ddkit.foundation.errors import InputError


def add_to(add) -> None:
    parser = add("federated", _federated, "clients who keep their images: what is sent instead, how many bytes")
    add_places(parser)
    add_data(parser)
    parser.add_argument("--clients", type=int, default=10, help="among whom the training images are dealt")
    parser.add_argument("--alpha", default="0.5", help="of the Dirichlet distribution that deals them, or even; "
                                                       "several with commas between them")
    parser.add_argument("--images", type=int, help="training images of all clients together (None: all)")
    add_distillation(parser)
    parser.add_argument("--rounds", type=int, default=10, help="of FedAvg and FedDM")
    parser.add_argument("--local-epochs", type=int, default=1, help="of a client's training in a round of FedAvg")
    parser.add_argument("--feddm", type=float, nargs="?", const=5.0, metavar="RADIUS", help="a row for FedDM, too, in "
                        "a ball of this radius (5): in every round sets of --ipc images begin as noise, or as they "
                        "were sent last, and take --updates and --epochs")
    parser.add_argument("--epochs", type=int, help="of the server on what was sent (None: the standard protocol's)")
    parser.add_argument("--full-epochs", type=int, help="of the server on all raw data (None: the assignment's 20)")
    parser.add_argument("--seeds", type=int, default=5, help="how often all of it is done")
    add_jobs(parser, "seeds")
    parser.add_argument("--figure", metavar="DIR", help="draw accuracy against bytes into this folder")
    add_json(parser)


def _federated(options) -> None:
    from ddkit.applications.federated import plots, report
    from ddkit.plots.style import save
    from ddkit.runs import run

    require_width_used(options.width, [options.network])
    specs = {report.said(alpha): _asked(options, alpha) for alpha in _alphas(options.alpha)}
    check_all((spec for of in specs.values() for spec in of.values()), options)
    with side_by_side(options):
        records = {alike: {name: run(spec, root=options.runs, data=options.data) for name, spec in of.items()}
                   for alike, of in specs.items()}
    text = report.table(records)
    if options.figure:
        text += f"\n\n{save(plots.accuracy_against_bytes(records), Path(options.figure), 'federated')[0]}"
    show({alike: {name: record.as_dict() for name, record in of.items()} for alike, of in records.items()}, options,
         text)


def _asked(options, alpha: float | None) -> dict:
    """What is run for one way to deal the images, by the name of its row."""
    from ddkit.applications.federated import FedAvg, FedDM, OneShot, report
    from ddkit.specs import Full, RandomReal

    full, made = Full(options.dataset, options.size), distillation(options)
    size = {"network": options.network, "width": width_of(options), "seeds": options.seeds}
    shot = OneShot(made, options.clients, alpha, options.images, epochs=options.epochs, **size)
    dealt = {"of": full, "clients": options.clients, "alpha": alpha, "images": options.images, "rounds": options.rounds}
    given = {"updates": options.updates, "server_epochs": options.epochs}
    near = {} if options.feddm is None else {report.MATCHED: FedDM(
        **dealt, **size, ipc=options.ipc, radius=options.feddm,
        **{name: value for name, value in given.items() if value is not None})}
    return {report.RANDOM: replace(shot, of=RandomReal(options.dataset, options.ipc, options.size)), made.method: shot,
            **near,
            report.RAW: replace(shot, of=full, protocol="assignment", epochs=options.full_epochs),
            report.AVERAGED: FedAvg(**dealt, **size, local_epochs=options.local_epochs)}


def _alphas(text: str) -> list[float | None]:
    try:
        return [None if part.strip() == "even" else float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"--alpha takes numbers, or even, separated by commas, got '{text}'") from error
