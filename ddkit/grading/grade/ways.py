"""The two ways to mark: what a kernel is told, and which folders it finds, in each."""

from pathlib import Path

from ddkit.grading.findings import Finding
from ddkit.grading.grade.orders import AS_EXECUTED, Order
from ddkit.grading.roster import roster

_RE_EXECUTED = {"DDKIT_PROFILE": "quick", "DDKIT_POLYPS": "mhist_like", "DDKIT_REFERENCE": "0"}


def config_of(order: Order):
    """What nbgrader is told to mark a submission, a traitlets ``Config``."""
    from ddkit.grading.kernel.marking import configure

    config = order.course.config()
    configure(config, order.way.limits, order.way.sandbox, *told(order))
    return config


def noticed(order: Order, recomputed) -> list[Finding]:
    """What is noticed about a submission when it has been ``recomputed``, a notebook, beside what its kernel's watch
    noticed: as executed, which numbers and records are not what they say."""
    if order.way.name != AS_EXECUTED:
        return []
    from ddkit.grading import executed

    names = {one.student: one.name for one in roster(order.course) if one.name}
    return executed.compared(order.course, order.student, order.lesson, recomputed, names)


def told(order: Order) -> tuple[dict[str, str], list[tuple[Path, Path]]]:
    """Variables of a kernel, and folders that it finds: (where they are, where it finds a copy)."""
    common = {"DDKIT_NAME": order.student, "OMP_NUM_THREADS": str(order.way.threads)}
    if order.way.name == AS_EXECUTED:
        from ddkit.grading import executed

        environment, binds = executed.told(order.course, order.student, order.lesson)
        return common | environment, binds
    return common | _RE_EXECUTED, []
