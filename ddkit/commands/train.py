"""``python -m ddkit baseline`` and ``experts``: training on the full data."""

from ddkit.cli.options import (
    add_data,
    add_jobs,
    add_json,
    add_out,
    add_places,
    add_precision,
    add_training,
    require_width_used,
    show,
    side_by_side,
    width_of,
)
from ddkit.foundation.errors import one_of


def add_to(add) -> None:
    baseline = add("baseline", _baseline, "train on the full data; report accuracy, MACs, FLOPs and FLOP/s")
    add_places(baseline)
    add_data(baseline)
    add_training(baseline, protocol="assignment", seeds=1, network="ConvNetD3")
    add_jobs(baseline, "networks")
    add_out(baseline)
    add_json(baseline)

    experts = add("experts", _experts, "train expert trajectories for trajectory matching; resumes expert by expert")
    add_places(experts)
    add_data(experts)
    experts.add_argument("--network", default="ConvNetD3", help="network of the experts")
    experts.add_argument("--width", type=int, help="its width, of a ConvNet (None: 128)")
    experts.add_argument("--experts", type=int, default=10, help="how many")
    experts.add_argument("--epochs", type=int, default=50, help="length of each, with a snapshot per epoch")
    experts.add_argument("--sharpness", type=float, default=0.0, help="radius for flat (sharpness-aware) experts")
    experts.add_argument("--gap", type=float, default=0.0, help="weight of GSAM's step beside the radius")
    experts.add_argument("--difficulty", default="none", help="none, or PAD's schedule by el2n or grand")
    experts.add_argument("--half", action="store_true", help="store snapshots in half precision")
    add_precision(experts)
    experts.add_argument("--seed", type=int, default=0, help="of everything random in them")
    add_jobs(experts, "experts")
    experts.add_argument("--export", metavar="FILE", help="also write the field's buffer file")
    add_json(experts)


def _baseline(options) -> None:
    from ddkit.plots import tables
    from ddkit.runs import run
    from ddkit.specs import Evaluate, Full

    one_of(options.protocol, ("assignment", "standard", "matched"), "protocol of a baseline")
    require_width_used(options.width, [options.network])
    spec = Evaluate(Full(options.dataset, options.size), options.protocol, options.network, width_of(options),
                    options.seeds, options.epochs, options.precision)
    with side_by_side(options):
        record = run(spec, root=options.runs, folder=options.out, data=options.data)
    show(record.as_dict(), options, f"{tables.costs(record)}\n\n{record}")


def _experts(options) -> None:
    from ddkit.runs import run
    from ddkit.specs import Experts
    from ddkit.training.experts import Plan

    require_width_used(options.width, [options.network])
    plan = Plan(options.network, width_of(options), options.experts, options.epochs, sharpness=options.sharpness,
                gap=options.gap, difficulty=options.difficulty, half=options.half, precision=options.precision)
    with side_by_side(options):
        record = run(Experts(options.dataset, plan, options.seed, options.size), root=options.runs, data=options.data)
    if options.export:
        from ddkit.data import load

        record.trajectories.export_buffer(options.export, load(options.dataset, options.data, options.size))
    last = ", ".join(f"{100 * accuracies[-1]:.2f}" for accuracies in record.result["accuracies"])
    show(record.as_dict(), options, f"{record}\nvalidation accuracy of the experts at their end: {last} %")
