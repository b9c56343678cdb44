"""Sources in MNIST's own format, as torchvision keeps them: four idx files under ROOT/FOLDER/raw, plain or gzipped."""

from pathlib import Path

from ddkit.data import idx
from ddkit.data.augment import default_strategy
from ddkit.data.source import Source, download, marks_of_files


def idx_source(folder: str, mean: float, std: float, flips: bool = False) -> Source:
    """The source in that folder, which is named as torchvision's class is; ``mean`` and ``std`` of its pixels."""
    def read(root: Path, size: int):
        import torchvision

        raw = root / folder / "raw"
        kind = getattr(torchvision.datasets, folder)
        missing = [raw / name for name in idx.FILES if not idx.find(raw, name)]
        if missing:
            download(kind, root, missing[0])
        return *idx.read_parts(raw, folder), [name.split(" - ")[0] for name in kind.classes]

    def marks(root: Path):
        return marks_of_files(*(idx.find(root / folder / "raw", name) for name in idx.FILES))

    return Source(read, marks, 28, (mean,), (std,), default_strategy(flips))
