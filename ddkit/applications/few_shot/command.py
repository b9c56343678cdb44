"""``python -m ddkit fewshot``."""

from pathlib import Path

from ddkit.cli.options import add_data, add_jobs, add_json, add_places, check_all, numbers, show, side_by_side


def add_to(add) -> None:
    parser = add("fewshot", _fewshot, "compare a pre-trained translator with the same one not pre-trained, and with "
                                      "plain pixels, at as many networks met; resumes")
    add_places(parser)
    add_data(parser)
    parser.add_argument("--pretrained", metavar="DIR", help="folder of a 'pretrain' run (None: that on glyphs with its "
                                                            "own knobs, made if there is none)")
    parser.add_argument("--arms", default="pixels,identity,pre-trained", help="separated by commas; also random")
    parser.add_argument("--ipc", type=int, default=1, help="images per class")
    parser.add_argument("--steps", default="0,10,30,100", help="networks met after the first, separated by commas")
    parser.add_argument("--rates", help="to choose from on validation images (None: six from 0.0003 to 0.1)")
    parser.add_argument("--seeds", type=int, default=5, help="sets of each arm")
    parser.add_argument("--trials", type=int, default=1, help="further sets, that the rates are chosen on")
    parser.add_argument("--held-out", type=int, default=0, metavar="N", help="the gate: each set is of so many of the "
                                                                             "classes that the translator never saw")
    parser.add_argument("--part", default="test", help="of the data that sets are judged by: test or val")
    parser.add_argument("--others", default="", help="further networks that judge, separated by commas")
    parser.add_argument("--trained", help="those of the steps after which a network is trained as well (None: none)")
    add_jobs(parser, "sets")
    parser.add_argument("--figure", metavar="DIR", help="draw accuracy against networks and seconds into this folder")
    parser.add_argument("--markdown", action="store_true", help="print the tables as GitHub's Markdown")
    add_json(parser)


def _fewshot(options) -> None:
    from ddkit.applications.few_shot import plots, report
    from ddkit.cli.pretrained import bring
    from ddkit.plots.style import save
    from ddkit.runs import run

    spec = _asked(options)
    check_all([spec], options)
    bring(options, spec)
    with side_by_side(options):
        record = run(spec, root=options.runs, data=options.data)
    style = "github" if options.markdown else "simple"
    text = "\n\n".join([str(record), report.table(record, style), report.leads(record, style)])
    if spec.held_out and {"identity", "pre-trained"} <= set(spec.arms) and spec.seeds > 1 and 0 in spec.steps:
        text += f"\n\n{report.Gate.of(record)}"
    if options.figure:
        drawn, panel = {"networks": plots.against_networks, "seconds": plots.against_seconds}, f"{spec.ipc} per class"
        text += "".join(f"\n\n{save(draw({panel: {'': record}}), Path(options.figure), f'fewshot-{name}')[0]}"
                        for name, draw in drawn.items())
    show(record.as_dict(), options, text)


def _asked(options):
    """The comparison that the options name."""
    from ddkit.applications.few_shot.spec import RATES, FewShot
    from ddkit.cli.pretrained import pretraining_of
    from ddkit.specs import Full

    rates = RATES if options.rates is None else numbers(options.rates, "--rates", float)
    return FewShot(Full(options.dataset, options.size), pretraining_of(options), tuple(options.arms.split(",")),
                   options.ipc, numbers(options.steps, "--steps", int), rates, options.seeds, options.trials,
                   options.held_out, part=options.part, others=tuple(filter(None, options.others.split(","))),
                   trained=() if options.trained is None else numbers(options.trained, "--trained", int))
