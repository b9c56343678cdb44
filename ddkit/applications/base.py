"""What the specs of all applications have in common."""

from ddkit.runs.jobs import Job, Outcome
from ddkit.runs.spec import OfSource, Source, Spec, key

__all__ = ["Application", "Job", "Outcome"]


class Application(OfSource, Spec):
    """Base of specs that work on a source, ``of``."""

    of: Source

    @property
    def name(self) -> str:
        return f"{type(self).__name__.lower()}-{self.dataset}-{type(self.of).__name__.lower()}-{key(self)}"
