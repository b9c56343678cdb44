"""What comes with the repository, what is one's own, and records that cannot be read."""

import dataclasses
import json
import shutil

import pytest

from ddkit.course import lesson
from ddkit.foundation.errors import InputError
from ddkit.foundation.files import write_json
from ddkit.runs import RECORD, Record, find, run, runner, shipped
from ddkit.specs import Coreset, Distill, Evaluate, RandomReal
from ddkit.stored import shelf
from ddkit.stored.keeping import keep

KINDS = {"distillation": Distill("digits", ipc=1, network="ConvNetD1", width=4, updates=2,
                                 options=(("network_steps", 1),)),
         "coreset": Coreset("digits", 1), "scores": Evaluate(RandomReal("digits", 1), "assignment", "MLP", seeds=1,
                                                             epochs=1)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A record of every kind."""
    root = tmp_path_factory.mktemp("made")
    return {kind: run(spec, root=root, quiet=True) for kind, spec in KINDS.items()}


@pytest.fixture
def reference(made, tmp_path, monkeypatch):
    """The same records as if they came with the repository."""
    place = tmp_path / "reference"
    for record in made.values():
        shutil.copytree(record.folder, place / record.folder.name)
    monkeypatch.setattr(shipped, "REFERENCE", place)
    return place


@pytest.mark.parametrize("value", [None, "", "1", " 1 "])
@pytest.mark.parametrize("kind", KINDS)
def test_what_came_with_the_repository_is_reloaded(kind, value, reference, tmp_path, monkeypatch):
    monkeypatch.delenv("DDKIT_REFERENCE", raising=False)
    if value is not None:
        monkeypatch.setenv("DDKIT_REFERENCE", value)
    spec, mine = KINDS[kind], tmp_path / "mine"
    assert run(spec, root=mine, quiet=True).folder == find(spec, mine).folder == reference / spec.name
    assert not mine.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_one_makes_ones_own_where_that_is_asked_for(kind, reference, tmp_path, monkeypatch, capsys):
    spec, mine = KINDS[kind], tmp_path / "mine"
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    assert find(spec, mine) is None
    record = run(spec, root=mine)
    assert record.folder == mine / spec.name and find(spec, mine) == record
    assert "other data" not in capsys.readouterr().err
    monkeypatch.setattr(runner, "_make", None)
    assert run(spec, root=mine) == record
    assert run(spec, root=reference).folder == reference / spec.name  # a folder that is named is asked for


def test_a_part_of_a_run_is_ones_own_too(reference, tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    run(Evaluate(KINDS["distillation"], "assignment", "MLP", seeds=1, epochs=1), root=tmp_path / "mine", quiet=True)
    assert (tmp_path / "mine" / KINDS["distillation"].name / RECORD).exists()


@pytest.mark.parametrize("value", ["no", "2", "false", "01"])
def test_any_other_wish_is_refused_in_a_sentence(value, tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_REFERENCE", value)
    for ask in (run, find):
        with pytest.raises(InputError, match=f"DDKIT_REFERENCE is 0 .* or 1 .*, got '{value}'"):
            ask(KINDS["coreset"], root=tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_where_none_is_to_be_made_runs_are_only_reloaded(kind, made, tmp_path, monkeypatch):
    spec, mine = KINDS[kind], tmp_path / "mine"
    monkeypatch.setenv("DDKIT_MAKE", "0")
    for asked in ({"root": mine}, {"folder": mine / "run"}):
        with pytest.raises(InputError, match=rf"{spec.name} is not at hand, and none is made \(DDKIT_MAKE=0\)"):
            run(spec, quiet=True, **asked)
    assert not mine.exists()
    shutil.copytree(made[kind].folder, mine / spec.name)
    assert run(spec, root=mine) == find(spec, mine) == run(spec, folder=mine / spec.name)


def test_a_part_of_a_run_is_not_made_either(made, tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_MAKE", "0")
    evaluation = Evaluate(KINDS["distillation"], "assignment", "MLP", seeds=1, epochs=1)
    with pytest.raises(InputError, match=f"{evaluation.name} is not at hand"):
        run(evaluation, root=tmp_path, quiet=True)


@pytest.mark.parametrize("value", ["", "1", " 1 "])
def test_runs_are_made_unless_that_is_switched_off(value, tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_MAKE", value)
    assert run(KINDS["coreset"], root=tmp_path, quiet=True).folder == tmp_path / KINDS["coreset"].name


@pytest.mark.parametrize("value", ["no", "2", "false", "01"])
def test_any_other_wish_of_making_is_refused_in_a_sentence(value, tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_MAKE", value)
    with pytest.raises(InputError, match=f"DDKIT_MAKE is 0 .* or 1 .*, got '{value}'"):
        run(KINDS["coreset"], root=tmp_path)
    with pytest.raises(InputError, match="DDKIT_MAKE is 0"):
        lesson.begin()


def poisoned(folder, change) -> None:
    """Write a record of the folder anew, with its digest, after ``change(content)``."""
    content = json.loads((folder / RECORD).read_text())
    del content["sha256"]
    change(content)
    write_json(folder / RECORD, content)


POISONS = {
    "options as numbers": lambda c: c["spec"].update(options=[1, 2]),
    "options of no pairs": lambda c: c["spec"].update(options=[["lam"]]),
    "options as a number": lambda c: c["spec"].update(options=5),
    "options as a text": lambda c: c["spec"].update(options="lam"),
    "options as a dict": lambda c: c["spec"].update(options={"lam": 0.1}),
    "an option of a list": lambda c: c["spec"].update(options=[["lam", [1, 2]]]),
    "an option that is none": lambda c: c["spec"].update(options=[["speed", 1]]),
    "a knob out of bounds": lambda c: c["spec"].update(options=[["image_lr", -1.0]]),
    "a data set that is none": lambda c: c["spec"].update(dataset="emnist") or c["spec"].update(of=5),
    "a field that is none": lambda c: c["spec"].update(speed=1),
    "another kind": lambda c: c["spec"].update(type="Nothing"),
    "no spec": lambda c: c.pop("spec"),
}


def broken(folder) -> None:
    (folder / RECORD).write_text("{")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("poison", [*POISONS, "no JSON"])
def test_a_poisoned_record_is_told_and_set_aside_and_the_run_is_made(poison, kind, made, tmp_path, capsys):
    spec, folder = KINDS[kind], tmp_path / KINDS[kind].name
    shutil.copytree(made[kind].folder, folder)
    broken(folder) if poison == "no JSON" else poisoned(folder, POISONS[poison])
    before = (folder / RECORD).read_bytes()
    assert find(spec, tmp_path) is None
    assert str(folder / RECORD) in capsys.readouterr().err
    record = run(spec, root=tmp_path, quiet=True)
    assert record.folder == folder and Record.load(folder).name == spec.name
    told = capsys.readouterr().err
    assert "Traceback" not in told and f"{folder} was set aside as {folder.name}.damaged" in told
    assert (tmp_path / f"{folder.name}.damaged" / RECORD).read_bytes() == before
    assert find(spec, tmp_path) == record
    assert len(shelf(tmp_path, reference=tmp_path / "none").runs) == 1


def test_what_is_set_aside_twice_is_kept_twice(made, tmp_path):
    spec, folder = KINDS["coreset"], tmp_path / KINDS["coreset"].name
    for _ in range(2):
        run(spec, root=tmp_path, quiet=True)
        broken(folder)
    run(spec, root=tmp_path, quiet=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        spec.name, f"{spec.name}.damaged", f"{spec.name}.damaged-2"]


def test_a_poisoned_record_that_was_shipped_is_told_and_left(reference, tmp_path, capsys):
    spec = KINDS["coreset"]
    broken(reference / spec.name)
    record = run(spec, root=tmp_path / "mine", quiet=True)
    assert record.folder == tmp_path / "mine" / spec.name
    assert str(reference / spec.name / RECORD) in capsys.readouterr().err
    assert (reference / spec.name / RECORD).read_text() == "{"


def test_a_folder_that_is_named_is_never_moved(made, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(made["coreset"].folder, folder)
    broken(folder)
    with pytest.raises(InputError, match="out"):
        run(KINDS["coreset"], folder=folder, root=tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("poison", POISONS)
def test_no_poison_blocks_another_spec(poison, made, tmp_path):
    for record in made.values():
        folder = tmp_path / record.folder.name
        shutil.copytree(record.folder, folder)
        poisoned(folder, POISONS[poison])
    other = dataclasses.replace(KINDS["coreset"], seed=1)
    assert find(other, tmp_path) is None
    assert run(other, root=tmp_path, quiet=True).folder.name == other.name


@pytest.mark.parametrize("kind", KINDS)
def test_of_one_run_on_several_data_all_are_kept_and_reloaded_from_there(kind, made, tmp_path, monkeypatch):
    ours, kept = made[kind], tmp_path / "kept"
    copies = [ours]
    for data in ("a", "b"):
        folder = shutil.copytree(ours.folder, tmp_path / data)
        copies.append(dataclasses.replace(Record.load(folder), fingerprint=data * 64))
        copies[-1].save()
    folders = keep(copies, kept)
    assert [folder.name for folder in folders] == [ours.name, *(f"{ours.name}-{data * 8}" for data in ("a", "b"))]
    assert [Record.load(folder).fingerprint for folder in folders] == [copy.fingerprint for copy in copies]
    assert keep(copies, kept) == keep(reversed(copies), kept) == []
    monkeypatch.setattr(shipped, "REFERENCE", kept)
    for folder, copy in zip(folders, copies, strict=True):
        monkeypatch.setattr("ddkit.runs.spec.fingerprint", lambda *_, seen=copy.fingerprint: seen)
        assert find(KINDS[kind], tmp_path / "mine").folder == folder
    copies[1].fingerprint = "a" * 8 + "c" * 56
    with pytest.raises(InputError, match=r"holds this run on other data than .*: keep it in another folder"):
        keep(copies, kept)


def test_runs_of_the_league_are_reloaded_from_a_shelf_of_their_own(reference, tmp_path, monkeypatch):
    for folder in sorted(reference.iterdir()):
        shutil.move(folder, reference / "league" / folder.name)
    monkeypatch.setattr(runner, "_make", None)
    for spec in KINDS.values():
        record = run(spec, root=tmp_path / "runs", quiet=True)
        assert record.folder == reference / "league" / spec.name and record.shipped
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    assert all(find(spec, root=tmp_path / "runs") is None for spec in KINDS.values())
