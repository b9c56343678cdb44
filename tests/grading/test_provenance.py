"""Records that travel: whose they are, and whether they can be what they say."""

import json
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ddkit import __version__
from ddkit.foundation.errors import InputError
from ddkit.foundation.files import read_tensors, write_json, write_tensors
from ddkit.grading.provenance import examined, plausible, rescored, to_rescore, untouched
from ddkit.runs import RECORD, REFERENCE, Record, run, shelves
from ddkit.specs import Coreset, Distill, Evaluate, Full, RandomReal

DISTILL = Distill("digits", ipc=1, network="ConvNetD1", width=4, updates=2, options=(("network_steps", 1),))
KINDS = {"distillation": DISTILL, "coreset": Coreset("digits", 1),
         "scores": Evaluate(RandomReal("digits", 20), "assignment", "MLP", seeds=2),
         "scores of a set": Evaluate(DISTILL, "assignment", "MLP", seeds=2, epochs=2),
         "baseline": Evaluate(Full("digits"), "assignment", "MLP", seeds=1, epochs=2)}
SCORED = [kind for kind, spec in KINDS.items() if isinstance(spec, Evaluate)]
SHIPPED = {kind: next(path for path in sorted(REFERENCE.glob(f"{kind}-mnist-*")) if (path / RECORD).exists())
           for kind in ("distill", "evaluate", "coreset", "continual", "search", "experts")}
ADA = "Ada Lovelace"


def made_by(name: str, root: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDKIT_NAME", name)
        patch.setenv("DDKIT_REFERENCE", "0")
        for spec in KINDS.values():
            run(spec, root=root, quiet=True)
    return root


@pytest.fixture(scope="module")
def adas(tmp_path_factory) -> Path:
    """Ada's runs, one of every kind."""
    return made_by(ADA, tmp_path_factory.mktemp("ada"))


@pytest.fixture(scope="module")
def bobs(tmp_path_factory) -> Path:
    """The same runs, made by Bob on the same machine: equal in everything but the time they took."""
    return made_by("Bob Noyce", tmp_path_factory.mktemp("bob"))


@pytest.fixture
def copy(adas, tmp_path) -> Path:
    return shutil.copytree(adas, tmp_path / "handed in")


def edited(folder: Path, change) -> None:
    """Change a record as somebody would who knows how its digest is made."""
    content = json.loads((folder / RECORD).read_text())
    del content["sha256"]
    change(content)
    write_json(folder / RECORD, content)


def kinds(findings) -> set[str]:
    return {finding.kind for finding in findings}


def disguised(content: dict) -> None:
    content.update(maker=ADA, made="2026-11-20T10:00:00+00:00", device="CPU, 7 threads", peak_memory_mib=77.5)


def test_nothing_is_noticed_about_ones_own_records(adas, bobs):
    for root, student, other in ((adas, "ada", bobs), (bobs, "bob", adas)):
        assert examined(root, student, {"other": other}, {"ada": ADA, "bob": "Bob Noyce"}) == []


def test_equal_images_are_no_copy(adas, bobs):
    folder = KINDS["distillation"].name
    same = [Record.load(root / folder).synthetic.images for root in (adas, bobs)]
    assert same[0].equal(same[1])
    assert "a neighbour's record" not in kinds(examined(adas, "ada", {"bob": bobs}))


def test_of_what_comes_with_ddkit_nothing_else_is_noticed(monkeypatch):
    monkeypatch.setattr(plausible, "fingerprint", lambda *_: None)  # drawing all polyps takes half a minute
    records = [Record.load(path.parent) for path in REFERENCE.rglob(RECORD)]
    assert len(records) > 100
    assert [one for record in records for one in (*plausible.implausible(record), *untouched.touched(record))] == []
    for shelf in shelves():
        assert kinds(examined(shelf, "ada", {})) == {"shipped record"}


@pytest.mark.parametrize("disguise", [None, disguised], ids=["as it is", "edited and hashed again"])
@pytest.mark.parametrize("kind", SHIPPED)
def test_a_copy_of_what_comes_with_ddkit_is_recognised(kind, disguise, tmp_path):
    place = shutil.copytree(SHIPPED[kind], tmp_path / SHIPPED[kind].name)
    if disguise:
        edited(place, disguise)
        assert Record.load(place).maker == ADA
    assert kinds(examined(tmp_path, "ada", {}, {"ada": ADA})) - {"unsigned records"} == {"shipped record"}


def test_a_shipped_run_that_is_passed_off_as_another_is_recognised(tmp_path):
    place = shutil.copytree(SHIPPED["distill"], tmp_path / "mine")
    edited(place, lambda content: content["spec"].update(seed=5))
    (found,) = [one for one in examined(tmp_path, "ada", {}) if one.kind == "shipped record"]
    assert f"as {SHIPPED['distill'].name}" in found.words


@pytest.mark.parametrize("disguise", [None, disguised], ids=["as it is", "edited and hashed again"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_neighbours_record_is_told_of_both(kind, disguise, adas, bobs, tmp_path):
    name = KINDS[kind].name
    place = shutil.copytree(adas / name, tmp_path / "copied" / name)
    if disguise:
        edited(place, disguise)
    for root, other in ((tmp_path / "copied", adas), (adas, tmp_path / "copied")):
        found = [one for one in examined(root, "x", {"bob": bobs, "y": other}) if one.kind == "a neighbour's record"]
        assert [one.words for one in found] == [f"{name} took the same time to the last digit as {name} of y: one is a "
                                                "copy"]


def test_packed_files_are_not_opened(copy, monkeypatch):
    """A record that is none of the repository's comes in files that a run writes, which are not packed."""
    place = copy / KINDS["distillation"].name
    images, notes = read_tensors(place / "synthetic.safetensors")
    write_tensors(place / "synthetic.safetensors", images, notes, packed=True)
    monkeypatch.setattr(Record, "load", None)
    found = [one.words for one in examined(copy, "ada", {}) if one.words.startswith(place.name)]
    assert found == [f"{place.name} comes in packed files, which no run writes: it was not opened"]


@pytest.mark.parametrize("size", [2_000, 100_000])
def test_data_larger_than_any_lessons_are_not_loaded(size, copy, monkeypatch):
    monkeypatch.setattr(plausible, "fingerprint", None)
    for spec in KINDS.values():
        edited(copy / spec.name, lambda content: innermost(content["spec"]).update(size=size))
    found = [one.words for one in examined(copy, "ada", {}) if one.kind == "other data"]
    assert len(found) == len(KINDS) and all(f"digits at {size} pixels" in words for words in found)


def innermost(spec: dict) -> dict:
    """Where a spec has its data set's name."""
    return innermost(spec["of"]) if "of" in spec else spec


def other_images(folder: Path) -> None:
    write_tensors(folder / "synthetic.safetensors", *read_tensors(SHIPPED["distill"] / "synthetic.safetensors"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_was_edited_without_its_digest_is_not_as_it_was_written(kind, copy):
    path = copy / KINDS[kind].name / RECORD
    path.write_text(path.read_text().replace('"digits"', '"mnist"'))
    assert "unreadable record" in kinds(examined(copy, "ada", {}))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", ["{", "[]", '{"spec": {"type": "Nothing"}}', '{"seconds": 5, "result": 5}'])
def test_what_is_no_record_is_told_and_ends_nothing(content, kind, copy, adas):
    (copy / KINDS[kind].name / RECORD).write_text(content)
    (found,) = examined(copy, "ada", {})
    assert found.kind == "unreadable record" and KINDS[kind].name in found.words
    assert examined(adas, "ada", {"bob": copy})  # the rest is still a copy


EDITS = {
    "changed record": lambda content: content["result"].update(moved=3 + content["result"]["moved"]),
    "other updates": lambda content: content.update(updates=7),
    "impossible date": lambda content: content.update(
        made=(datetime.now(timezone.utc) + timedelta(days=3)).isoformat(timespec="seconds")),
    "unknown versions": lambda content: content["versions"].update(ddkit="99.0"),
    "other data": lambda content: content.update(fingerprint="0" * 64),
}
OF_SCORES = {
    "contradictory score": lambda content: content["result"]["runs"][0].update(accuracy=0.99),
    "impossible score": lambda content: content["result"]["runs"][0].update(accuracy=1.5),
    "other seeds": lambda content: content["result"]["runs"][0].update(seed=7),
    "another protocol": lambda content: content["result"]["protocol"].update(lr=0.5),
    "contradictory seconds": lambda content: content.update(seconds=1.0),
    "other updates": EDITS["other updates"],
}
CASES = ([(kind, "distillation") for kind in EDITS] + [(kind, scored) for kind in OF_SCORES for scored in SCORED]
         + [(wrong, kind) for wrong in ("impossible date", "unknown versions", "other data") for kind in KINDS])


@pytest.mark.parametrize(("wrong", "kind"), CASES)
def test_what_contradicts_itself_is_told_though_its_digest_is_right(wrong, kind, copy):
    name = KINDS[kind].name
    edited(copy / name, (OF_SCORES if kind in SCORED and wrong in OF_SCORES else EDITS)[wrong])
    found = [one for one in examined(copy, "ada", {}, {"ada": ADA}) if one.words.startswith(name)]
    assert wrong in kinds(found)


@pytest.mark.parametrize("made", ["yesterday", "", "2026-13-01T00:00:00"])
def test_what_is_no_date_is_told(made, copy):
    edited(copy / KINDS["coreset"].name, lambda content: content.update(made=made))
    assert kinds(examined(copy, "ada", {})) == {"impossible date"}


@pytest.mark.parametrize("version", ["ddkit", "torch", "python"])
def test_versions_that_are_not_stated_are_told(version, copy):
    edited(copy / KINDS["coreset"].name, lambda content: content["versions"].pop(version))
    (found,) = examined(copy, "ada", {})
    assert found.kind == "unknown versions" and version in found.words


@pytest.mark.parametrize(("versions", "known"), [(f"0.0.1, then {__version__}", True), ("0.0.1, then 99.0", False),
                                                 ("99.0, then 0.0.1", False), ("0.0.1, then ?", False)])
def test_each_of_the_versions_that_a_run_was_resumed_with_is_a_known_one(versions, known, copy):
    edited(copy / KINDS["coreset"].name, lambda content: content["versions"].update(ddkit=versions))
    assert kinds(examined(copy, "ada", {})) == (set() if known else {"unknown versions"})


@pytest.mark.parametrize("kind", ["distillation", "coreset"])
def test_files_that_are_not_those_of_the_record_are_told(kind, copy):
    other_images(copy / KINDS[kind].name)
    assert "changed file" in kinds(examined(copy, "ada", {}))
    (copy / KINDS[kind].name / "synthetic.safetensors").unlink()
    assert kinds(examined(copy, "ada", {})) == {"missing file"}


def test_a_record_without_its_digest_is_told(copy):
    path = copy / KINDS["scores"].name / RECORD
    content = json.loads(path.read_text())
    path.write_text(json.dumps({name: part for name, part in content.items() if name != "sha256"}))
    assert kinds(examined(copy, "ada", {})) & {"changed record", "unreadable record"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_in_the_folder_of_another_is_told(kind, copy):
    (copy / KINDS[kind].name).rename(copy / "best")
    assert kinds(examined(copy, "ada", {})) == {"renamed record"}


class TestSignatures:
    @pytest.mark.parametrize(("student", "name"), [
        ("ada", ADA), ("s1", "lovelace, ada"), ("s1", "Ada LOVELACE"), ("s1", "Adá Lovelacé"),
        ("Ada_Lovelace", "somebody else"), ("s1", "Ada King Lovelace")])
    def test_a_name_is_known_however_it_is_written(self, student, name, adas):
        assert examined(adas, student, {}, {student: name}) == []

    def test_records_signed_by_another_are_told(self, adas):
        (found,) = examined(adas, "bob", {}, {"bob": "Bob Noyce", "ada": ADA})
        assert found.kind == "signed by another" and f"signed by {ADA}, who is ada" in found.words

    def test_who_is_not_known_is_told_nothing_of_one_name(self, adas):
        assert examined(adas, "s1", {}) == []

    def test_several_names_are_told_of_somebody_who_is_not_known(self, copy):
        edited(copy / KINDS["coreset"].name, lambda content: content.update(maker="Bob Noyce"))
        assert kinds(examined(copy, "s1", {})) == {"several signatures"}

    def test_records_without_a_signature_are_told_and_are_no_fault(self, copy):
        edited(copy / KINDS["coreset"].name, lambda content: content.pop("maker"))
        (found,) = examined(copy, "ada", {}, {"ada": ADA})
        assert found.kind == "unsigned records" and "1 of 5" in found.words and "no fault" in found.words


class TestRescored:
    @pytest.mark.parametrize("kind", SCORED)
    def test_what_was_scored_is_plausible(self, kind, adas):
        assert rescored(Record.load(adas / KINDS[kind].name)) is None

    @pytest.mark.parametrize("kind", SCORED)
    def test_invented_scores_are_not(self, kind, copy):
        def invent(content):
            for entry in content["result"]["runs"]:
                entry["accuracy"] = (entry["accuracy"] + 0.5) % 1

        edited(copy / KINDS[kind].name, invent)
        found = rescored(Record.load(copy / KINDS[kind].name))
        assert found.kind == "implausible score" and "standard deviations away" in found.words

    def test_a_set_that_did_not_travel_is_told(self, copy):
        shutil.rmtree(copy / KINDS["distillation"].name)
        with pytest.raises(InputError, match="did not travel"):
            rescored(Record.load(copy / KINDS["scores of a set"].name))

    def test_what_is_no_evaluation_is_refused(self, adas):
        with pytest.raises(InputError, match="is no evaluation"):
            rescored(Record.load(adas / KINDS["coreset"].name))

    def test_the_choice_is_always_the_same(self, adas):
        records = [Record.load(adas / spec.name) for spec in KINDS.values()]
        assert to_rescore(records, "ada") == to_rescore(records[::-1], "ada")
        assert to_rescore(records[:2], "ada") is None
