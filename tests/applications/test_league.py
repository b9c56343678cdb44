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
from ddkit.applications.league import Calibration, League, calibration, plots, report
from ddkit.applications.league.calibration import cycle, updates_in
from ddkit.applications.league.entrants import ENTRANTS, FORMS, Entrant
from ddkit.applications.league.league import FULL, HERDING, RANDOM
from ddkit.applications.league.published import IPCS, PUBLISHED
from ddkit.applications.league.rows import Judged, of_game, rows
from ddkit.applications.league.settings import of_profile
from ddkit.applications.league.work import play
from ddkit.data import load
from ddkit.foundation.errors import InputError
from ddkit.methods import METHODS, loop, presets
from ddkit.plots.looks import looks
from ddkit.runs import run
from ddkit.specs import Distill, Evaluate, Full, RandomReal, Start
from ddkit.stored.keeping import keep
from ddkit.training.leads import Lead

SMALL = League("digits", (1, 2), ("dm", "rfad"), updates=2, width=2, seeds=2, epochs=3, quick=True)
TINY = dataclasses.replace(SMALL, ipcs=(1,), seeds=1, epochs=1, full=False)

# What the surveys (L, S) and the methods' own pages (R) say of MNIST and FashionMNIST at 1 / 10 / 50 images per class.
READ = """
| random | 64.9 / 95.1 / 97.9 | 51.4 / 73.8 / 82.5 | L, S |
| herding | 89.2 / 93.7 / 94.8 | 67.0 / 71.1 / 71.9 | L |
| forgetting | 35.5 / 68.1 / 88.2 | – | S |
| DD | – / 79.5 / – | – | L, S |
| LD | 60.9 / 87.3 / 93.3 | – | L, S |
| DC | 91.7 / 97.4 / 98.8 | 70.5 / 82.3 / 83.6 | R |
| DSA | 88.7 / 97.8 / 99.2 | 70.6 / 84.6 / 88.7 | R, S |
| IDC-I | 88.9 / 98.0 / 98.8 | 70.7 / 85.3 / 89.1 | R |
| IDC | 94.2 / 98.4 / 99.1 | 81.0 / 86.0 / 86.2 | R |
| DM | 89.7 / 97.5 / 98.6 | – | S |
| CAFE + DSA | 90.8 / 97.5 / 98.9 | 73.7 / 83.0 / 88.2 | L, S |
| MTT | 91.4 / 97.3 / 98.5 | 75.1 / 87.2 / 88.3 | L |
| FreD (TM) | 95.8 / 97.6 / – | 84.6 / 89.1 / – | R |
| KIP → net | 90.1 / 97.5 / 98.3 | 73.5 / 86.8 / 88.0 | L, S |
| KIP ∞-FC | 85.5 / 97.2 / 98.4 | – | S |
| KIP ∞-conv | 97.3 / 99.1 / 99.5 | – | L, S |
| RFAD → net | 94.4 / 98.5 / 98.8 | 78.6 / 87.0 / 88.8 | L, S |
| FRePo | 93.0 / 98.6 / 99.2 | 75.6 / 86.2 / 89.6 | L, S |
| RTP, no factorisation | 95.2 / 98.8 / 99.2 | – | S |
| RTP / LinBa | 98.7 / 99.3 / 99.4 | 88.5 / 90.0 / 91.2 | L, S |
| whole set | 99.6 / 99.6 / 99.6 | 93.5 / 93.5 / 93.5 | L, S |
"""


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


def test_published_numbers_are_those_that_were_read():
    read = [[cell.strip() for cell in line.strip("| ").split("|")] for line in READ.strip().splitlines()]
    assert [name for name, *_ in read] == list(PUBLISHED)
    for name, mnist, fashion, source in read:
        for dataset, cell in (("mnist", mnist), ("fashion_mnist", fashion)):
            numbers = [None if one == "–" else float(one) for one in (cell.split(" / ") if "/" in cell else ["–"] * 3)]
            assert [PUBLISHED[name].at(dataset, ipc) for ipc in IPCS] == numbers
        assert PUBLISHED[name].source == source and PUBLISHED[name].at("digits", 10) is None
    assert PUBLISHED["DC"].shown("mnist", 10) == "97.4 (R)" and PUBLISHED["DC"].shown("mnist", 2) == ""


@pytest.mark.parametrize("ipc", [1, 10, 50])
def test_an_entrants_order_of_steps_reaches_all_images(ipc, digits):
    """Those of a form, too, which decodes to more images than were asked for."""
    specs = [who.distillation("digits", ipc, "ConvNetD3", 32) for who in ENTRANTS.values()]
    owning = [spec for spec in specs if getattr(spec.config, "ordered", False) and spec.config.step_images]
    assert {spec.form for spec in owning} == {"pixels", "decoder"}
    for spec in owning:
        images = len(spec.starting_set(digits).labels) // len(digits.classes)
        assert spec.config.steps * min(spec.config.step_images, images) >= images, spec.preset


@pytest.mark.parametrize("name", ENTRANTS)
def test_every_entrant_is_a_distillation_that_can_be_asked_for(name, digits):
    who = ENTRANTS[name]
    assert who.paper[-4:].isdigit() and (not who.published or who.published in PUBLISHED)
    for quick in (False, True):
        for ipc in IPCS:
            spec = dataclasses.replace(SMALL, quick=quick).distillation(name, ipc)
            spec.check()
            spec.check_on(digits)


def test_the_methods_that_match_and_those_of_kernels_all_play():
    asked = {"datadam", "gradient", "distribution", "trajectory", "kip", "rfad", "frepo"}
    assert asked <= {who.method for who in ENTRANTS.values()} <= set(METHODS)
    played = {(who.method, who.preset) for who in ENTRANTS.values()}
    assert {("gradient", name) for name in ("dc", "dsa", "dcc", "jiang", "idc_i", "idc")} <= played
    assert {("distribution", name) for name in ("dm", "cafe", "idm", "ncfm", "ncfm_max", "kfs", "itgan")} <= played


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


def test_forms_stand_beside_the_pixels_of_the_same_method_if_all_of_them_played(played, tmp_path):
    assert report.by_form(played, 1) == ""
    league = dataclasses.replace(TINY, entrants=("dm", *(f"dm-{form}" for form in FORMS)), seeds=2)
    table = report.by_form(play(league, root=tmp_path, quiet=True), 1).splitlines()
    assert [cell.strip() for cell in table[0].strip("|").split("|")] == ["method", "pixels", *FORMS]
    name, pixels, *others = (cell.strip() for cell in table[2].strip("|").split("|"))
    rows_of = {row.title: row for row in rows(play(league, root=tmp_path, quiet=True), 1)}
    assert len(table) == 3 and (name, pixels) == ("DM", str(rows_of["DM"].score))
    for form, cell in zip(FORMS, others, strict=True):
        score = rows_of[f"DM, {form}"].score
        gap = statistics.fmean(score.values) - statistics.fmean(rows_of["DM"].score.values)
        assert cell.startswith(f"{score}: {100 * gap:+.2f} ± ") and "told apart" in cell


def test_the_table_has_the_leads_with_their_errors(played):
    for ipc in SMALL.ipcs:
        lines = report.table(played, ipc, "github").splitlines()
        cells = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")] for line in lines[2:]}
        found = {row.title: row for row in rows(played, ipc)}
        for title in ("DM", "RFAD"):
            for column, other in ((9, found[title].start), (10, found[RANDOM].score)):
                lead = Lead.of(*({i: 100 * v for i, v in enumerate(side.values)}
                                 for side in (found[title].score, other)), paired=False)
                told = "told apart" if lead.told_apart else "not told apart"
                assert cells[title][column] == f"{lead.gap:+.2f} ± {lead.error:.2f}, {told}"
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


@pytest.mark.parametrize("epochs", [None, 30])
@pytest.mark.parametrize(("ipc", "decoded"), [(1, 40), (10, 400), (10, 780), (50, 2000), (50, 500)])
def test_sets_that_decode_to_more_images_get_as_many_updates(ipc, decoded, epochs):
    league = League("digits", (ipc,), ("dm",), epochs=epochs)
    of = RandomReal("digits", ipc)
    plain, more = (league.evaluation(of, images, ipc, 10) for images in (10 * ipc, decoded))
    as_many = (epochs or 1000) * (2 if ipc == 50 else 1)
    assert plain == Evaluate(of, "standard", "ConvNetD3", 32, 5, epochs)  # an ordinary run by its ordinary name
    assert league.updates_of(10 * ipc) == as_many
    assert more.updates == (None if league.updates_of(decoded) == as_many else as_many)


def test_an_evaluation_makes_the_updates_that_it_is_asked_for(tmp_path):
    spec = Evaluate(RandomReal("digits", 30), "standard", "ConvNetD3", 2, 1, updates=5)  # two batches an epoch
    record = run(spec, root=tmp_path, quiet=True)
    assert record.updates == record.result["runs"][0]["updates"] == 5
    assert record.result["epochs"] == 3 and record.result["protocol"]["epochs"] is None
    assert runs.find(spec, tmp_path) == record
    with pytest.raises(InputError, match="counts either epochs or updates, not both"):
        run(dataclasses.replace(spec, epochs=3), root=tmp_path)
    with pytest.raises(InputError, match="updates must be at least 1, got 0"):
        run(dataclasses.replace(spec, updates=0), root=tmp_path)
    with pytest.raises(InputError, match="leave the updates out"):
        run(dataclasses.replace(spec, protocol="kernel"), root=tmp_path)


def test_updates_fill_the_minutes():
    assert updates_in(1, 10.0, 7.0) == 7 and updates_in(1, 0.0, 7.0) == 8 and updates_in(0.5, 23.0, 7.0) == 1
    with pytest.raises(InputError, match=r"0.5 minutes allow no update: the start takes 24.00 s and an update 7.00 s"):
        updates_in(0.5, 24.0, 7.0)


@pytest.mark.parametrize(("seconds", "cycle", "costs", "timed"), [
    (0.0, 1, [9, 1, 1, 1, 1, 1], 2), (3.0, 1, [9, 1, 1, 1, 1, 1], 2), (0.5, 4, [0.1, 1, 1, 1, 1, 1, 1], 3),
    (2.0, 4, [0.1, 1, 2, 3, 4, 1, 2], 4), (0.0, 4, [9, 1, 2, 1, 1], 2)])
def test_whole_cycles_are_timed_and_the_first_update_is_not(seconds, cycle, costs, timed, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(calibration.time, "process_time", lambda: now[0])
    timer = calibration._Timer(seconds, cycle)
    timer.on_start(None, None)
    for cost in costs:
        if not timer.enough.is_set():
            now[0] += cost
            timer.on_update(None, None)
    assert timer.timed == timed
    assert timer.update_seconds == pytest.approx(sum(costs[1 : 1 + timed]) / timed)


def test_cycles_are_those_of_the_networks():
    assert cycle(presets.configure("gradient", "dc", {})) == 10 and cycle(presets.configure("kip", "course", {})) == 1
    assert cycle(presets.configure("datadam", "course", {"iterations": 6, "image_steps": 2})) == 12


def test_a_calibration_is_kept_and_decides_the_updates(tmp_path, monkeypatch):
    league = dataclasses.replace(TINY, entrants=("dm",), updates=None, calibration=0.0)
    kept = run(league.calibration_of("dm", 1), root=tmp_path, quiet=True)
    assert isinstance(kept.asked, Calibration) and kept.result["timed"] == kept.updates == calibration.FEWEST
    start, update = kept.result["start_seconds"], kept.result["update_seconds"]
    league = dataclasses.replace(league, minutes=(start + 7.5 * update) / 60)
    assert league.calibration_of("dm", 1) == kept.asked  # for any budget
    monkeypatch.setattr(calibration, "distill", None)  # it is timed once
    first = play(league, root=tmp_path, quiet=True)
    assert [game.distilled[0].updates for game in first.games] == [7]
    assert answers(play(league, root=tmp_path, quiet=True)) == answers(first)
    game = first.games[0]
    assert of_game(game).minutes == game.distilled[0].result["cpu_seconds"] / 60
    by_gpu = dataclasses.replace(game, distilled=(dataclasses.replace(game.distilled[0], device="NVIDIA H200"),))
    assert of_game(by_gpu).minutes == pytest.approx((start + 7 * update) / 60)
    told = {updates: report.told(dataclasses.replace(first, games=(by_gpu,), league=dataclasses.replace(
        league, updates=updates))) for updates in (None, 7)}
    assert "what that core would have taken" in told[None] and "the processor beside it" in told[7]


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


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_a_budget_is_some_minutes(minutes):
    with pytest.raises(InputError, match=f"a number of minutes above 0, got {minutes:g}"):
        dataclasses.replace(TINY, updates=None, minutes=minutes)


def test_minutes_that_allow_no_update_are_told_in_a_sentence(tmp_path):
    league = dataclasses.replace(TINY, entrants=("dm",), updates=None, minutes=1e-6, calibration=0.0)
    found = play(league, root=tmp_path, quiet=True)
    assert not found.games and "1e-06 minutes allow no update" in found.failed["dm", 1]
    assert [row.title for row in rows(found, 1)] == [RANDOM, HERDING]
    assert found.failed["dm", 1] in report.told(found)


@pytest.mark.parametrize("name", ["digits", "digits-0-1", "glyphs"])
def test_a_league_knows_how_many_classes_there_are_without_the_data(name):
    assert League(name).classes == len(load(name).classes)


@pytest.mark.parametrize(("epochs", "said"), [(None, "the standard protocol, the last"),
                                              (1500, "the standard protocol for 1,500 epochs, the last")])
def test_the_rules_say_the_length_that_is_not_the_protocols_own(epochs, said):
    assert said in League(epochs=epochs).rules


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


def test_a_profile_says_how_large_a_league_is():
    quick, laptop = of_profile("quick"), of_profile("laptop", ipcs=(10,), seeds=3)
    assert (quick.dataset, quick.quick, quick.width) == ("digits", True, 16)
    assert (laptop.dataset, laptop.quick, laptop.width, laptop.minutes, laptop.ipcs, laptop.seeds) == (
        "mnist", False, 32, 3.0, (10,), 3)
    assert laptop.entrants == tuple(ENTRANTS)


def test_the_full_data_are_trained_on_as_the_assignment_asks():
    full = SMALL.beside()[FULL, 0]
    assert full == Evaluate(Full("digits"), "assignment", "ConvNetD3", 2, 1)
    assert (FULL, 0) not in dataclasses.replace(SMALL, full=False).beside()
