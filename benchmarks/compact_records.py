"""Make the folders of finished runs small, so that a repository that holds them is quick to clone.

    python benchmarks/compact_records.py data/reference

Long series go from each record into a file beside it, images between updates become 8-bit pictures, and all tensors
are packed without loss. Sets, labels, experts' snapshots and every number of a record come back as they were; this is
checked before anything is replaced.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from ddkit.foundation.files import digest, read_tensors, sha256, write_tensors
from ddkit.runs import EVOLUTION, RECORD, SERIES, SYNTHETIC, Record, evolution


def compact(folder: Path) -> None:
    """Make one run's folder small."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        new = Path(shutil.copytree(folder, Path(temporary) / folder.name))
        _compact(new)
        _require_same(folder, new)
        for path in sorted(p for p in new.rglob("*") if p.is_file() and p.name != RECORD):
            shutil.copyfile(path, folder / path.relative_to(new))
        shutil.copyfile(new / RECORD, folder / RECORD)


def _compact(folder: Path) -> None:
    record = Record.load(folder)
    if (folder / EVOLUTION).exists():
        evolution.write(folder / EVOLUTION, record.evolution, record.synthetic, packed=True)
    for path in sorted(folder.rglob("*.safetensors")):
        write_tensors(path, *read_tensors(path), packed=True)
    record.files |= {name: sha256((folder / name).read_bytes()) for name in (SYNTHETIC, EVOLUTION)
                     if (folder / name).exists()}
    record.save(packed=True)


def _require_same(old: Path, new: Path) -> None:
    """Raise AssertionError unless both folders say the same, but for the images between updates."""
    one, other = Record.load(old), Record.load(new)
    assert _told(one) == _told(other), f"{old}: another record"
    for path in old.rglob("*.safetensors"):
        if path.name not in (EVOLUTION, SERIES):  # compared by what the record says
            (before, said), (after, says) = read_tensors(path), read_tensors(new / path.relative_to(old))
            assert said == says and digest(sorted(before.items())) == digest(sorted(after.items())), f"{path}: another"
    assert list(one.evolution) == list(other.evolution), f"{old}: images after other updates"
    for updates, images in one.evolution.items():
        difference = one.synthetic.pixels(images) - one.synthetic.pixels(other.evolution[updates])
        assert difference.abs().max() < 0.51 / 255, f"{old}: other images"


def _told(record: Record) -> dict:
    """What a record says, but for the digests of the files beside it."""
    return record.as_dict() | {"files": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("root", type=Path, help="folder of runs")
    for path in sorted(parser.parse_args().root.glob(f"*/{RECORD}")):
        compact(path.parent)


if __name__ == "__main__":
    main()
