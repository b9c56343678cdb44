"""``python -m ddkit texts``."""

from pathlib import Path

from ddkit.cli.options import add_json, add_places, check_all, show


def add_to(add) -> None:
    parser = add("texts", _texts, "distil means of word vectors with KIP, beside counted words, and read them; resumes")
    add_places(parser)
    parser.add_argument("--ipc", type=int, default=1, help="texts of each class")
    parser.add_argument("--seeds", type=int, default=1, help="distillations")
    parser.add_argument("--words", type=int, default=10, help="that each distilled text is spelt with")
    parser.add_argument("--in-order", action="store_true",
                        help="texts of 64 words in order, by DM and RFAD, before a TextCNN, in the place of means")
    parser.add_argument("--figure", metavar="DIR", help="draw the accuracies into this folder")
    add_json(parser)


def _texts(options) -> None:
    from ddkit.applications.texts import ordered, plots, report
    from ddkit.applications.texts.spec import Spelt
    from ddkit.foundation.errors import whole
    from ddkit.plots.style import save
    from ddkit.runs import run

    whole(options.seeds, 1, "--seeds")
    about = ordered if options.in_order else report
    specs = about.judged(options.ipc, options.seeds)
    told = {} if options.in_order else {"KIP": Spelt(report.kip(options.ipc, 0), options.words)}
    check_all([spec for part in specs.values() for of in part.values() for spec in of.values()] + [*told.values()],
              options)
    found = {ipc: {name: {seed: run(spec, root=options.runs, data=options.data) for seed, spec in of.items()}
                   for name, of in part.items()} for ipc, part in specs.items()}
    said = {name: run(spec, root=options.runs, data=options.data) for name, spec in told.items()}
    text = about.table(found) + "\n\n"
    text += ordered.moved_table(ordered.reread(found[options.ipc])) if options.in_order else report.words_table(said)
    if options.figure:
        text += f"\n\n{save(plots.accuracies(found), Path(options.figure), 'text_accuracies')[0]}"
    show({name: {str(seed): record.as_dict() for seed, record in of.items()}
          for part in found.values() for name, of in part.items()}, options, text)
