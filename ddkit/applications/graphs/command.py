"""``python -m ddkit condense``."""

from pathlib import Path

from ddkit.cli.options import add_json, add_places, check_all, show


def add_to(add) -> None:
    parser = add("condense", _condense, "condense a graph to a few nodes with edges of their own; resumes")
    add_places(parser)
    parser.add_argument("--dataset", default="cora", help="a graph: cora, citeseer or digits_graph")
    parser.add_argument("--ipc", type=int, default=5, help="synthetic nodes of each class")
    parser.add_argument("--no-edges", action="store_true", help="between synthetic nodes (GCond-X)")
    parser.add_argument("--networks", type=int, default=8, help="that gradients are matched on, 20 updates on each")
    parser.add_argument("--seeds", type=int, default=1, help="condensations")
    parser.add_argument("--figure", metavar="DIR", help="draw the edges and the accuracies into this folder")
    add_json(parser)


def _condense(options) -> None:
    import torch

    from ddkit.applications.graphs import plots, report
    from ddkit.data import load
    from ddkit.foundation.errors import whole
    from ddkit.plots.style import save
    from ddkit.runs import run
    from ddkit.specs import Coreset, Evaluate, Full, RandomReal

    whole(options.seeds, 1, "--seeds")
    name, edged = ("GCond-X", False) if options.no_edges else ("GCond", True)
    made = [report.condense(options.dataset, options.ipc, edged, seed, options.networks)
            for seed in range(options.seeds)]
    compared = {report.ALL: [Full(options.dataset)], report.RANDOM: [RandomReal(options.dataset, options.ipc)],
                report.HERDING: [Coreset(options.dataset, options.ipc)], name: made}
    judges = {row: {seed: Evaluate(source, *report.JUDGES["SGC"]) for seed, source in enumerate(of)}
              for row, of in compared.items()}
    check_all([*made, *(spec for of in judges.values() for spec in of.values())], options)
    found = {"SGC": {row: {seed: run(spec, root=options.runs, data=options.data) for seed, spec in of.items()}
                     for row, of in judges.items()}}
    text = report.table(found)
    if options.figure:
        drawn = {"graph_accuracies": plots.accuracies({options.dataset: found})}
        if edged:
            record = run(made[0], root=options.runs, data=options.data)
            classes = load(options.dataset, options.data).classes
            drawn["graph_edges"] = plots.edges(torch.tensor(record.result["edges"]), record.synthetic.labels, classes)
        text += "".join(f"\n\n{save(figure, Path(options.figure), of)[0]}" for of, figure in drawn.items())
    show({row: {str(seed): record.as_dict() for seed, record in of.items()} for row, of in found["SGC"].items()},
         options, text)
