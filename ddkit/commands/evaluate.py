"""``python -m ddkit evaluate`` and ``transfer``: networks trained on a set."""

from ddkit.cli import sets
from ddkit.cli.options import (
    add_jobs,
    add_json,
    add_places,
    add_training,
    check_all,
    require_width_used,
    show,
    side_by_side,
    width_of,
)


def add_to(add) -> None:
    evaluate = add("evaluate", _evaluate, "train networks on a set; on that of a run's folder, beside its start and "
                                          "random real images")
    add_places(evaluate)
    sets.add_options(evaluate)
    add_training(evaluate, protocol="standard", seeds=5)
    add_jobs(evaluate, "networks")
    add_json(evaluate)

    transfer = add("transfer", _transfer, "score a distilled set on other networks")
    add_places(transfer)
    sets.add_options(transfer)
    transfer.add_argument("--networks", default="MLP,LeNet,AlexNet,VGG11,ResNet18", help="separated by commas")
    add_training(transfer, protocol="standard", seeds=3, one_network=False)
    add_jobs(transfer, "networks")
    add_json(transfer)


def _evaluate(options) -> None:
    from ddkit.plots import tables
    from ddkit.runs import run

    sources, network, width = sets.sources(options)
    specs = _asked(options, sources, network, width)
    check_all(specs.values(), options)
    with side_by_side(options):
        records = {name: run(spec, root=options.runs, data=options.data) for name, spec in specs.items()}
    first, *others = records
    beside = {name: records[name].scores.summary() for name in others}
    content = {**records[first].as_dict(), **records[first].scores.summary(), "beside": beside}
    show(content, options, f"{sets.heading(sources)}\n\n{tables.scores(records)}")


def _asked(options, sources: dict, network: str, width: int) -> dict:
    """What to run, by the name of its row. A set that owns its order is scored as prescribed and as ordinary data."""
    from ddkit.specs import Evaluate
    from ddkit.specs.evaluate import OF_THE_SET
    from ddkit.training import PROTOCOLS

    schedule = sets.schedule(options)
    if schedule:
        network, width = schedule.network, schedule.width
    network, width = network if options.network is None else options.network, width_of(options, width)
    require_width_used(options.width, [network])
    ordinary = "standard" if options.protocol in OF_THE_SET else options.protocol  # brings no numbers of its own
    first, *others = sources
    rows = [(first, options.protocol), *((name, ordinary) for name in others)]
    if schedule and options.protocol == "prescribed":
        rows.insert(1, (first, ordinary))
    elif (schedule and options.protocol in PROTOCOLS
          and (not schedule.fixed or (network, width) == (schedule.network, schedule.width))):
        rows.insert(1, (first, "prescribed"))

    def named(name: str, protocol: str) -> str:
        return name if protocol == options.protocol else f"{name} ({protocol} protocol)"

    def spec(source, protocol: str) -> Evaluate:
        if protocol != "prescribed":
            return Evaluate(source, protocol, network, width, options.seeds, options.epochs, options.precision)
        seeds = 1 if schedule and schedule.fixed else options.seeds  # its own weights leave nothing to chance
        epochs = options.epochs if options.protocol == "prescribed" else None  # beside others it has its own steps
        return Evaluate(source, protocol, network, width, seeds, epochs, options.precision)

    return {named(name, protocol): spec(sources[name], protocol) for name, protocol in rows}


def _transfer(options) -> None:
    from ddkit.plots import tables
    from ddkit.runs import run
    from ddkit.specs import Evaluate

    sources, _, width = sets.sources(options)
    networks = options.networks.split(",")
    require_width_used(options.width, networks)
    specs = {name: {network: Evaluate(source, options.protocol, network, width_of(options, width), options.seeds,
                                      options.epochs, options.precision) for network in networks}
             for name, source in sources.items()}
    check_all([spec for row in specs.values() for spec in row.values()], options)
    with side_by_side(options):
        records = {name: {n: run(spec, root=options.runs, data=options.data) for n, spec in row.items()}
                   for name, row in specs.items()}
    content = {name: {n: r.as_dict() for n, r in row.items()} for name, row in records.items()}
    show(content, options, f"{sets.heading(sources)}\n\n{tables.transfer(records)}")
