"""A student's page of all lessons: marks for each question, what a person wrote, and what was noticed."""

from html import escape

from ddkit.exercises.marks import MARKS
from ddkit.grading.results.scores import Lesson, Score
from ddkit.grading.roster import Student

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ max-width: 46em; margin: 2em auto; padding: 0 1em; font-family: sans-serif; line-height: 1.4; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border-bottom: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top; }}
td.number {{ text-align: right; white-space: nowrap; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
_QUESTION = {(mark.lesson, mark.name): f"Task {mark.task} {mark.question}".strip() for mark in MARKS}


def page(one: Student, lessons: dict[str, Lesson], cells: dict[str, dict[str, float]],
         sentences: dict[str, list[str]], totals: list[tuple[str, str]]) -> str:
    """The page, as HTML.

    Args:
        one: whose it is.
        lessons: theirs, by name.
        cells: the graded cells of each lesson with their points.
        sentences: what was noticed in each lesson, and in "" about the files as a whole, fit for the student.
        totals: what the marks add up to, as ``marks.totals`` says it.
    """
    parts = [_lesson(lesson, cells[name], sentences[name]) for name, lesson in lessons.items()]
    body = "\n".join([_totals(totals), _noticed(sentences[""]), *parts])
    return _PAGE.format(title=escape(f"Marks of {one.name or one.student}"), body=body)


def _lesson(lesson: Lesson, cells: dict[str, float], sentences: list[str]) -> str:
    head = f"<h2>{escape(lesson.name)}</h2>"
    noticed = _noticed(sentences)
    if lesson.state:
        return f"{head}\n<p>This lesson was {escape(lesson.state)}.</p>\n{noticed}"
    rows = "\n".join(_row(lesson, name, most) for name, most in cells.items())
    total = sum(score.points or 0 for score in lesson.scores.values())
    return (f'{head}\n<p>Marked {escape(lesson.way)}; <a href="{escape(lesson.name)}/{escape(lesson.name)}.html">your '
            f"notebook with the checks</a>.</p>\n<table>\n<tr><th>part</th><th>question</th><th>marks</th>"
            f"<th>comment</th></tr>\n{rows}\n<tr><th>all</th><td></td><td class=number>{total:g} of "
            f"{sum(cells.values()):g}</td><td></td></tr>\n</table>\n{noticed}")


def _totals(totals: list[tuple[str, str]]) -> str:
    rows = (f"<tr><td>{escape(what)}</td><td class=number>{points} of {most}</td></tr>" for head, points in totals
            for what, _, most in (head.replace(" in all /", " /").rpartition(" /"),))
    return f"<table>\n{''.join(rows)}\n</table>"


def _noticed(sentences: list[str]) -> str:
    points = "".join(f"<li>{escape(one)}</li>" for one in sentences)
    return f"<p>What was noticed:</p>\n<ul>{points}</ul>" if sentences else ""


def _row(lesson: Lesson, name: str, most: float) -> str:
    score = lesson.scores.get(name, Score(None))
    marks = f"{score.points:g} of {most:g}" if score.points is not None else f"not marked yet, of {most:g}"
    question = _QUESTION.get((int(lesson.name[:2]), name), "")
    return (f"<tr><td>{escape(name)}</td><td>{question}</td><td class=number>{marks}</td>"
            f"<td>{escape(score.comment)}</td></tr>")
