"""``python -m ddkit recommend``."""

from dataclasses import fields
from pathlib import Path

from ddkit.cli.options import add_jobs, add_json, add_places, check_all, numbers, show, side_by_side

_KNOBS = {"seeds": "splits of the events", "steps": "of Adam on the learned users' logits",
          "every": "steps from one validation to the next", "draws": "of a learned user's events",
          "tau": "temperature of the draws", "rate": "of Adam", "ridge": "of the loss that users are learned by",
          "sparsity": "weight of the number of their events in that loss", "start": "logits of a real user's events"}


def add_to(add) -> None:
    from ddkit.applications.recommenders.spec import Recommend

    parser = add("recommend", _recommend, "recommendations from a few learned users, beside random ones and all")
    add_places(parser)
    parser.add_argument("--dataset", default="tastes", help="tastes (drawn by a program) or ml-100k (your own copy)")
    parser.add_argument("--number", default="50", help="of users; several with commas between them")
    for field in fields(Recommend):
        if field.name in _KNOBS:
            parser.add_argument(f"--{field.name}", type=field.type, default=field.default, help=_KNOBS[field.name])
    add_jobs(parser, "splits")
    parser.add_argument("--figure", metavar="DIR", help="draw nDCG@10 into this folder")
    add_json(parser)


def _recommend(options) -> None:
    from ddkit.applications.recommenders import plots, report
    from ddkit.applications.recommenders.spec import Recommend
    from ddkit.plots.style import save
    from ddkit.runs import run

    common = Recommend(options.dataset, **{name: getattr(options, name) for name in _KNOBS})
    specs = report.rows(common, numbers(options.number, "--number", int))
    check_all(specs.values(), options)
    with side_by_side(options):
        records = {name: run(spec, root=options.runs, data=options.data) for name, spec in specs.items()}
    text = f"{report.table(records)}\n\n{report.leads(records)}"
    if options.figure:
        text += f"\n\n{save(plots.ndcg(records), Path(options.figure), 'recommenders')[0]}"
    show({name: record.as_dict() for name, record in records.items()}, options, text)
