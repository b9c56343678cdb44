"""The results that come with the repository are what their README shows, and can be made again."""

import pytest

from ddkit import runs
from ddkit.applications.continual import report as continual_course
from ddkit.applications.search import report as search_course
from ddkit.course import lossless as lossless_course
from ddkit.course import polyps as polyp_course
from ddkit.course import task_1 as course
from ddkit.course import trajectories as trajectory_course
from ddkit.course.profiles import profile
from ddkit.foundation.errors import InputError
from ddkit.reference import no_pictures
from ddkit.runs import REFERENCE, Record, training_set
from ddkit.specs import Evaluate, Full, Start, restore_spec
from ddkit.training import PROTOCOLS, score

LAPTOP, POLYPS = profile("laptop"), profile("laptop", "mhist_like")
PAGE = (REFERENCE / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results() -> course.Results:
    wanted = course.specs(LAPTOP)
    for spec in (s for part in wanted.values() for row in part.values() for s in row.values()):
        assert (REFERENCE / spec.name / runs.RECORD).exists(), f"data/reference lacks {spec.name}"
    return course.work(LAPTOP, root=REFERENCE, say=lambda _: None)


def test_the_page_shows_the_records(results):
    assert course.report(results, LAPTOP, "github") in PAGE


def test_records_that_the_page_tells_of_and_that_are_missing_are_one_sentence():
    missing = Evaluate(Full("digits"), seeds=77)
    with pytest.raises(InputError, match=f"no record, on these data, of {missing.name}: ") as caught:
        no_pictures._whole({"a row": missing})
    assert "\n" not in str(caught.value)


def test_pad_beats_its_start_datadams_and_random_images_in_less_than_45_minutes(only_reference):
    row = trajectory_course.scores(LAPTOP, "standard", root=REFERENCE)
    pad = row.pop("PAD").scores
    row["DataDAM's start"] = runs.run(LAPTOP.evaluate(Start(LAPTOP.distill("real")), "standard"), root=REFERENCE)
    for other in (row[name].scores for name in ("PAD's start", "DataDAM's start", "random real")):
        assert pad.lead(other) > 2
    spec = LAPTOP.match_trajectories("pad")
    assert sum(runs.run(made, root=REFERENCE).seconds for made in (spec, spec.experts)) < 45 * 60


def test_pad_beats_its_start_and_random_images_on_wide_networks(only_reference):
    records = trajectory_course.scores(LAPTOP, "standard", wide=True, root=REFERENCE)
    row = {name: record.scores for name, record in records.items()}
    for name in ("PAD's start", "random real"):
        assert row["PAD"].lead(row[name]) > 2


@pytest.mark.real_seed
@pytest.mark.parametrize("report", [polyp_course, continual_course, search_course, trajectory_course, lossless_course])
def test_the_page_shows_the_records_of(report, only_reference):
    chosen = POLYPS if report is polyp_course else LAPTOP
    assert report.report(chosen, root=REFERENCE) in PAGE


@pytest.mark.parametrize("ipc", polyp_course.IPCS["laptop"])
def test_distilled_polyps_beat_random_ones_and_their_start(ipc, only_reference):
    records = polyp_course.scores(POLYPS, ipc, root=REFERENCE)
    assert all(lead.in_errors > 2 for lead in polyp_course.leads(records).values())


def test_that_distilled_polyps_lead_by_less_after_a_longer_training_is_not_told_apart(only_reference):
    sooner, later = (polyp_course.scores(POLYPS, 50, times, root=REFERENCE) for times in (1, polyp_course.LONGER))
    change = polyp_course.change(sooner, later)
    assert change.gap < 0 and not change.told_apart  # else lesson 4 and the page could say more


def test_every_transfer_of_polyps_is_of_five_networks(only_reference):
    for source in (POLYPS.distill("real"), POLYPS.random()):
        for network in POLYPS.transfer_networks:
            assert len(runs.run(POLYPS.transfer(source, network), root=REFERENCE).scores.runs) == 5


def test_herding_beats_random_images_at_one_image_per_class(only_reference):
    row = continual_course.chosen(LAPTOP, 1, root=REFERENCE)
    assert row["herding"].scores.mean > row["random"].scores.mean


@pytest.mark.parametrize("protocol", ["replay", "gdumb"])
def test_a_distilled_memory_beats_a_random_one_after_the_last_step(protocol, only_reference):
    row = continual_course.learned(LAPTOP, protocol, root=REFERENCE)
    distilled, random = row["DataDAM"].scores, row["random"].scores
    assert len(distilled.runs) >= 5
    assert distilled.lead(random) > 2


def test_a_distilled_memory_keeps_its_lead_on_wide_networks_and_reaches_96_percent(only_reference):
    row = continual_course.wide(LAPTOP, root=REFERENCE)
    distilled, random = row["DataDAM"].scores, row["random"].scores
    assert row["DataDAM"].spec["width"] == 128 and len(distilled.runs) >= 5
    assert distilled.lead(random) > 2
    assert distilled.mean >= 0.96


def test_every_record_is_named_by_its_spec():
    folders = sorted(path.parent for path in REFERENCE.glob(f"*/{runs.RECORD}"))
    assert folders
    for folder in folders:
        assert restore_spec(Record.load(folder).spec).name == folder.name


def test_the_records_were_made_on_this_mnist(results, mnist):
    for record in (results.baseline, *results.distilled.values()):
        assert record.fingerprint == mnist.fingerprint


@pytest.mark.real_seed
@pytest.mark.parametrize("name", ["distilled from real", "random real"])
def test_a_recorded_accuracy_can_be_made_again(results, mnist, name):
    record = results.scores["assignment"][name]
    spec = restore_spec(record.spec)
    training = training_set(spec.of, mnist, seed=0, root=REFERENCE)
    again = score(training, mnist, spec.network, PROTOCOLS["assignment"], 0, width=spec.width, quiet=True)
    assert again["accuracy"] == pytest.approx(record.scores.values[0], abs=0.01)  # other machines round otherwise


@pytest.mark.parametrize("init", ["real", "noise"])
def test_distilled_images_beat_random_ones_and_their_start(results, init):
    row = results.scores["standard"]
    distilled = row[f"distilled from {init}"].scores
    for other in (row["random real"].scores, row[f"start: {init}"].scores):
        assert distilled.lead(other) > 2


def test_distilled_in_bfloat16_it_scores_within_the_error_of_float32(only_reference):
    chosen = profile("laptop")
    for protocol in ("standard", "assignment"):
        specs = [chosen.evaluate(chosen.distill("real", precision=name), protocol) for name in (None, "bfloat16")]
        exact, short = (runs.run(spec, root=REFERENCE).scores for spec in specs)
        assert len(short.runs) == 5 and abs(short.lead(exact)) < 2
