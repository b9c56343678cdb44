"""What comes of marking: a table of marks, pages for students, and the page on which a person marks."""

from ddkit.grading.results import feedback, formgrader, marks


def add_to(add) -> None:
    """The commands of this room."""
    for module in (formgrader, marks, feedback):
        module.add_to(add)
