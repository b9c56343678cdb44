"""Records that a person can read: long series and pictures lie beside them, and all comes back as it was."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch

from ddkit import runs
from ddkit.foundation.errors import InputError
from ddkit.foundation.files import digest, read_json, read_tensors, write_json, write_tensors
from ddkit.foundation.packing import exact_pixels
from ddkit.methods.loop import FRAMES
from ddkit.runs import REFERENCE, Record, evolution, series
from ddkit.specs import Coreset, Distill, Evaluate, Experts, RandomReal
from ddkit.synthetic import SyntheticSet
from ddkit.training.experts import Plan

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from compact_records import compact

SCREEN = 180  # lines: eighteen models under attack, of seven lines each, and what stands around them
SPECS = {
    "Distill": Distill("digits", ipc=2, network="ConvNetD1", width=4, updates=60,
                       options=(("network_steps", 1), ("real_batch", 16))),
    "Evaluate": Evaluate(RandomReal("digits", 2), "assignment", "MLP", seeds=2, epochs=20),
    "Coreset": Coreset("digits", ipc=2),
    "Experts": Experts("digits", Plan("ConvNetD1", width=4, experts=2, epochs=2)),
}
RESULTS = {
    "losses of updates": {"losses": [{"loss": 0.1 * i, "skipped": i % 2, "half": i / 2} for i in range(60)]},
    "validation": {"validation": [[i, i / 7] for i in range(60)]},
    "losses of seeds": {"runs": [{"seed": s, "losses": [round(s / 3 + i / 7, 5) for i in range(30)], "accuracy": 0.5}
                                 for s in range(3)]},
    "confusions": {"runs": [{"confusion": [[5] * 10] * 10, "seed": s} for s in range(2)]},
    "ragged": {"by_step": [[0.5] * i for i in range(1, 30)]},
    "mixed": {"x": [1, 2.0] * 20, "y": [True] * 40, "z": ["a"] * 40, "e": [], "n": None, "big": [2**70] * 20},
    "odd numbers": {"x": [0.1, -0.0, 1e300, 1e-300, 5e-324, math.inf] * 10, "y": [2**62, -(2**63)] * 20},
    "nested": {"candidates": {"a": {"runs": [{"losses": [0.25] * 20}]}, "b.c": {"runs": []}}},
    "rows that differ": {"losses": [{"a": 1.0}] * 30 + [{"b": 1.0}] * 30},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


def content(folder: Path) -> dict:
    return json.loads((folder / runs.RECORD).read_text())


@pytest.mark.parametrize("name", RESULTS)
def test_series_come_back_as_they_were(name, tmp_path):
    short, long = series.split(RESULTS[name])
    for packed in (False, True):
        write_tensors(tmp_path / "x", long, packed=packed)
        back = series.join(json.loads(json.dumps(short)), read_tensors(tmp_path / "x")[0])
        assert json.dumps(back) == json.dumps(RESULTS[name])  # types, too


@pytest.mark.parametrize("kind", SPECS)
def test_a_record_of_each_kind_fits_on_a_screen_and_comes_back(kind, root, tmp_path):
    record = runs.run(SPECS[kind], root=root, quiet=True)
    assert len((record.folder / runs.RECORD).read_text().splitlines()) < SCREEN
    assert (runs.SERIES in record.files) == (kind in ("Distill", "Evaluate"))
    shown = json.loads(json.dumps(record.as_dict()))
    assert "series\"" not in json.dumps(shown["result"])
    old = tmp_path / "old"  # as records were before
    old.mkdir()
    write_json(old / runs.RECORD, shown | {"files": {}})
    assert Record.load(old).result == record.result


def test_reference_records_fit_on_a_screen_and_the_folder_is_quick_to_clone():
    for path in REFERENCE.glob(f"*/{runs.RECORD}"):
        assert len(path.read_text().splitlines()) < SCREEN, path
    assert sum(path.stat().st_size for path in REFERENCE.rglob("*") if path.is_file()) < 43e6


@pytest.mark.parametrize("folder", sorted(REFERENCE.glob("experts-*")), ids=lambda path: path.name)
def test_reference_experts_are_stored_as_their_plan_says(folder):
    """A snapshot that was rounded is another one, so that what is matched to it would differ from the record's."""
    record = Record.load(folder)
    plan = record.trajectories.plan
    for path in folder.glob("expert-*/epoch-*.safetensors"):
        tensors, notes = read_tensors(path)
        assert tensors["weights"].dtype == (torch.half if plan.half else torch.float32)
        assert (notes["rounding"] > 0) == plan.half
    assert plan.half or set(record.result["rounding"]) == {0.0}


@pytest.mark.parametrize("damage", ["flipped", "missing", "another"])
def test_series_that_are_not_those_of_the_record_are_told(damage, root, tmp_path):
    record = runs.run(SPECS["Distill"], root=root, quiet=True)
    for path in record.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / runs.SERIES
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "another":
        write_tensors(path, read_tensors(record.folder / runs.SERIES)[0] | {"x": torch.ones(1)})
    else:
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with pytest.raises(InputError, match="delete"):
        Record.load(tmp_path)


def test_the_pictures_of_a_distillation_are_those_of_its_images(root, tmp_path):
    record = runs.run(SPECS["Distill"], root=root, quiet=True)
    found, held = record.evolution, record.synthetic
    assert len(found) <= FRAMES and found[0].equal(held.start) and found[60].equal(held.images)
    assert {tensor.dtype for tensor in read_tensors(record.folder / runs.EVOLUTION)[0].values()} == {torch.uint8}
    states = {updates: images + 0.01 * i for i, (updates, images) in enumerate(found.items())} | {60: held.images}
    for packed in (False, True):
        evolution.write(tmp_path / "new", states, held, packed=packed)
        back = evolution.read(tmp_path / "new", held)
        assert list(back) == list(states)
        for updates, images in states.items():
            assert (held.pixels(images) - held.pixels(back[updates])).abs().max() < 0.51 / 255
    write_tensors(tmp_path / "old", {str(updates): images for updates, images in states.items()})
    old = evolution.read(tmp_path / "old", held)
    assert list(old) == list(states) and all(old[updates].equal(states[updates]) for updates in states)


def eight_bit(channels: int, size: int = 8) -> SyntheticSet:
    """A set of real images of 8 bits, normalised as ``data.load`` does."""
    pixels = torch.randint(0, 256, (4, channels, size, size), generator=torch.Generator().manual_seed(0))
    mean, std = (0.1307, 0.637, 0.782)[:channels], (0.3081, 0.131, 0.085)[:channels]
    images = (pixels.float().div_(255).sub_(torch.tensor(mean)[:, None, None])
              .div_(torch.tensor(std)[:, None, None]))
    return SyntheticSet(images, torch.tensor([0, 0, 1, 1]), images.clone(), mean, std, ("a", "b"))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("moved", [False, True])
def test_packed_sets_come_back_to_the_last_bit_in_fewer_bytes(channels, moved, tmp_path):
    one = eight_bit(channels, 16)
    if moved:
        one.images = one.images + torch.linspace(-1, 1, one.images.numel()).view_as(one.images)
    one.save(tmp_path / "plain")
    one.save(tmp_path / "packed", packed=True)
    back = SyntheticSet.load(tmp_path / "packed")
    for name in ("images", "start", "labels"):
        assert digest(getattr(back, name)) == digest(getattr(one, name))
    assert (tmp_path / "packed").stat().st_size < (tmp_path / "plain").stat().st_size * (0.75 if moved else 0.5)
    assert exact_pixels(one.start, one.mean, one.std) is not None
    assert (exact_pixels(one.images, one.mean, one.std) is None) == moved


def test_packed_tensors_of_every_type_come_back_to_the_last_bit(tmp_path):
    tensors = {"f32": torch.randn(50), "f64": torch.randn(50).double(), "f16": torch.randn(50).half(),
               "zero": -torch.zeros(3), "plus": torch.zeros(3), "i64": torch.arange(50),
               "u8": torch.arange(50, dtype=torch.uint8),
               "empty": torch.zeros(0, 3), "scalar": torch.tensor(2.5), "again": torch.arange(50)}
    write_tensors(tmp_path / "x", tensors, {"note": 1}, packed=True)
    back, notes = read_tensors(tmp_path / "x")
    assert notes == {"note": 1} and back.keys() == tensors.keys()
    assert all(digest(back[name]) == digest(tensors[name]) for name in tensors)


@pytest.mark.parametrize("told", [{"x": {"type": "int32", "shape": [10**9]}}, {"x": {"type": "wish", "shape": [1]}},
                                  [1], {"x": {"as": "y"}}, {"y": {"type": "int32", "shape": [1]}}, {"x": {}}, {"x": 5},
                                  {"x": {"type": "int32", "shape": [-1]}}, {"x": {"type": "int32", "shape": "a"}}])
def test_what_announces_other_tensors_than_it_holds_is_damaged(told, tmp_path):
    write_tensors(tmp_path / "x", {"x": torch.zeros(9, dtype=torch.uint8)}, {"packed": told})
    with pytest.raises(InputError):
        read_tensors(tmp_path / "x")


@pytest.mark.parametrize("kind", SPECS)
def test_a_folder_made_small_says_the_same(kind, root, tmp_path):
    record = runs.run(SPECS[kind], folder=tmp_path / "run", root=root, quiet=True)
    compact(record.folder)
    small = runs.run(SPECS[kind], folder=tmp_path / "run", root=root, quiet=True)
    assert small.result == record.result and small.made == record.made
    if runs.SYNTHETIC in record.files:
        assert digest(vars(small.synthetic)) == digest(vars(SyntheticSet.load(record.folder / runs.SYNTHETIC)))
    compact(record.folder)
    assert Record.load(record.folder).files == small.files


def test_json_is_laid_out_in_lines_that_say_the_same(tmp_path):
    said = {"a b": ["x, y: z", "é\n\"q\" \\", 1, None, True, 2.5] * 20, "b": {}, "c": [[]] * 3, "d": {"e": {"f": {
        f"k {i}": ["w w", {"v": [i / 7] * 30}] for i in range(9)}}}}
    write_json(tmp_path / "x.json", said)
    assert read_json(tmp_path / "x.json") == said
    assert max(map(len, (tmp_path / "x.json").read_text().splitlines())) < 200
