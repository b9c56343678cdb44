"""What the specs of all applications have in common."""

from ddkit.jobs import Job, Outcome
from ddkit.specs import Source, Spec, key

__all__ = ["Application", "Job", "Outcome"]


class Application(Spec):
    """Base of specs that work on a source, ``of``."""

    of: Source

    @property
    def dataset(self) -> str:
        return self.of.dataset

    @property
    def size(self) -> int | None:
        return self.of.size

    @property
    def name(self) -> str:
        return f"{type(self).__name__.lower()}-{self.dataset}-{type(self.of).__name__.lower()}-{key(self)}"
