"""The two ways to mark: what a kernel is told, and which folders it finds, in each."""

from pathlib import Path

from ddkit.grading.grade.orders import AS_EXECUTED, Order

_ANY = {"DDKIT_REFERENCE": "0", "MPLBACKEND": "agg"}
_RE_EXECUTED = {"DDKIT_PROFILE": "quick", "DDKIT_POLYPS": "mhist_like"}


def config_of(order: Order):
    """What nbgrader is told to mark a submission, a traitlets ``Config``."""
    from ddkit.grading.kernel.marking import configure

    config = order.course.config()
    configure(config, order.way.limits, order.way.sandbox, *told(order))
    return config


def told(order: Order) -> tuple[dict[str, str], list[tuple[Path, Path]]]:
    """Variables of a kernel, and folders that it finds: (where they are, where it finds a copy)."""
    common = _ANY | {"DDKIT_NAME": order.student, "OMP_NUM_THREADS": str(order.way.threads)}
    if order.way.name == AS_EXECUTED:
        from ddkit.grading import executed

        environment, binds = executed.told(order.course, order.student, order.lesson)
        return common | environment, binds
    return common | _RE_EXECUTED, []
