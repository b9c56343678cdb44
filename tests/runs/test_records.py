"""What a record tells of itself: in a line, as a card, whether it was shipped, and who made it."""

import json
import shutil

import pytest

from ddkit.applications.continual import Continual
from ddkit.applications.search import Grid, Search
from ddkit.course import lesson
from ddkit.foundation.errors import InputError
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.runs import RECORD, REFERENCE, Record, maker, run, runs_root, shelves, shipped, sign
from ddkit.specs import Coreset, Distill, Evaluate, Experts, Pretrain, RandomReal
from ddkit.training.experts import Plan

TINY = Distill("digits", ipc=1, network="ConvNetD1", width=4, updates=2, options=(("network_steps", 1),))
KINDS = {
    "distillation": TINY, "coreset": Coreset("digits", 1), "start": Evaluate(TINY, "assignment", "MLP", 4, 2, 1),
    "scores": Evaluate(RandomReal("digits", 1), "assignment", "MLP", seeds=2, epochs=1),
    "kernel": Evaluate(RandomReal("digits", 1), "kernel", "NTK", seeds=1),
    "experts": Experts("digits", Plan("MLP", experts=2, epochs=1)),
    "pretraining": Pretrain("digits", TranslatorPlan("ConvNetD1", 4, subsets=2, fewest_classes=2, most_ipc=1, real=9,
                                                     inner_updates=2, steps=2, held_out=2, trials=2, channels=4)),
    "continual": Continual(Coreset("digits", 1), ((0, 1), (2, 3)), "gdumb", "MLP", seeds=1, epochs=1),
    "search": Search(RandomReal("digits", 1), Grid((1,), (4, 8), ("none",), ("relu",), ("avg",)), epochs=1)}


@pytest.fixture(autouse=True)
def nameless(monkeypatch):
    monkeypatch.delenv("DDKIT_NAME", raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A record of every kind, made by nobody that is known."""
    root = tmp_path_factory.mktemp("made")
    return {kind: run(spec, root=root, quiet=True) for kind, spec in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_a_short_line_where_it_is_not_shown(kind, made):
    text = repr(made[kind])
    assert "\n" not in text and len(text) < 200 and made[kind].folder.name in text and "yours" in text
    assert len(repr({kind: made[kind]})) < 240


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_shows_a_card(kind, made):
    record, card = made[kind], made[kind]._repr_html_()
    assert len(card) < 3000 and card.count("<tr>") == card.count("</tr>") >= 6
    for told in (record.folder.name, record.made[:10], f"{record.seconds:.1f} s", str(record.folder), "yours",
                 type(KINDS[kind]).__name__):
        assert told in card, told
    if "runs" in record.result:
        assert str(record.scores.headline) in card
    if "moved" in record.result:
        assert f"{record.result['moved']:.2f}" in card


@pytest.mark.parametrize("shelf", shelves(), ids=lambda shelf: shelf.name)
def test_every_shipped_record_shows_a_card_with_its_test_scores_if_it_has_any(shelf):
    for path in shelf.glob(f"*/{RECORD}"):
        record = Record.load(path.parent)
        card, runs, moved = record._repr_html_(), record.result.get("runs", ()), record.result.get("moved")
        scored = bool(runs) and all("accuracy" in one for one in runs)
        assert scored == ("on test data" in card) and (not scored or str(record.scores.headline) in card), path
        assert not isinstance(moved, float) or f"the set by {moved:.2f}" in card, path


def test_a_card_names_the_options_and_says_nothing_in_html_of_its_own(made, tmp_path):
    shutil.copytree(made["distillation"].folder, tmp_path / "run")
    record = Record.load(tmp_path / "run")
    record.maker, record.notes = "<b>Ada</b>", ["5 < 6 & more"]
    card = record._repr_html_()
    assert "network_steps 1" in card and "<b>" not in card and "5 &lt; 6 &amp; more" in card


@pytest.mark.parametrize("path", sorted(REFERENCE.glob(f"*/{RECORD}"))[::7], ids=lambda path: path.parent.name)
def test_what_was_shipped_says_so_wherever_it_was_copied(path, tmp_path):
    there = Record.load(path.parent)
    assert there.shipped and there.whose == "shipped" and ", shipped" in str(there) and "shipped" in repr(there)
    shutil.copytree(path.parent, tmp_path / "renamed")
    copy = Record.load(tmp_path / "renamed")
    assert copy.shipped and "shipped" in copy._repr_html_()


@pytest.mark.parametrize("kind", KINDS)
def test_ones_own_is_ones_own_beside_one_that_was_shipped(kind, made, tmp_path, monkeypatch):
    record, reference = made[kind], tmp_path / "reference"
    monkeypatch.setattr(shipped, "REFERENCE", reference)
    assert not record.shipped
    shutil.copytree(record.folder, reference / record.folder.name)
    content = json.loads((reference / record.folder.name / RECORD).read_text())
    assert record.shipped  # a copy of it
    del content["sha256"]
    content |= {"made": "2020-01-01T00:00:00+00:00", "files": None}
    (reference / record.folder.name / RECORD).write_text(json.dumps({k: v for k, v in content.items() if v}))
    assert not record.shipped and record.whose == "yours" and ", yours" in str(record)
    assert Record.load(shutil.copytree(record.folder, tmp_path / "elsewhere")).whose == "yours"


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_given_once_stands_in_every_record_from_then_on(kind, made, tmp_path, monkeypatch):
    sign("  Ada Lovelace ", tmp_path)
    record = run(KINDS[kind], root=tmp_path, quiet=True)
    assert record.maker == "Ada Lovelace" and record.name == made[kind].name
    assert record.whose == "yours, made by Ada Lovelace" and record.whose in str(record)
    assert "Ada Lovelace" in record._repr_html_() and "Ada Lovelace" in repr(record)
    assert all(Record.load(path.parent).maker == "Ada Lovelace" for path in tmp_path.glob(f"*/{RECORD}"))
    monkeypatch.setenv("DDKIT_NAME", "Emmy Noether")
    assert maker(tmp_path) == "Emmy Noether" and run(KINDS[kind], root=tmp_path).maker == "Ada Lovelace"


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_without_a_name_says_none_and_stays_as_it_was(kind, made):
    record = made[kind]
    assert record.maker == "" and "maker" not in (record.folder / RECORD).read_text() and "made by" not in str(record)
    assert "maker" not in record.as_dict()


def test_the_name_of_the_environment_is_written_too(tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_NAME", "Emmy Noether")
    assert run(KINDS["coreset"], root=tmp_path, quiet=True).maker == "Emmy Noether"
    assert not (tmp_path / "maker.json").exists()


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "x" * 81, 5, None, "bell\a"])
def test_what_is_no_name_is_refused_in_a_sentence_and_nothing_is_written(name, tmp_path):
    with pytest.raises(InputError, match="name must be 1 to 80 printable characters") as error:
        sign(name, tmp_path)
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_an_environment_that_names_nobody_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_NAME", "x" * 81)
    with pytest.raises(InputError, match="DDKIT_NAME must be 1 to 80"):
        run(KINDS["coreset"], root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["{", "[]", '{"name": 5}', '{"name": ""}', "{}"])
def test_a_damaged_name_is_told_and_keeps_no_run_from_being_made(content, tmp_path, capsys):
    (tmp_path / "maker.json").write_text(content)
    assert run(KINDS["coreset"], root=tmp_path, quiet=True).maker == ""
    told = capsys.readouterr().err
    assert str(tmp_path / "maker.json") in told and told.count("\n") == 1
    sign("Ada", tmp_path)
    assert maker(tmp_path) == "Ada"


def test_a_record_with_an_odd_maker_is_damaged(made, tmp_path):
    shutil.copytree(made["coreset"].folder, tmp_path / "run")
    path = tmp_path / "run" / RECORD
    content = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("sha256", "files")}
    path.write_text(json.dumps(content | {"maker": 5}))
    with pytest.raises(InputError, match="holds no record of ddkit"):
        Record.load(tmp_path / "run")


def test_a_lesson_takes_the_name_and_tells_whose_runs_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DDKIT_RUNS", str(tmp_path))
    monkeypatch.delenv("DDKIT_REFERENCE", raising=False)
    lesson.begin()
    told = capsys.readouterr().out
    assert "DDKIT_REFERENCE=0 makes your own" in told and 'lesson.begin(name="Ada Lovelace")' in told
    lesson.begin(name="Emmy Noether")
    assert "signed Emmy Noether" in capsys.readouterr().out and maker(runs_root()) == "Emmy Noether"
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    lesson.begin()
    told = capsys.readouterr().out
    assert "every run is made here" in told and "signed Emmy Noether" in told
    record = run(KINDS["coreset"], quiet=True)
    assert lesson.told(record) is record
    assert capsys.readouterr().out.rstrip().endswith("yours, made by Emmy Noether")
