"""``python -m ddkit course``: the main job."""

from dataclasses import replace
from pathlib import Path

from ddkit.cli.options import add_jobs, add_places, side_by_side
from ddkit.foundation.progress import say


def add_to(add) -> None:
    course = add("course", _course, "the whole of Task 1: baseline, DataDAM from real and from noise, scores, transfer")
    add_places(course)
    course.add_argument("--dataset", help="data set, whole (None: the profile's)")
    course.add_argument("--profile", default="quick", help="quick (digits, minutes), laptop (MNIST), full (Table 1)")
    add_jobs(course, "networks of an evaluation")
    course.add_argument("--figures", default="figures", metavar="DIR", help="where the figures go")
    course.add_argument("--markdown", action="store_true", help="print the tables as GitHub's Markdown")


def _course(options) -> None:
    from ddkit.course import task_1
    from ddkit.course.profiles import profile

    chosen = replace(profile(options.profile, options.dataset), follows=False)  # whatever is chosen in the lessons
    with side_by_side(options):
        results = task_1.work(chosen, root=options.runs, data=options.data, say=say)
    paths = task_1.figures(results, chosen, Path(options.figures) / f"{chosen.name}-{chosen.dataset}")
    print(task_1.report(results, chosen, "github" if options.markdown else "simple"))
    print(f"\n{len(paths)} figures in {paths[0].parent}")
