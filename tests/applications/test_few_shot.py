"""Few-shot distillations compared: sets are those that ``Distill`` makes, judges are those of protocol ``kernel``, arms
meet as many networks, rates are chosen on validation images, and what is said follows from the records."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from ddkit.__main__ import main
from ddkit.applications.few_shot import FewShot, arms, plots, report
from ddkit.applications.few_shot import spec as few_shot
from ddkit.applications.few_shot.arms import IDENTITY, ONE, PIXELS, PRETRAINED, RANDOM
from ddkit.applications.few_shot.judging import NETWORKS, Judges
from ddkit.data import load
from ddkit.foundation.errors import InputError, Stopped
from ddkit.foundation.randomness import stream
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.regression import batch_loss, centred
from ddkit.networks import build_for
from ddkit.runs import Record, run
from ddkit.specs import Evaluate, Full, Pretrain, RandomReal, Start, describe_spec, restore_spec
from ddkit.synthetic import SyntheticSet
from ddkit.training.kernel_scores import KERNEL_PROTOCOLS
from ddkit.training.kernel_scores import score as kernel_score

PLAN = TranslatorPlan(network="ConvNetD2", width=4, subsets=2, fewest_classes=2, most_classes=3, most_ipc=2, real=8,
                      inner_updates=4, steps=4, judged=8, channels=4, held_out=6, trials=2, lr=0.01)
LETTERS = Pretrain("glyphs", PLAN, size=16)
SPEC = FewShot(Full("digits", 16), LETTERS, (PIXELS, IDENTITY, RANDOM, PRETRAINED), steps=(0, 2), rates=(0.001, 0.01),
               seeds=2, inner_updates=6, others=("MLP",), trained=())


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def record(root):
    return run(SPEC, root=root, quiet=True)


@pytest.fixture(scope="module")
def digits():
    return load("digits", None, 16)


def numbers(record: Record) -> list:
    """What a comparison found, without the seconds."""
    return [[*(row[name] for name in ("arm", "met", "rate")),
             [(one["accuracy"], one["loss"], one["others"]) for one in row["runs"]]] for row in record.result["rows"]]


# --- judges


def test_the_accuracy_is_that_of_protocol_kernel(digits):
    made = SyntheticSet.from_real(digits, 2, stream(0, "set"))
    made.learn_labels(centred(made.predicted, 10), "targets")
    judges = Judges.drawn(digits, "ConvNetD2", 4, 3, "test")
    how = KERNEL_PROTOCOLS["kernel"]
    theirs = kernel_score(made.training_split(), digits, "ConvNetD2", how, 3, width=4, quiet=True)
    assert how.networks == NETWORKS
    assert judges.judge(made.images, made.labels)["accuracy"] == pytest.approx(theirs["accuracy"], abs=1e-6)


def test_the_loss_is_the_mean_of_what_is_distilled_for(digits):
    made = SyntheticSet.from_real(digits, 2, stream(0, "set"))
    targets, random = centred(made.labels, 10), stream(5, "evaluation network")
    networks = [build_for(digits, "ConvNetD2", 4, random) for _ in range(NETWORKS)]
    real = digits.val
    slow = [batch_loss(one, made.images, targets, real.images, centred(real.labels, 10)).item() for one in networks]
    found = Judges.drawn(digits, "ConvNetD2", 4, 5, "val").judge(made.images, targets)
    assert found["loss"] == pytest.approx(sum(slow) / NETWORKS, rel=1e-6)


# --- sets


@pytest.mark.parametrize("arm", [PIXELS, IDENTITY, RANDOM, PRETRAINED])
@pytest.mark.parametrize("steps", [0, 2])
def test_a_set_is_bit_for_bit_the_one_that_its_distillation_makes(arm, steps, digits, root):
    weights = run(LETTERS, root=root, quiet=True).weights
    asked = SPEC.distillation(digits, arm, steps, 0.01, 1)
    first = arms.first_stage(asked, digits)
    made, _ = arms.adapted(asked, digits, first, weights)
    theirs = run(asked, root=root, quiet=True).synthetic
    assert torch.equal(made.images, theirs.images) and torch.equal(made.labels, theirs.labels)
    assert made.origin["networks met"] == theirs.origin["networks met"] == 1 + steps


def test_an_evaluation_says_how_many_networks_met_its_set(digits, root):
    asked = SPEC.distillation(digits, PIXELS, 2, 0.01, 1)
    sources = {"set": asked, "start": Start(asked), "random": RandomReal("digits", 1, 16)}
    found = {name: run(Evaluate(source, "kernel", "ConvNetD2", 4, 1), root=root, quiet=True).result.get("networks_met")
             for name, source in sources.items()}
    assert found == {"set": 3, "start": None, "random": None}


def test_the_first_stage_serves_every_arm_and_stays_as_it_is(digits):
    first = arms.first_stage(SPEC.distillation(digits, PIXELS, 0, 0.1, 0), digits)
    before = first.stage.images.detach().clone(), first.stage.targets.detach().clone()
    sets = [arms.adapted(SPEC.distillation(digits, arm, 2, 0.1, 0), digits, first, None)[0]
            for arm in (PIXELS, IDENTITY)]
    assert torch.equal(before[0], first.stage.images) and torch.equal(before[1], first.stage.targets)
    assert not torch.equal(sets[0].images, sets[1].images)


def test_every_arm_meets_the_same_networks_and_real_images(digits, monkeypatch):
    met = []

    def seen_by(network, images, targets, real, wanted):
        met.append((next(network.parameters()).sum().item(), real.sum().item()))
        return batch_loss(network, images, targets, real, wanted)

    monkeypatch.setattr("ddkit.methods.translation.translative.batch_loss", seen_by)
    first, seen = arms.first_stage(SPEC.distillation(digits, PIXELS, 0, 0.1, 0), digits), {}
    for arm in (PIXELS, IDENTITY, RANDOM):
        met.clear()
        arms.adapted(SPEC.distillation(digits, arm, 3, 0.001, 0), digits, first, None)
        seen[arm] = list(met)
    assert len(seen[PIXELS]) == len(set(seen[PIXELS])) == 3 and seen[PIXELS] == seen[IDENTITY] == seen[RANDOM]


# --- the comparison


def test_its_rows_say_how_many_networks_met_the_target(record, root):
    assert [(row["arm"], row["met"]) for row in record.result["rows"]] == [
        (ONE, 1), (RANDOM, 1), (PRETRAINED, 1), *((arm, 3) for arm in SPEC.arms)]
    assert all(len(row["runs"]) == 2 and row["runs"][0]["others"].keys() == {"MLP"} for row in record.result["rows"])
    assert restore_spec(json.loads(json.dumps(describe_spec(SPEC)))) == SPEC
    assert record.result["pretraining"]["run"] == LETTERS.name
    assert record.result["pretraining"]["cpu_seconds"] == run(LETTERS, root=root).result["cpu_seconds"] > 0


def test_rates_are_those_of_the_least_validation_loss(record):
    for row in record.result["rows"]:
        own = {one["rate"]: one["losses"][0] for one in record.result["validation"]
               if (one["arm"], one["met"]) == (row["arm"], row["met"])}
        assert (row["rate"] is None) == (row["met"] == 1) and (not own or row["rate"] == min(own, key=own.get))


def test_nothing_looks_at_test_images_before_all_rates_are_chosen(root, tmp_path, monkeypatch):
    looked, drawn = [], Judges.drawn.__func__
    monkeypatch.setattr(Judges, "drawn", classmethod(lambda cls, dataset, network, width, seed, part: (
        looked.append((part, seed)), drawn(cls, dataset, network, width, seed, part))[1]))
    asked = replace(SPEC, arms=(PIXELS,), others=(), trials=2)
    run(asked, root=tmp_path, quiet=True)
    assert looked == [("val", 2), ("val", 3), ("test", 0), ("test", 1)]


def test_a_rate_at_which_steps_diverge_is_not_chosen(tmp_path, monkeypatch):
    real = arms.adapted

    def diverges(asked, *rest):
        if asked.config.adapt_lr == 0.01:
            raise InputError("step 1 diverged")
        return real(asked, *rest)

    monkeypatch.setattr(few_shot, "adapted", diverges)
    found = run(replace(SPEC, arms=(PIXELS,), others=()), root=tmp_path, quiet=True)
    assert [row["rate"] for row in found.result["rows"]] == [None, 0.001]
    assert [row["losses"] == [None] for row in found.result["validation"]] == [False, True]
    with pytest.raises(InputError, match="diverged"):
        run(replace(SPEC, arms=(PIXELS,), others=(), rates=(0.01,)), root=tmp_path, quiet=True)


def test_it_goes_on_where_it_was_stopped(record, root, tmp_path, monkeypatch):
    made, real = [], few_shot._one

    def stops(*given):
        if len(made) == 5:
            raise Stopped("stopped")
        made.append(given[1])
        return real(*given)

    run(LETTERS, root=tmp_path, quiet=True)
    monkeypatch.setattr(few_shot, "time", SimpleNamespace(process_time=lambda: 10.0 * len(made)))
    monkeypatch.setattr(few_shot, "_one", stops)
    with pytest.raises(Stopped):
        run(SPEC, root=tmp_path, quiet=True)
    monkeypatch.setattr(few_shot, "_one", lambda *given: (made.append(given[1]), real(*given))[1])
    again = run(SPEC, root=tmp_path, quiet=True)
    assert numbers(again) == numbers(record)
    assert len(made) == len(record.result["validation"]) + 2 * len(record.result["rows"])
    assert not (again.folder / "parts").exists()
    looking = again.result["first"][0]["statistics_seconds"]  # once for all seeds
    assert again.seconds == pytest.approx(looking + 10 * len(made))  # those before the stop, too


def test_the_gate_is_on_classes_that_nobody_learned_from(root):
    glyphs = load("glyphs", None, 16)
    asked = FewShot(Full("glyphs", 16), LETTERS, steps=(0, 2), rates=(0.001,), seeds=3, held_out=4, inner_updates=6)
    found = run(asked, root=root, quiet=True)
    learned = set(run(LETTERS, root=root).result["classes"])
    drawn = [tuple(one["classes"]) for one in found.result["first"]]
    assert all(len(one) == 4 and not learned & set(one) for one in drawn) and len(set(drawn)) == 3
    assert asked.target(glyphs, 1).classes == drawn[1]
    gate = report.Gate.of(found)
    assert set(gate.over_identity) == set(gate.of_pixels) == {3} and ("not passed" in str(gate)) != gate.passed


@pytest.mark.parametrize(("changes", "told"), [
    ({"arms": ("magic",)}, "arm"), ({"arms": ()}, "one at least"), ({"seeds": 0}, "seeds"), ({"steps": (-1,)}, "steps"),
    ({"steps": ()}, "steps"), ({"trained": (5,)}, "trained after some"), ({"rates": ()}, "rates"),
    ({"rates": (0.0, 0.1)}, "rates"), ({"part": "train"}, "part"), ({"held_out": 3}, "own data"),
    ({"of": Full("glyphs", 16), "held_out": 7}, "6 classes"), ({"others": ("Nothing",)}, "Nothing")])
def test_what_cannot_work_is_refused_before_anything_is_loaded(changes, told):
    with pytest.raises(InputError, match=told):
        replace(SPEC, **changes).check()


@pytest.mark.parametrize(("changes", "told"), [({"steps": (10.5,)}, "whole numbers"), ({"trained": (0.5,)}, "whole"),
                                               ({"rates": (float("nan"),)}, "finite numbers")])
def test_a_number_is_not_cut_down_to_another(changes, told):
    with pytest.raises(InputError, match=told):
        replace(SPEC, **changes)


@pytest.mark.parametrize("changes", [{"steps": ("a",)}, {"rates": 3}])
def test_what_is_no_number_is_refused(changes):
    with pytest.raises(InputError, match="are numbers"):
        replace(SPEC, **changes)


# --- what is said of it


def made_up(**by_row: list[float]) -> Record:
    """A record whose rows, named ``arm_met``, have these accuracies and a second for each network."""
    names = {"one": ONE, "pixels": PIXELS, "identity": IDENTITY, "pretrained": PRETRAINED}
    found = [{"arm": names[name.split("_")[0]], "met": int(name.split("_")[1]), "rate": 0.01, "runs": [
        {"accuracy": value, "loss": 1 - value, "seconds": float(name.split("_")[1]) - 1, "others": {}}
        for value in values]} for name, values in by_row.items()]
    first = [{"own": 0.9, "statistics_seconds": 2.0, "seconds": 3.0, "classes": ["a"]}]
    return SimpleNamespace(notes=(), result={"rows": found, "first": first, "pretraining": {"seconds": 600.0}})


FOUND = made_up(one_1=[0.50, 0.52, 0.51], pretrained_1=[0.56, 0.58, 0.57], pixels_11=[0.54, 0.56, 0.55],
                pixels_101=[0.70, 0.72, 0.71], identity_11=[0.52, 0.54, 0.53], pretrained_11=[0.60, 0.62, 0.61],
                pretrained_101=[0.62, 0.64, 0.63])


def test_leads_are_paired_by_sets_and_said_in_points_or_in_loss():
    found = report.rows(FOUND)
    lead = report.lead(report.row(found, PRETRAINED, 11), report.row(found, PIXELS, 11))
    assert lead.gap == pytest.approx(6) and lead.paired and lead.seeds == (3, 3) and lead.told_apart
    loss = report.lead(*(report.row(found, name, 1) for name in (PRETRAINED, ONE)), report.LOSS)
    assert loss.gap == pytest.approx(0.06)
    assert report.row(found, IDENTITY, 1).name == ONE and report.row(found, IDENTITY, 101) is None


def test_the_last_number_of_networks_at_which_it_is_ahead():
    assert report.ahead_until(FOUND, PRETRAINED) == 11 and report.ahead_until(FOUND, PRETRAINED, IDENTITY) == 11
    assert report.ahead_until(FOUND, PRETRAINED, measure=report.LOSS) == 11
    said = report.ahead(FOUND, PRETRAINED, report.ACCURACY)
    assert said.endswith("of identity at 11 at most and of pixels at 11 at most")
    late = made_up(one_1=[0.5, 0.6], pretrained_1=[0.5, 0.61], pixels_11=[0.9, 0.9], pretrained_11=[0.5, 0.6])
    assert report.ahead_until(late, PRETRAINED) == 0


def test_break_even_is_the_pretraining_over_what_a_target_saves():
    found = report.break_even(FOUND, PRETRAINED)
    line = 10 + (0.57 - 0.55) / (0.71 - 0.55) * 90  # seconds of pixels for 57 %
    assert found[1] == pytest.approx(600 / line)
    assert found[11] == pytest.approx(600 / (10 + (0.61 - 0.55) / 0.16 * 90 - 10)) and found[101] is None
    FOUND.result["pretraining"]["cpu_seconds"] = 300.0  # which the others are seconds of, where a record has them
    assert report.break_even(FOUND, PRETRAINED)[1] == pytest.approx(300 / line)
    del FOUND.result["pretraining"]["cpu_seconds"]
    chance = made_up(one_1=[0.5, 0.6], pretrained_1=[0.49, 0.63], pixels_11=[0.9, 0.9])
    assert report.break_even(chance, PRETRAINED) == {1: None}


def test_several_comparisons_of_a_target_are_told_apart_by_what_was_learned_from():
    found = report.rows({"glyphs": FOUND, "omniglot": FOUND})
    assert len(found) == 7 + 3 and [one.name for one in found if one.arm == PRETRAINED][-1] == "pre-trained on omniglot"
    text = report.leads({"glyphs": FOUND, "omniglot": FOUND})
    assert "+6.00 ± 0.00" in text and text.count("pixels (11)") == 2


def test_trained_networks_are_a_measure_where_both_sides_have_them():
    assert not report.has_trained(FOUND)
    some = made_up(one_1=[0.5, 0.52], pretrained_1=[0.6, 0.62], pixels_11=[0.7, 0.72], pretrained_11=[0.6, 0.62])
    for row in (some.result["rows"][0], some.result["rows"][1], some.result["rows"][3]):  # of pixels, none
        row["runs"] = [run | {"trained": run["accuracy"] - (row["arm"] == ONE) / 10} for run in row["runs"]]
    text = report.leads(some, measure=report.TRAINED)
    assert report.has_trained(some) and text.count("+20.00 ± 0.00") == 2 and "pixels" not in text
    assert report.ahead_until(some, PRETRAINED, PIXELS, report.TRAINED) == 1


def test_a_gate_needs_both():
    assert report.Gate.of(FOUND).passed
    weak = made_up(one_1=[0.5, 0.52], pretrained_1=[0.6, 0.62], identity_11=[0.6, 0.63], pretrained_11=[0.6, 0.62])
    assert not report.Gate.of(weak).passed and "not passed" in str(report.Gate.of(weak))


def test_a_gate_tells_of_pixels_that_it_is_not_about():
    ahead = made_up(one_1=[0.5, 0.52], pretrained_1=[0.6, 0.62], identity_11=[0.5, 0.53], pretrained_11=[0.6, 0.62],
                    pixels_11=[0.7, 0.73])
    assert report.Gate.of(ahead).of_pixels[11].gap == pytest.approx(10.5) and report.Gate.of(ahead).passed
    assert str(report.Gate.of(ahead)).endswith("+10.50 ± 0.50 points of accuracy (11 networks, told apart).")
    assert report.Gate.of(FOUND).of_pixels[11].gap == pytest.approx(-6)
    without = made_up(one_1=[0.5, 0.52], pretrained_1=[0.6, 0.62], identity_11=[0.5, 0.53], pretrained_11=[0.6, 0.62])
    assert "pixels" not in str(report.Gate.of(without)).lower()


def test_tables_and_figures_show_every_row(record):
    text = report.table(record)
    assert text.count("one network") == 1 and "by MLP" in text and "networks" in text
    for draw in (plots.against_networks, plots.against_seconds):
        told = draw({"made up": {"glyphs": FOUND, "omniglot": FOUND}}).told
        assert "made up pre-trained on omniglot after 11: 61.0 %" in told and draw({"digits": {"": record}}).alt
    assert plots.pretraining_curve({"letters": SimpleNamespace(result={"losses": [1.0, 0.9, 0.8]}, notes=())}).alt


def test_the_command_compares_and_tells_the_gate(root, tmp_path, capsys):
    folder = str(run(LETTERS, root=root).folder)
    given = ["fewshot", "--dataset", "glyphs", "--size", "16", "--pretrained", folder, "--held-out", "4", "--steps",
             "0,1", "--seeds", "2", "--rates", "0.001", "--runs", str(tmp_path / "runs"), "--figure", str(tmp_path)]
    assert main(given) == 0
    said = capsys.readouterr().out
    assert "The gate is" in said and "pre-trained" in said and (tmp_path / "fewshot-networks.png").exists()
    assert main([*given[:3], "--steps", "a"]) == 2 and "--steps takes whole numbers" in capsys.readouterr().err
