"""What the specs of all applications have in common."""

from ddkit.data import Dataset
from ddkit.jobs import Job, Outcome
from ddkit.specs import Source, key, origin

__all__ = ["Application", "Job", "Outcome"]


class Application:
    """Base of specs that say themselves how they are carried out; what they work on is the source ``of``."""

    of: Source

    @property
    def numbers(self) -> dict:
        """What decides the outcome beside the fields, or stands for a name among them, as a protocol's numbers do."""
        return {}

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        raise NotImplementedError

    def check_on(self, dataset: Dataset) -> None:
        """Raise InputError for whatever can be seen to be wrong once the data set is loaded, before any work."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        kind = type(self).__name__.lower()
        return f"{kind}-{origin(self.of).dataset}-{type(self.of).__name__.lower()}-{key(self)}"

    def work(self, job: Job) -> Outcome:
        """Do what is asked for, or go on with it."""
        raise NotImplementedError
