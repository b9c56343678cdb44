"""Files come back as they were written, or are refused in a sentence: digests, shapes, permissions, leftovers."""

import json
import math
import os
import random
import stat
import subprocess
import sys
import threading

import pytest
import torch

from ddkit import runs
from ddkit.foundation import files
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.foundation.files import atomic, read_json, read_tensors, sweep, write_json, write_tensors
from ddkit.foundation.schema import COUNT, NUMBER, fits
from ddkit.runs import Record
from ddkit.specs import Distill, Evaluate, RandomReal
from ddkit.synthetic import SyntheticSet
from ddkit.training import experts
from ddkit.training.experts import Plan, train_expert

STATE = {"done": [{"loss": 0.25, "name": "é"}], "weights": torch.linspace(0, 1, 50), "steps": {3: (1, None, True)},
         "half": torch.ones(2, 2, dtype=torch.half), "empty": torch.zeros(0, 3), "scalar": torch.tensor(2)}


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


def damages(content: bytes, number: int, seed: int = 0) -> list[bytes]:
    """The content with single bits flipped in many places, cut off, emptied, and zeroed in part."""
    places = random.Random(seed).sample(range(len(content)), min(number, len(content)))
    half = len(content) // 2
    return [*(flipped(content, p) for p in places), content[:half], b"", content[:-1], content[:half] + bytes(half)]


def known(found, whole):
    """What was found, without a digest that has lost its name."""
    if isinstance(found, tuple):
        return tuple(known(*pair) for pair in zip(found, whole, strict=True))
    return {name: value for name, value in found.items() if name in whole}


def equal(one, other) -> bool:
    return files.digest(one) == files.digest(other)


KINDS = {
    "json": ("x.json", lambda p: write_json(p, {"a": [1, 2.5, "x"], "b": {"c": None}}), read_json),
    "tensors": ("x.safetensors", lambda p: write_tensors(p, {"t": torch.linspace(0, 1, 40)}, {"note": 1}),
                read_tensors),
    "checkpoint": ("x.pt", lambda p: Checkpoint(p, {"run": "r"}).save(STATE),
                   lambda p: Checkpoint(p, {"run": "r"}).load()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_comes_back_and_damage_is_told(kind, tmp_path):
    name, write, read = KINDS[kind]
    path = tmp_path / name
    write(path)
    whole, content, told = read(path), path.read_bytes(), 0
    for damaged in damages(content, 300):
        path.write_bytes(damaged)
        try:
            found = read(path)  # as where the padding of a container, or the name of the digest, is hit
            assert equal(known(found, whole), whole), "damage passed unnoticed"
        except InputError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            told += 1
    assert told > 100


def test_the_same_content_makes_the_same_bytes(tmp_path):
    for index in range(20):
        write_tensors(tmp_path / str(index), {"b": torch.ones(3), "a": torch.zeros(2)}, {"x": 1, "y": [2]})
    assert len({p.read_bytes() for p in tmp_path.iterdir()}) == 1


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Record:
    spec = Distill("digits", ipc=2, network="ConvNetD1", width=4, updates=3, options=(("network_steps", 1),))
    return runs.run(spec, root=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> Record:
    spec = Evaluate(RandomReal("digits", 2), "assignment", "MLP", seeds=1, epochs=1)
    return runs.run(spec, root=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.mark.parametrize("name", [runs.RECORD, runs.SYNTHETIC, runs.EVOLUTION])
def test_a_flipped_bit_in_a_run_is_told(record, name, tmp_path):
    for damaged in damages((record.folder / name).read_bytes(), 60):
        for path in record.folder.iterdir():
            (tmp_path / path.name).write_bytes(damaged if path.name == name else path.read_bytes())
        if name == runs.RECORD and damaged.strip() == (record.folder / name).read_bytes().strip():
            continue  # but for the last line's end
        with pytest.raises(InputError, match="delete"):
            found = Record.load(tmp_path)
            _ = found.synthetic, found.evolution


def test_a_digit_changed_in_a_record_is_told(scored, tmp_path):
    text = (scored.folder / runs.RECORD).read_text()
    accuracy = str(scored.result["runs"][0]["accuracy"])
    (tmp_path / runs.RECORD).write_text(text.replace(f'"accuracy": {accuracy}', '"accuracy": 0.99'))
    with pytest.raises(InputError, match="damaged"):
        Record.load(tmp_path)


def test_another_runs_set_is_not_taken_for_this_ones(record, tmp_path):
    for path in record.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    other = SyntheticSet.load(record.folder / runs.SYNTHETIC)
    other.images += 1
    other.save(tmp_path / runs.SYNTHETIC)
    with pytest.raises(InputError, match="not the file that was written with its record"):
        _ = Record.load(tmp_path).synthetic


def test_snapshots_are_not_taken_for_each_other_and_damage_is_told(tiny, tmp_path):
    whose = {"run": "r", "fingerprint": "f"}
    plan = Plan("ConvNetD1", width=4, experts=2, epochs=2, difficulty="el2n", judges=1, batch=6)
    order = experts.difficulty_order(tmp_path, plan, tiny, 0, whose, quiet=True)
    for index in range(2):
        train_expert(tmp_path, index, plan, tiny, 0, order, whose, quiet=True)
    kept, first = experts.Trajectories(tmp_path, plan, whose), tmp_path / "expert-00"
    (first / "epoch-001.safetensors").write_bytes((first / "epoch-002.safetensors").read_bytes())
    with pytest.raises(InputError, match="epoch 2 instead of 1"):
        kept.weights(0, 1)
    for path, read in ((first / "epoch-002.safetensors", lambda: kept.weights(0, 2)),
                       (tmp_path / experts.ORDER, lambda: experts.Trajectories(tmp_path, plan, whose).difficulty),
                       (first / experts.DONE, lambda: experts.Trajectories(tmp_path, plan, whose).accuracies)):
        content = path.read_bytes()
        for damaged in damages(content, 40):
            if damaged.strip() == content.strip():
                continue
            path.write_bytes(damaged)
            with pytest.raises(InputError):
                read()
        path.write_bytes(content)


def test_files_without_a_digest_are_read_as_before(tmp_path):
    from safetensors.torch import save_file

    (tmp_path / "old.json").write_text(json.dumps({"a": 1}))
    save_file({"t": torch.ones(2)}, tmp_path / "old.safetensors")
    assert read_json(tmp_path / "old.json") == {"a": 1}
    tensors, notes = read_tensors(tmp_path / "old.safetensors")
    assert tensors["t"].equal(torch.ones(2)) and notes == {}


BAD_RECORDS = {
    "a list": lambda c: [c], "no spec": lambda c: c | {"spec": None}, "a spec without type": lambda c: c | {"spec": {}},
    "an unknown spec": lambda c: c | {"spec": {"type": "Magic"}}, "seconds in words": lambda c: c | {"seconds": "long"},
    "updates of a billion": lambda c: c | {"spec": c["spec"] | {"seeds": 10**9}}, "more fields": lambda c: c | {"x": 1},
    "no runs": lambda c: c | {"result": c["result"] | {"runs": []}},
    "numbers for runs": lambda c: c | {"result": c["result"] | {"runs": 3}},
    "a number for a list": lambda c: c | {"result": c["result"] | {"runs": [1]}},
    "accuracy nan": lambda c: c | {"result": c["result"] | {"runs": [c["result"]["runs"][0] | {"accuracy": math.nan}]}},
    "negative updates": lambda c: c | {"updates": -1}, "fingerprint a number": lambda c: c | {"fingerprint": 5},
    "a spec of lists": lambda c: c | {"spec": {"type": "Evaluate", "of": [1], "protocol": [], "network": {}}},
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_valid_files_of_the_wrong_shape_are_refused(scored, name, tmp_path):
    content = json.loads((scored.folder / runs.RECORD).read_text())
    content.pop(files.DIGEST)
    (tmp_path / runs.RECORD).write_text(json.dumps(BAD_RECORDS[name](content)))
    spec = Evaluate(RandomReal("digits", 2), "assignment", "MLP", seeds=1, epochs=1)
    with pytest.raises(InputError) as error:
        runs.run(spec, folder=tmp_path, quiet=True)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_deep_nesting_is_one_sentence(tmp_path):
    (tmp_path / "deep.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    with pytest.raises(InputError, match="cannot read"):
        read_json(tmp_path / "deep.json")


@pytest.mark.parametrize(("value", "pattern", "right"), [
    (3, COUNT, True), (-3, COUNT, False), (True, COUNT, False), (2.0, COUNT, False), (2.5, NUMBER, True),
    (float("inf"), NUMBER, False), ("2", NUMBER, False), ([1, 2], [COUNT], True), ([1, "2"], [COUNT], False),
    ({"a": 1}, {"a": COUNT}, True), ({}, {"a": COUNT}, False), ({}, {"?a": COUNT}, True),
    ({"a": "x"}, {"?a": COUNT}, False),
    ({"x": 1, "y": 2}, {...: COUNT}, True), ({"x": "1"}, {...: COUNT}, False), (None, (None, str), True),
    (5, (None, str), False), ([], [str], True), ("abc", [str], False)])
def test_patterns(value, pattern, right):
    assert fits(value, pattern) is right


def test_everybody_may_read_what_the_user_lets_everybody_read(real_set, tmp_path):
    before = os.umask(0o022)
    try:
        real_set.save(tmp_path / "set.safetensors")
        write_json(tmp_path / "x.json", {})
        Checkpoint(tmp_path / "c.pt").save({})
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o644, path.name


@pytest.fixture
def real_set(tiny):
    return SyntheticSet.from_real(tiny, 2, torch.Generator().manual_seed(0))


def test_two_threads_do_not_write_into_each_others_file(tmp_path):
    path, names, ready = tmp_path / "x", [], threading.Barrier(2)

    def write(text: str) -> None:
        with atomic(path) as temporary:
            names.append(temporary.name)
            temporary.write_text(text)
            ready.wait()
            assert temporary.read_text() == text

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 2 and path.read_text() in ("one", "two") and list(tmp_path.iterdir()) == [path]


def test_sweeping_takes_what_killed_writers_left_and_nothing_else(tmp_path):
    (tmp_path / "parts").mkdir()
    left = [tmp_path / ".record.json.123-456.tmp", tmp_path / "parts" / ".a.pt.1-2.tmp"]
    kept = [tmp_path / ".mine.tmp", tmp_path / "x.123-456.tmp", tmp_path / ".hidden"]
    for path in (*left, *kept):
        path.write_text("")
    sweep(tmp_path)
    assert not any(p.exists() for p in left) and all(p.exists() for p in kept)


def test_a_write_removes_what_killed_writers_of_the_same_file_left(tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    path, one = tmp_path / "buffer [1].pt", int(gone.stdout)
    left = tmp_path / f".buffer [1].pt.{one}-1.tmp"
    kept = [tmp_path / f".buffer [1].pt.{os.getpid()}-1.tmp", tmp_path / f".other.pt.{one}-1.tmp",
            tmp_path / ".buffer [1].pt.mine.tmp"]
    for file in (left, *kept):
        file.write_text("")
    with atomic(path) as temporary:
        temporary.write_text("whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, *kept])


@pytest.mark.parametrize("write", [lambda p: write_json(p, {}), lambda p: write_tensors(p, {"t": torch.ones(1)}),
                                   lambda p: Checkpoint(p).save({}), lambda p: files.save_state(p, [1])])
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(write, tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_text("old")

    def full(self, content):
        self.open("wb").write(content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        write(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
