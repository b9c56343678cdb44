"""Make the folders of finished runs small, so that a repository that holds them is quick to clone.

    python benchmarks/compact_records.py data/reference

Long series go from each record into a file beside it, images between updates become 8-bit pictures, snapshots of
experts get half precision, and all tensors are packed without loss. Sets, labels and every number of a record come back
as they were, but for the ``rounding`` of the snapshots, which is told; this is checked before anything is replaced.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from ddkit import evolution
from ddkit.experts import DONE, ORDER
from ddkit.files import digest, read_json, read_tensors, sha256, write_json, write_tensors
from ddkit.runs import EVOLUTION, RECORD, SYNTHETIC, Record


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
    for expert in sorted(folder.glob("expert-*")):
        _halve(expert)
    if record.spec["type"] == "Experts":
        record.result["rounding"] = [read_json(path)["rounding"] for path in sorted(folder.glob(f"*/{DONE}"))]
    for path in sorted(folder.rglob("*.safetensors")):
        write_tensors(path, *read_tensors(path), packed=True)
    record.files |= {name: sha256((folder / name).read_bytes()) for name in (SYNTHETIC, EVOLUTION)
                     if (folder / name).exists()}
    record.save(packed=True)


def _halve(expert: Path) -> None:
    """Store an expert's snapshots in half precision, as ``Plan.half`` does, and how much that rounds."""
    roundings = []
    for path in sorted(expert.glob("epoch-*.safetensors")):
        tensors, notes = read_tensors(path)
        exact, stored = tensors["weights"], tensors["weights"].half()
        rounded = float((stored.float() - exact.float()).norm() / exact.float().norm())
        roundings.append(max(rounded, notes["rounding"]))
        write_tensors(path, tensors | {"weights": stored}, notes | {"rounding": roundings[-1]})
    write_json(expert / DONE, read_json(expert / DONE) | {"rounding": max(roundings)})


def _require_same(old: Path, new: Path) -> None:
    """Raise AssertionError unless both folders say the same, but for the images between updates."""
    one, other = Record.load(old), Record.load(new)
    assert _told(one) == _told(other), f"{old}: another record"
    for path in old.rglob("*.safetensors"):
        if path.name in (SYNTHETIC, ORDER):
            (before, said), (after, says) = read_tensors(path), read_tensors(new / path.relative_to(old))
            assert said == says and digest(sorted(before.items())) == digest(sorted(after.items())), f"{path}: another"
    assert list(one.evolution) == list(other.evolution), f"{old}: images after other updates"
    for updates, images in one.evolution.items():
        difference = one.synthetic.pixels(images) - one.synthetic.pixels(other.evolution[updates])
        assert difference.abs().max() < 0.51 / 255, f"{old}: other images"


def _told(record: Record) -> dict:
    """What a record says, but for what must differ."""
    result = {name: value for name, value in record.result.items() if name != "rounding"}
    return record.as_dict() | {"result": result, "files": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of runs")
    for path in sorted(parser.parse_args().root.glob(f"*/{RECORD}")):
        compact(path.parent)


if __name__ == "__main__":
    main()
