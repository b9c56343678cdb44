"""Sets of a quarter of an hour: what is asked for can be asked for, and the table says what the records say."""

import json
import statistics
from dataclasses import replace

import pytest

from ddkit.applications.quarter_hour import ENTRIES, report
from ddkit.applications.quarter_hour.settings import ordinary
from ddkit.foundation.errors import Diverged
from ddkit.runs import RECORD, REFERENCE, run
from ddkit.training.scores import Scores

SHELF = REFERENCE / "quarter-hour"


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_can_be_asked_for(name, mnist):
    entry = ENTRIES[name]
    for spec in filter(None, (entry.of, entry.beginning, *entry.asked().values())):
        spec.check()
        spec.check_on(mnist)
    assert entry.by_recipe <= entry.of.prescribes and 0 < entry.aim < 100


def test_what_is_not_stored_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    assert report.told(tmp_path) == {} and report.verdicts({}) == []


@pytest.fixture(scope="module")
def found():
    return report.told()


def written(name: str) -> dict:
    return json.loads((SHELF / name / RECORD).read_text(encoding="utf-8"))


def test_scores_are_those_of_the_files(found):
    assert set(found) == set(ENTRIES)
    for name, one in found.items():
        for kind, spec in ENTRIES[name].asked().items():
            values = [run["accuracy"] for run in written(spec.name)["result"]["runs"]]
            assert list(getattr(one, kind).values) == values
            assert len(values) == (1 if kind == "prescribed" and one.entry.of.fixes_start else 5)
        told = written(one.entry.of.name)
        assert one.minutes == pytest.approx(told["result"]["cpu_seconds"] / 60)
        assert one.minutes <= 30, "a quarter of an hour of two cores"


def test_aims_are_held_against_the_mean_that_they_are_about(found):
    for one, line in zip(found.values(), report.verdicts(found), strict=True):
        mean = 100 * statistics.fmean((one.prescribed if one.entry.by_recipe else one.ordinary).values)
        assert (mean >= one.entry.aim) == one.reached == ("Reached" in line)
        begun = one.start is not None and 100 * statistics.fmean(one.start.values) >= one.entry.aim
        assert (one.reached and begun and not one.entry.by_recipe) == ("its start reaches it, too" in line)
        assert one.reached or one.entry.why, "what misses its aim says why"


def test_the_table_has_a_row_for_each(found):
    lines = report.table(found, "github").splitlines()[2:]
    for one, line in zip(found.values(), lines, strict=False):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == one.title and cells[5] == str(one.ordinary or "diverges")
        assert cells[4] == (str(one.prescribed) if one.prescribed else "–")
        assert [cells[6], cells[7]] == [str(other or "–") for other in (one.start, one.random)]
        assert ("experts" in cells[3]) == (one.entry.of.method == "trajectory")
        assert isinstance(one.score, Scores)


def test_networks_of_recipes_are_told(found):
    note = report.table(found).splitlines()[-1]
    for one in found.values():
        assert (one.prescribed is not None) == (f"{one.entry.title};" in note or f"{one.entry.title})" in note)
        if one.prescribed:
            assert written(one.entry.asked()["prescribed"].name)["spec"]["network"] in note
    assert "As prescribed" not in report.table({"psg": found["psg"]}), "nothing to say where no set owns a recipe"


def test_what_is_made_of_something_else_than_pixels_is_held_against_its_start(found):
    for one in found.values():
        leads = one.leads()
        assert ("its start" in leads) == (one.entry.of.form != "pixels")
        for name, other in (("its start", one.start), ("random real images", one.random)):
            if name in leads:
                means = [100 * statistics.fmean(scores.values) for scores in (one.ordinary, other)]
                assert leads[name].gap == pytest.approx(means[0] - means[1])


@pytest.mark.slow
def test_what_is_said_to_diverge_does(mnist, real_data, found, tmp_path):
    for one in (one for one in found.values() if one.entry.diverges):
        with pytest.raises(Diverged):
            run(replace(ordinary(one.entry.of), seeds=1), root=tmp_path, data=real_data, quiet=True)
