"""``python -m ddkit report``: the course report, from the records at hand."""

from ddkit.cli.options import add_places


def add_to(add) -> None:
    report = add("report", _report, "write the course report from the records at hand, as LaTeX and Markdown; trains "
                                    "nothing")
    report.add_argument("out", metavar="FOLDER", help="of the report; what you wrote there stays")
    add_places(report)
    report.add_argument("--profile", help="quick, laptop or full (None: DDKIT_PROFILE, else laptop)")
    report.add_argument("--dataset", help="of the lessons, whole (None: the profile's)")
    report.add_argument("--polyps", help="mhist or mhist_like (None: DDKIT_POLYPS, else mhist where a copy lies in the "
                                         "data folder)")
    report.add_argument("--second", help="of a pair, the method beside PAD: KIP, RFAD or FRePo")


def _report(options) -> None:
    from ddkit import report
    from ddkit.course.profiles import of_polyps, profile

    chosen = profile(options.profile, options.dataset), of_polyps(options.profile, options.polyps, options.data)
    print(report.write(options.out, *chosen, second=options.second, root=options.runs, data=options.data))
