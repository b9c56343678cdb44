"""A league: the same budget for all, equal updates for sets of any form, one row lost for one entrant that fails."""

import dataclasses
import itertools
import json
import statistics

import joblib
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from ddkit import runs
from ddkit.__main__ import main
from ddkit.applications.league import League, plots, report
from ddkit.applications.league.entrants import ENTRANTS, FORMS, Entrant
from ddkit.applications.league.league import FULL, HERDING, RANDOM
from ddkit.applications.league.rows import Judged, of_game, rows
from ddkit.applications.league.work import play
from ddkit.data import load
from ddkit.methods import loop
from ddkit.plots.looks import looks
from ddkit.runs import run
from ddkit.specs import Distill, Evaluate, Full, RandomReal, Start
from ddkit.stored.keeping import keep
from ddkit.training.leads import Lead

SMALL = League("digits", (1, 2), ("dm", "rfad"), updates=2, width=2, seeds=2, epochs=3, quick=True)
TINY = dataclasses.replace(SMALL, ipcs=(1,), seeds=1, epochs=1, full=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("league")


@pytest.fixture(scope="module")
def played(root):
    return play(SMALL, root=root, quiet=True)


def answers(played) -> dict:
    """Every score, by what it is of."""
    return {(ipc, row.title): (row.score.values, row.start and row.start.values, row.updates)
            for ipc in played.league.ipcs for row in rows(played, ipc)}


def test_a_row_says_what_the_ordinary_runs_say(played, root):
    for ipc in SMALL.ipcs:
        found = {row.title: row for row in rows(played, ipc)}
        assert list(found)[:2] == [RANDOM, HERDING] and list(found)[-1].startswith(FULL) and len(found) == 5
        means = [row.score.mean for row in list(found.values())[2:-1]]
        assert means == sorted(means, reverse=True)
        made = Distill("digits", "distribution", "dm", ipc, network="ConvNetD3", width=2, updates=2,
                       options={"real_batch": 64, "image_lr": 10.0})
        scored = Evaluate(made, "standard", "ConvNetD3", 2, 2, 3)
        row, record = found["DM"], run(made, root=root)
        assert (row.updates, row.bytes, row.decoded) == (2, 4 * 784 * 10 * ipc + 10 * ipc, 10 * ipc)
        assert row.minutes == record.result["cpu_seconds"] / 60
        assert row.score.values == tuple(run(scored, root=root).scores.values)
        assert row.start.values == tuple(run(dataclasses.replace(scored, of=Start(made)), root=root).scores.values)
        random = run(dataclasses.replace(scored, of=RandomReal("digits", ipc)), root=root)
        assert found[RANDOM].score.values == tuple(random.scores.values)
        assert found[RANDOM].bytes == 785 * 10 * ipc  # real pixels take a byte


def test_forms_stand_beside_the_pixels_of_the_same_method(played, tmp_path):
    assert report.by_form(played, 1) == ""
    league = dataclasses.replace(TINY, entrants=("dm", *(f"dm-{form}" for form in FORMS)), seeds=2)
    table = report.by_form(play(league, root=tmp_path, quiet=True), 1).splitlines()
    assert [cell.strip() for cell in table[0].strip("|").split("|")] == ["method", "pixels",
                                                                         *(f"{form} (*: told apart)" for form in FORMS)]
    name, pixels, *others = (cell.strip() for cell in table[2].strip("|").split("|"))
    rows_of = {row.title: row for row in rows(play(league, root=tmp_path, quiet=True), 1)}
    assert len(table) == 3 and (name, pixels) == ("DM", str(rows_of["DM"].score))
    for form, cell in zip(FORMS, others, strict=True):
        score = rows_of[f"DM, {form}"].score
        gap = statistics.fmean(score.values) - statistics.fmean(rows_of["DM"].score.values)
        assert cell.startswith(f"{score}: {100 * gap:+.2f} ± ")
        assert report.lifts(play(league, root=tmp_path, quiet=True), 1)["DM", form].gap == pytest.approx(100 * gap)
    one_form = play(dataclasses.replace(league, entrants=("dm", "dm-bases")), root=tmp_path, quiet=True)
    cells = report.by_form(one_form, 1).splitlines()[2].strip("|").split("|")
    assert [bool(cell.strip()) for cell in cells] == [True, True, *(form == "bases" for form in FORMS)]


def test_the_table_has_the_leads_with_their_errors(played):
    for ipc in SMALL.ipcs:
        lines = report.table(played, ipc, "github").splitlines()
        cells = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")] for line in lines[2:]}
        found = {row.title: row for row in rows(played, ipc)}
        for title in ("DM", "RFAD"):
            for column, other in ((9, found[title].start), (10, found[RANDOM].score)):
                lead = Lead.of(*({i: 100 * v for i, v in enumerate(side.values)}
                                 for side in (found[title].score, other)), paired=False)
                assert cells[title][column] == f"{lead.gap:+.2f} ± {lead.error:.2f}" + " *" * lead.told_apart
        assert cells[RANDOM][9] == cells[RANDOM][10] == "" and cells["DM"][5] == "2"


def test_sets_of_several_are_one_witness_each():
    class Of:
        def __init__(self, values):
            self.scores = self
            self.headline, self.values, self.mean = self, values, statistics.fmean(values)

    one, three = Of([0.5, 0.7]), [Of([0.5, 0.7]), Of([0.6, 0.6]), Of([0.9, 0.9])]
    assert Judged.by([one]).values == (0.5, 0.7)
    judged = Judged.by(three)
    assert judged.values == (0.6, 0.6, 0.9) and str(judged) == "70.00 ± 10.00 (n=3 sets)"
    assert judged.error == pytest.approx(statistics.stdev([0.6, 0.6, 0.9]) / 3**0.5)
    assert Judged.by([Of([0.5])]).error is None and str(Judged.by([Of([0.5])])) == "50.00 (n=1)"


def test_several_sets_have_seeds_of_their_own(tmp_path):
    league = dataclasses.replace(TINY, entrants=("dm",), sets=2)
    game, = play(league, root=tmp_path, quiet=True).games
    assert [record.asked.seed for record in game.distilled] == [0, 1]
    assert not torch.equal(*(record.synthetic.start for record in game.distilled))
    row = rows(play(league, root=tmp_path, quiet=True), 1)[-1]
    assert row.score.values == tuple(record.scores.mean for record in game.scored)


FORMED = [name for name, who in ENTRANTS.items() if who.form != "pixels"]


def test_forms_play_in_the_bytes_of_pixels_and_their_sets_get_as_many_updates(tmp_path):
    names = ("dm-multi-formation", "dm-bases", "dm-frequencies", "idc")
    assert set(names) < set(FORMED)
    league = dataclasses.replace(TINY, entrants=names, updates=1)
    found = play(league, root=tmp_path, quiet=True)
    assert not found.failed
    for game in found.games:
        row, images = of_game(game), len(game.distilled[0].synthetic.images)
        assert row.decoded == images > 10 and row.bytes - images <= 4 * 784 * 10  # and a byte a label
        assert row.bytes - images == game.distilled[0].synthetic.size.bytes
        for record in (*game.scored, *game.started):
            assert record.result["training_images"] == images and record.updates == 1
    assert max(of_game(game).decoded for game in found.games) == 580  # three batches, of which one is seen


def test_sets_that_own_an_order_are_told_with_it_as_well(tmp_path):
    league = dataclasses.replace(TINY, entrants=("dd", "dm"), updates=1)
    found = play(league, root=tmp_path, quiet=True)
    dd, dm = found.games
    score = run(Evaluate(dd.distilled[0].asked, "prescribed", "ConvNetD3", 2, 1), root=tmp_path).scores
    assert of_game(dd).prescribed.values == tuple(score.values) and of_game(dm).prescribed is None
    assert f"With the order and rates that belong to the sets: DD {of_game(dd).prescribed}." in report.told(found)


def test_a_killed_league_resumes_to_the_same_scores(played, tmp_path, monkeypatch):
    real, made = loop._Run.remember, []

    def killed(self):
        real(self)
        self.save()
        made.append(1)
        if len(made) == 5:  # in the third of four distillations
            raise KeyboardInterrupt

    monkeypatch.setattr(loop._Run, "remember", killed)
    with pytest.raises(KeyboardInterrupt):
        play(SMALL, root=tmp_path, quiet=True)
    assert len(list(tmp_path.glob("distill-*/record.json"))) == 2
    resumed = play(SMALL, root=tmp_path, quiet=True)
    assert len(made) == 4 * 2  # no update was made twice
    assert answers(resumed) == answers(played)


def test_an_entrant_that_fails_costs_its_own_row(played, root, monkeypatch, capsys):
    broken = {"refused": Entrant("Refused", "Nobody, 2026", "distribution", "dm", options={"imge_lr": 1.0}),
              "diverging": Entrant("Diverging", "Nobody, 2026", "distribution", "dm", options={"image_lr": 1e30}),
              "unmoved": Entrant("Unmoved", "Nobody, 2026", "distribution", "dm", options={"image_lr": 1e-30})}
    for name, who in broken.items():
        monkeypatch.setitem(ENTRANTS, name, who)
    league = dataclasses.replace(SMALL, ipcs=(1,), entrants=("refused", "dm", "diverging", "unmoved", "rfad"))
    found = play(league, root=root)
    assert [row.score for row in rows(found, 1)] == [row.score for row in rows(played, 1)]
    assert {name: why.split(": ")[0] for (name, _), why in found.failed.items()} == {
        name: f"{name} with 1 image per class has no row" for name in broken}
    assert "unknown option of distribution 'imge_lr'" in found.failed["refused", 1]
    assert "lower the images' learning rate" in found.failed["diverging", 1]
    assert "nothing was distilled" in found.failed["unmoved", 1]
    assert found.failed["diverging", 1] in capsys.readouterr().err
    assert f"Without a row: {found.failed['refused', 1]}" in report.told(found)


FEW = ["league", "--profile", "quick", "--ipc", "1", "--updates", "1", "--width", "2", "--epochs", "1", "--seeds", "1",
       "--no-full"]


def test_the_command_prints_tables_draws_figures_and_ends_with_1_if_a_row_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(ENTRANTS, "refused", Entrant("Refused", "Nobody, 2026", "distribution", "dm", form_options={},
                                                     options={"imge_lr": 1.0}))
    command = [*FEW, "--runs", str(tmp_path / "runs")]
    assert main([*command, "--methods", "dm", "--figure", str(tmp_path / "figures")]) == 0
    out = capsys.readouterr().out
    assert "1 image per class, or as many bytes" in out and "DM" in out and "random real" in out
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert drawn == {f"league-{what}.{kind}" for what in ("bytes", "minutes", "ranked") for kind in ("png", "pdf")}
    assert main([*command, "--methods", "dm,refused", "--json"]) == 1
    told = capsys.readouterr()
    content = json.loads(told.out)
    assert [row["title"] for row in content["rows"]["1"]] == [RANDOM, HERDING, "DM"]
    assert content["failed"][0]["entrant"] == "refused"
    assert "ddkit: 1 of 2 rows are missing: refused with 1 image per class has no row: unknown option" in told.err


@pytest.mark.parametrize(("given", "sentence"), [
    (["--methods", "dm,dmm"], "unknown entrant 'dmm': choose one of"), (["--methods", "dm,dm"], "different values"),
    (["--ipc", "1,x"], "--ipc takes whole numbers separated by commas, as 1,10, got '1,x'"),
    (["--ipc", "0"], "images per class (ipc) must be at least 1, got 0"), (["--ipc", ""], "got ''"),
    (["--ipc", "1,1"], "different values"), (["--ipc", "500"], "images per class must be 1 to"),
    (["--minutes", "3"], "two budgets"), (["--updates", "0"], "updates must be at least 1, got 0"),
    (["--sets", "0"], "sets must be at least 1"), (["--seeds", "0"], "seeds must be at least 1"),
    (["--profile", "quik"], "unknown profile 'quik'"), (["--dataset", "mnits"], "unknown dataset 'mnits'"),
    (["--network", "ConvNetX"], "ConvNetX"), (["--width", "0"], "width"), (["--precision", "float8"], "float8"),
    (["--jobs", "0"], "--jobs is at least 1")])
def test_what_cannot_be_played_is_told_in_a_sentence(given, sentence, tmp_path, capsys):
    assert main([*FEW, "--methods", "dm", "--runs", str(tmp_path), *given]) == 2
    told = capsys.readouterr().err
    assert sentence in told and "Traceback" not in told and not list(tmp_path.glob("*/record.json"))


@pytest.mark.parametrize("name", ["digits", "digits-0-1", "glyphs"])
def test_a_league_knows_how_many_classes_there_are_without_the_data(name):
    assert League(name).classes == len(load(name).classes)


def test_what_is_kept_is_played_again_from_there_in_fewer_bytes(played, root, tmp_path, monkeypatch):
    new = keep(played.records, tmp_path)
    assert len(new) == 2 * 2 + 1 + 4 + 4 + 2  # beside, distilled, scores, and starts that two share
    assert not list(tmp_path.rglob("evolution*")) and not keep(played.records, tmp_path)
    for folder in tmp_path.iterdir():
        assert folder.name == runs.Record.load(folder).name
        kept, whole = (sum(path.stat().st_size for path in place.iterdir()) for place in (folder, root / folder.name))
        assert kept <= whole
    monkeypatch.setenv("DDKIT_MAKE", "0")
    again = play(SMALL, root=tmp_path, quiet=True)
    assert report.told(again) == report.told(played)
    for one, other in zip(again.games, played.games, strict=True):
        assert torch.equal(one.distilled[0].synthetic.images, other.distilled[0].synthetic.images)
        assert torch.equal(one.distilled[0].synthetic.start, other.distilled[0].synthetic.start)
    broken = new[0] / runs.RECORD
    broken.unlink()  # as where the copying was killed
    assert keep(played.records, tmp_path) == [new[0]] and broken.exists()


@pytest.mark.slow
@pytest.mark.real_seed
def test_a_league_played_side_by_side_is_the_same(tmp_path, one_thread):
    alone = play(TINY, root=tmp_path / "alone", quiet=True)
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        together = play(TINY, root=tmp_path / "together", quiet=True)
    assert answers(together) == answers(alone)


@pytest.mark.real_seed
def test_a_league_played_by_dask_is_the_same(tmp_path, one_thread):
    distributed = pytest.importorskip("distributed")
    alone = play(TINY, root=tmp_path / "alone", quiet=True)
    with (distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as _,
          joblib.parallel_config(backend="dask")):
        together = play(TINY, root=tmp_path / "together", quiet=True)
    assert answers(together) == answers(alone)


def test_all_sets_of_a_method_look_like_it_whoever_is_first(played):
    everything = [row for ipc in SMALL.ipcs for row in rows(played, ipc)]
    for order in (everything, everything[::-1]):
        for title, look in plots._looks(order).items():
            record = next(row.record for row in order if row.title == title)
            assert look == looks({title: record})[title] and look.variant(1) != look
    figure = plots.ranked(played)
    lines = {line.get_label().rsplit(" ", 1)[0]: line for line in figure.axes[0].lines}
    compared = [lines[row.title] for row in rows(played, SMALL.ipcs[0]) if not row.start]
    assert len(compared) > 1 and len({line.get_marker() for line in compared} - {"None"}) == len(compared)


@pytest.mark.parametrize("draw", [plots.against_minutes, plots.against_bytes])
def test_names_in_figures_cover_neither_each_other_nor_what_is_beside(draw, played):
    figure = draw(played)
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes:
        boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the lines to the points
        assert len(boxes) >= 4 and not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
        assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert all(f"{row.title} {100 * row.score.mean:.1f}" in figure.alt for ipc in SMALL.ipcs
               for row in rows(played, ipc))


def test_the_ranking_has_every_set_from_its_start_to_its_score_and_lines_for_the_others(played):
    figure = plots.ranked(played)
    for axes, ipc in zip(figure.axes, SMALL.ipcs, strict=True):
        sets = [row for row in rows(played, ipc) if row.start]
        assert [text.get_text() for text in axes.get_yticklabels()] == [
            f"{row.title} {100 * row.score.mean:.1f}" for row in sets]
        joined = [line.get_xdata().tolist() for line in axes.lines if len(set(line.get_ydata())) == 1
                  and len(line.get_xdata()) == 2]
        assert [[100 * row.start.mean, 100 * row.score.mean] for row in sets] == joined
        assert len(axes.get_legend().get_texts()) == len(rows(played, ipc)) - len(sets)


@pytest.mark.parametrize("places", [[50.0] * 20, [0.0, 0.1, 50.0, 50.1, 99.9], [99.0, 99.1, 99.2], [1.0]])
def test_names_are_pushed_apart_in_their_order(places):
    found = plots.apart([place / 100 for place in places], 0.04)
    assert all(later - before >= 0.04 - 1e-9 for before, later in itertools.pairwise(found))
    assert found[0] >= 0.0 and found[-1] <= 1.0
    assert plots.apart([0.2, 0.6], 0.04) == [0.2, 0.6]


def test_the_full_data_are_trained_on_as_the_assignment_asks():
    full = SMALL.beside()[FULL, 0]
    assert full == Evaluate(Full("digits"), "assignment", "ConvNetD3", 2, 1)
    assert (FULL, 0) not in dataclasses.replace(SMALL, full=False).beside()
