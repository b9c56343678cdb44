"""The questions that the report answers, under the assignment's numbers and in our own words."""

from dataclasses import dataclass

DATADAM, PAD = "DataDAM", "PAD"


@dataclass(frozen=True)
class Question:
    """A heading of the report.

    Attributes:
        key: as in ``1.2a``: the task, then the question.
        title: a few words.
        asked: what is to be answered by the student.
    """

    key: str
    title: str
    asked: str

    @property
    def task(self) -> int:
        return int(self.key[0])

    @property
    def number(self) -> str:
        """As the assignment counts within the task; empty where a task is one question."""
        return self.key[2:]

    @property
    def heading(self) -> str:
        return f"{self.number}) {self.title}" if self.number else self.title

    @property
    def file(self) -> str:
        """The name of the student's text."""
        return f"task{self.task}" + f"-{self.number}" * bool(self.number)


TASKS = {1: "Task 1: dataset distillation by attention matching", 2: "Task 2: a second method beside it",
         3: "Task 3: lossless distillation"}

_TASK_1 = {
    "1.1a": ("What it is for", "What is dataset distillation for, as the DataDAM paper has it: which problem does it "
             "solve, and for whom?"),
    "1.1b": ("What it does better", "What does its method do better than the state of the art of its time, and why? "
             "Name the figures that show it."),
    "1.1c": ("What is new", "What is new in it against its predecessors, one by one: what did each of them match?"),
    "1.1d": ("The method", "Describe the method in full detail: attention maps, both parts of the loss, the loops, "
             "every symbol."),
    "1.1e": ("What it is useful for", "Name at least two applications in machine learning that it is useful for, and "
             "say why."),
    "1.2a": ("The full data", "Train a network on the full data: accuracy, and FLOPs for the whole test set. Why is "
             "this the upper bound for what follows?"),
    "1.2b": ("Distillation from real images", "Distil by attention matching from random real images. Which settings "
             "are those of the assignment's table, which are not, and why? What do the loss and the images tell?"),
    "1.2c": ("The condensed images", "Are the condensed images recognisable? Support it: by the pictures, and by more "
             "than the pictures."),
    "1.2d": ("From noise", "Are the scores and the pictures that come of noise comparable with those that come of real "
             "images? Discuss both."),
    "1.2e": ("Training on the condensed images", "Train from scratch on the condensed images in exactly the setting of "
             "2a. What do accuracy and training time say, beside 2a, the start and random real images?"),
    "1.3": ("Other architectures", "Are networks that took no part in the distillation served as well? Was it a "
            "success on both data sets? Give reasons."),
    "1.4": ("An application", "Take one of the applications of 1e: what does it gain from condensed images, in "
            "pictures and in numbers, and what would it have without them?"),
}
_METHOD = {
    "2.1a": ("Which gap it fills", "Which gap in knowledge does {method} fill?"),
    "2.1b": ("What is new", "What is new in {method} against what it builds on?"),
    "2.1c": ("The method", "Describe {method} in full detail: its stages, its loss, every symbol."),
    "2.1d": ("For and against", "Advantages and disadvantages of {method}: can it really distil the original data, "
             "and could it cope with data like ImageNet? Why?"),
}
_TASK_2 = {
    "2.2a": ("Both stages", "How was {methods} run, stage by stage, and with which settings? Where do they differ from "
             "the paper's, and is the comparison fair?"),
    "2.2b": ("Against attention matching", "Does {methods} beat attention matching? Say it in numbers with their "
             "errors and in pictures, and compare how it generalises and whether its images can be recognised."),
}
_TASK_3 = ("How small can it be", "Which is the smallest number of images per class at which nothing is lost against "
           "the full data? Say how that was decided, what it cost, and what is not known.")


def questions(second: str | None = None) -> dict[str, Question]:
    """All questions by key, in order; ``second`` is the other method of those who work in pairs, by name."""
    methods = [PAD, *([second] if second else [])]
    asked = dict(_TASK_1)
    for method in methods:
        mark = "" if method == PAD else f"-{method}"
        asked |= {key + mark: (f"{title} ({method})", text.format(method=method))
                  for key, (title, text) in _METHOD.items()}
    asked |= {key: (title, text.format(methods=" and ".join(methods))) for key, (title, text) in _TASK_2.items()}
    asked["3"] = _TASK_3
    return {key: Question(key, *said) for key, said in asked.items()}
