"""What the marks of the assignment add up to, for each question, task and in all."""

from collections.abc import Callable

from ddkit.exercises.marks import APPLICATIONS, MARKS, Mark

Question = tuple[int, str]  # the task, and the question in it


def questions(points: Callable[[Mark], float], pair: bool = False) -> dict[Question, float]:
    """The points for each question of the assignment.

    Question 4 of Task 1 counts the better of its applications; of a pair's pipeline, half counts from lesson 6 and the
    rest from lesson 7.

    Args:
        points: of a mark; 0 for what was not handed in.
        pair: whether the student is one of a pair.
    """
    found: dict[Question, float] = {}
    for question in dict.fromkeys((mark.task, mark.question) for mark in MARKS):
        by_choice: dict[str, float] = {}
        for mark in MARKS:
            if (mark.task, mark.question) == question:
                by_choice[mark.choice] = by_choice.get(mark.choice, 0) + points(mark)
        chosen = max((by_choice.get(application, 0) for application in APPLICATIONS), default=0)
        common, of_pairs = by_choice.get("", 0), by_choice.get("pair", 0)
        shared = pair and "pair" in by_choice
        found[question] = chosen + (common / 2 + of_pairs if shared else common)
    return found


def tasks(by_question: dict[Question, float]) -> dict[int, float]:
    """The points for each task."""
    found: dict[int, float] = {}
    for (task, _), value in by_question.items():
        found[task] = found.get(task, 0) + value
    return found


FULL = questions(lambda mark: mark.points)
"""What each question is worth."""
