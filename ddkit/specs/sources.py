"""What networks can be trained on: the full data, random real images, a file, and the start of a set."""

from dataclasses import dataclass
from pathlib import Path

from ddkit.data import Dataset, Split
from ddkit.foundation.errors import require, whole
from ddkit.foundation.randomness import stream
from ddkit.methods import coresets
from ddkit.runs.jobs import Job
from ddkit.runs.spec import OfDataset, OfSource, Source
from ddkit.synthetic import SyntheticSet, check_ipc
from ddkit.synthetic.budget import described, networks_met, storage_of
from ddkit.synthetic.formats import digest, open_set


@dataclass(frozen=True)
class Full(OfDataset, Source):
    """All training images of a data set (the validation part is left out)."""

    dataset: str
    size: int | None = None

    def training_set(self, job: Job, seed: int) -> Split:
        return job.dataset.train

    def takes(self, job: Job) -> dict:
        return _of_real(len(job.dataset.train), job.dataset)


@dataclass(frozen=True)
class RandomReal(OfDataset, Source):
    """Random real images, ``ipc`` of each class, drawn anew for every evaluation seed."""

    dataset: str
    ipc: int
    size: int | None = None

    def check(self) -> None:
        super().check()
        whole(self.ipc, 1, "images per class (ipc)")

    def check_on(self, dataset: Dataset) -> None:
        check_ipc(self.ipc, dataset)

    def training_set(self, job: Job, seed: int) -> Split:
        return SyntheticSet.from_real(job.dataset, self.ipc, stream(seed, "random real")).training_split()

    def takes(self, job: Job) -> dict:
        return _of_real(self.ipc * len(job.dataset.classes), job.dataset)


class MadeSet(OfDataset, Source):
    """Base of sources that are a synthetic set."""

    @property
    def seeded(self) -> bool:
        return hasattr(self, "seed")

    def synthetic(self, job: Job) -> SyntheticSet:
        """The set that is made, chosen or read."""
        raise NotImplementedError

    def training_set(self, job: Job, seed: int) -> Split:
        return self.synthetic(job).training_split().to(job.dataset.train.images.device)

    def takes(self, job: Job) -> dict:
        return described(self.synthetic(job))

    def networks_met(self, job: Job) -> int | None:
        return networks_met(self.synthetic(job))


@dataclass(frozen=True)
class File(MadeSet):
    """A saved synthetic set, known by the digest of its file or files.

    Attributes:
        path: of the file; of a set in several, of the images'.
        sha256: as ``formats.digest`` has it.
        dataset, size: as for ``data.load``.
        labels, pixels, entry: as for ``formats.open_set``, of a file that does not say.
    """

    path: str
    sha256: str
    dataset: str
    size: int | None = None
    labels: str | None = None
    pixels: str | None = None
    entry: int | None = None

    @classmethod
    def of(cls, path: str | Path, dataset: str, size: int | None = None, *, labels: str | None = None,
           pixels: str | None = None, entry: int | None = None) -> "File":
        """The file as it is now."""
        return cls(str(path), digest(path), dataset, size, labels, pixels, entry)

    learns_rate = prescribes = True  # for all that can be known before it is opened

    def decides(self) -> dict:
        return {name: value for name, value in super().decides().items() if name != "path"}

    def synthetic(self, job: Job) -> SyntheticSet:
        return self.open(job.dataset)

    def open(self, dataset: Dataset) -> SyntheticSet:
        """The set, if the file is still the one that was named.

        Raises:
            InputError: it has changed since, or as of ``formats.open_set``.
        """
        require(digest(self.path) == self.sha256, f"{self.path} has changed since this run was named: ask for it anew, "
                                                  "by File.of or by the same command")
        return open_set(self.path, dataset, labels=self.labels, pixels=self.pixels, entry=self.entry, quiet=True)


@dataclass(frozen=True)
class Start(OfSource, Source):
    """The synthetic set of a distillation, or of a file that one left, before its first update."""

    of: MadeSet

    @property
    def drawn(self) -> bool:
        """Whether the seed alone decides it, so that nothing need be distilled to have it."""
        return getattr(self.of, "draws_start", False)

    @property
    def seeded(self) -> bool:
        return self.of.seeded and coresets.draws(getattr(self.of, "init", "real"))

    def decides(self) -> dict:
        if not self.drawn:
            return super().decides()
        # Whatever the method does afterwards.
        unsaid = {"ipc"} if "budget" in self.of.formed else set()
        named = {name: getattr(self.of, name) for name in ("dataset", "size", "ipc", "init", "seed")
                 if name not in unsaid}
        return named | self.of.formed

    def check(self) -> None:
        self.of.check()

    def check_on(self, dataset: Dataset) -> None:
        self.of.check_on(dataset)

    def training_set(self, job: Job, seed: int) -> Split:
        return self._set(job).training_split().to(job.dataset.train.images.device)

    def takes(self, job: Job) -> dict:
        return described(self._set(job))

    def _set(self, job: Job) -> SyntheticSet:
        return self.of.starting_set(job.dataset) if self.drawn else self.of.synthetic(job).undistilled()


def _of_real(images: int, dataset: Dataset) -> dict:
    """What real images take, as ``described`` says it: a byte for a pixel and colour."""
    numbers = dataset.train.images[0].numel()
    return {"form": "pixels", "bytes": storage_of(images, numbers, learned=False), "shared_bytes": 0, "images": images}


def origin(source: Source) -> Source:
    """Where a source's data set and size are written: the source itself, or the distillation it is the start of."""
    return source.of if isinstance(source, Start) else source
