"""Every mark of the assignment and where it is earned: one table, from which the notebooks take their points.

A name is that of an exercise's check, or of a written answer, in the source of a lesson. Some marks are alternatives:
question 4 of Task 1 is answered in lesson 5 *or* in lesson 9, and a pair does half of Task 2's pipeline with the method
of lesson 7.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """Points for one thing.

    Attributes:
        name: of the check or the answer.
        lesson: the number of the lesson that it stands in.
        task, question: of the assignment.
        points: in halves.
        choice: the alternative that it belongs to; empty: everybody's.
    """

    name: str
    lesson: int
    task: int
    question: str
    points: float
    choice: str = ""

    @property
    def label(self) -> str:
        """Such as ``**✎ Task 1, 2b · 1 mark**``, in Markdown."""
        question = f", {self.question}" if self.question else ""
        return f"**✎ Task {self.task}{question} · {words(self.points)}**"


def words(points: float) -> str:
    """``½ mark``, ``1 mark``, ``1½ marks``."""
    whole, half = divmod(points, 1)
    number = ("½" if half else "") if not whole else f"{whole:.0f}" + ("½" if half else "")
    return f"{number} mark" + ("s" if points > 1 else "")


MARKS = tuple(Mark(*row) for row in (
    ("task1-1a", 2, 1, "1a", 1), ("task1-1b", 2, 1, "1b", 1), ("task1-1c", 2, 1, "1c", 1), ("task1-1d", 2, 1, "1d", 1),
    ("task1-1e", 2, 1, "1e", 1),
    ("convolution-macs", 1, 1, "2a", 0.5), ("baselines", 1, 1, "2a", 0.5),
    ("attention-map", 2, 1, "2b", 1), ("attention-loss", 2, 1, "2b", 1), ("update-loop", 2, 1, "2b", 1),
    ("own-records", 2, 1, "2b", 1),
    ("unnormalise", 3, 1, "2c", 0.5), ("recognisable", 3, 1, "2c", 0.5),
    ("nearest-class", 3, 1, "2d", 0.5), ("noise-records", 3, 1, "2d", 0.5), ("real-or-noise", 4, 1, "2d", 1),
    ("updates", 4, 1, "2e", 0.5), ("standard-errors", 4, 1, "2e", 0.5), ("same-setting", 4, 1, "2e", 1),
    ("gain", 4, 1, "3", 0.5), ("own-network", 4, 1, "3", 0.5), ("other-networks", 4, 1, "3", 1),
    ("herding", 5, 1, "4", 0.5, "continual"), ("forgetting-events", 5, 1, "4", 0.5, "continual"),
    ("widened", 5, 1, "4", 0.5, "continual"), ("memory", 5, 1, "4", 1.5, "continual"),
    ("kendall", 9, 1, "4", 0.5, "search"), ("spearman", 9, 1, "4", 0.5, "search"),
    ("interval", 9, 1, "4", 0.5, "search"), ("proxy", 9, 1, "4", 1.5, "search"),
    ("task2-1a", 6, 2, "1a", 1), ("task2-1b", 6, 2, "1b", 1), ("task2-1c", 6, 2, "1c", 1), ("task2-1d", 6, 2, "1d", 2),
    ("el2n", 6, 2, "2a", 1), ("subset", 6, 2, "2a", 1), ("trajectory-loss", 6, 2, "2a", 1), ("student", 6, 2, "2a", 2),
    ("both-filters", 6, 2, "2a", 3), ("compared", 6, 2, "2a", 2),
    ("leads", 6, 2, "2b", 1), ("table-and-figure", 6, 2, "2b", 1), ("verdict", 6, 2, "2b", 3),
    ("prediction", 7, 2, "2a", 1, "pair"), ("ntk", 7, 2, "2a", 1, "pair"), ("kip-loss", 7, 2, "2a", 1, "pair"),
    ("kip-record", 7, 2, "2a", 2, "pair"),
    ("bisection", 8, 3, "", 1.5), ("own-size", 8, 3, "", 1.5), ("lossless", 8, 3, "", 2),
))
APPLICATIONS = ("continual", "search")  # one of them answers question 4


def named(name: str) -> Mark:
    """The mark of that name; a KeyError names it."""
    return {mark.name: mark for mark in MARKS}[name]


def earned(name: str) -> str:
    """What an exercise of that name earns, in words."""
    return next((words(mark.points) for mark in MARKS if mark.name == name), "for practice: no mark")


def of_lesson(lesson: int) -> tuple[Mark, ...]:
    """The marks that a lesson holds, in the order of the table."""
    return tuple(mark for mark in MARKS if mark.lesson == lesson)


def points(task: int, application: str = "continual", pair: bool = False) -> float:
    """All marks of a task for who chose that application; of a pair's pipeline, half are in lesson 6 and half in 7."""
    total = 0.0
    for mark in (mark for mark in MARKS if mark.task == task):
        shared = pair and mark.task == 2 and mark.question == "2a" and not mark.choice
        taken = not mark.choice or mark.choice == application or (pair and mark.choice == "pair")
        total += mark.points * taken * (0.5 if shared else 1)
    return total


def course_part(lesson: int) -> str:
    """What the head of a lesson says, such as ``Task 1: 2a (1 mark)``."""
    by_question: dict[tuple[int, str], float] = {}
    for mark in of_lesson(lesson):
        key = (mark.task, mark.question)
        by_question[key] = by_question.get(key, 0) + mark.points
    parts = [f"{question} ({words(value)})".lstrip() for (_, question), value in by_question.items()]
    tasks = {task for task, _ in by_question}
    if not tasks:
        return "none (no marks)"
    instead = {mark.choice for mark in of_lesson(lesson)} - {""}
    also = {"continual": ", or lesson 9 instead", "search": ", or lesson 5 instead",
            "pair": ", for pairs, with half of lesson 6's"}
    colon = ":" if all(question for _, question in by_question) else ""
    return f"Task {min(tasks)}{colon} {', '.join(parts)}{''.join(also[choice] for choice in sorted(instead))}"
