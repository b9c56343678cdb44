"""Membership inference: attacks against closed forms, models that see their members alone, runs that resume."""

import dataclasses
import json
import math
import statistics
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import torch

from ddkit.__main__ import main
from ddkit.applications.base import nothing_else, seeded
from ddkit.applications.privacy import Membership, PrivateTraining, report
from ddkit.applications.privacy import spec as privacy
from ddkit.applications.privacy.membership import attack, confidence, likelihood_ratios, nearest_are_members, share
from ddkit.course.profiles import profile
from ddkit.data import Split, transforms
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.networks import build_for
from ddkit.runs import run
from ddkit.specs import Coreset, Distill, File, Full, RandomReal, Start, describe_spec, restore_spec
from ddkit.training import PROTOCOLS, fit, logits
from ddkit.training.scores import Scores

KIP = Distill("digits", "kip", "course", ipc=1, updates=4, options=(("real_batch", 40),))
SPEC = Membership(KIP, images=120, models=6, epochs=3)
NOISY = dataclasses.replace(KIP, init="noise")
NORMAL = statistics.NormalDist()


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed, "test"), dtype=torch.float64)


def test_confidence_is_the_log_odds_of_the_right_class():
    scores, labels = 3 * normal(50, 4).float(), torch.arange(50) % 4
    share = scores.double().softmax(1).gather(1, labels[:, None])[:, 0]
    torch.testing.assert_close(confidence(scores, labels), (share / (1 - share)).log())
    sure = confidence(torch.tensor([[200.0, 0.0], [-200.0, 0.0]]), torch.tensor([0, 0]))
    assert sure.tolist() == [200.0, -200.0]  # where the share itself would round to 1 or 0


def slow_area(yes, no):
    return sum((a > b) + (a == b) / 2 for a in yes for b in no) / (len(yes) * len(no))


def test_an_attack_is_judged_as_by_slow_loops():
    members = torch.arange(60) % 3 == 0
    scores = (2 * normal(60)).round() / 2 + members  # with ties
    found = attack(scores, members)
    yes, no = scores[members].tolist(), scores[~members].tolist()
    assert found.auc == pytest.approx(slow_area(yes, no)) and (found.members, found.others) == (20, 40)
    rates = [(sum(a >= level for a in yes) / 20, sum(b >= level for b in no) / 40)
             for level in [*yes, *no, math.inf]]
    assert found.advantage == pytest.approx(max(true - false for true, false in rates))
    for accused in (0.001, 0.01):
        assert found.caught[f"{accused:g}"] == pytest.approx(max(t for t, f in rates if f <= accused))
    swapped = attack(scores, ~members)
    assert swapped.auc == pytest.approx(1 - found.auc)
    assert (swapped.low, swapped.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_an_attacks_interval_holds_the_truth_as_often_as_it_says():
    """400 draws from two normal distributions, whose area is known: 95 % of them, within four standard errors."""
    members, truth = torch.arange(200) % 2 == 0, 0.5 * (1 + math.erf(0.8 / 2))
    found = [attack(0.8 * members + normal(200, seed=seed), members) for seed in range(400)]
    held = sum(one.low <= truth <= one.high for one in found) / 400
    assert held == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / 400) ** 0.5)


def test_scores_that_say_nothing_or_all_are_told():
    members = torch.arange(40) % 2 == 0
    nothing, everything = attack(torch.zeros(40), members), attack(members.double(), members)
    assert nothing.auc == 0.5 and nothing.advantage == 0 and set(nothing.caught.values()) == {0.0}
    assert everything.auc == everything.advantage == 1 and set(everything.caught.values()) == {1.0}
    with pytest.raises(InputError, match="members and others"):
        attack(torch.zeros(4), torch.ones(4, dtype=torch.bool))


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_lira_on_normal_confidences_has_its_closed_form(shift):
    """phi = the image's own easiness + shift for members + noise: with z the normal quantile, its ROC curve is
    Phi(shift + z(rate of false positives)), whatever the easiness, which the loss threshold drowns in. The curve's
    area is Phi(shift / sqrt 2), and it is above the diagonal by 2 Phi(shift / 2) - 1 at most."""
    images, models = 3000, 402
    members = torch.arange(models)[:, None] % 2 == (torch.arange(images) % 2)
    phi = 5 * normal(images) + shift * members + normal(models, images, seed=1)
    found = attack(likelihood_ratios(phi[0], phi[2:], members[2:]), members[0])
    plain = attack(phi[0], members[0])
    truth = 0.5 * (1 + math.erf(shift / 2))
    assert found.low - 0.01 < truth < found.high + 0.01
    assert found.advantage == pytest.approx(2 * NORMAL.cdf(shift / 2) - 1, abs=0.06)
    assert found.caught["0.01"] == pytest.approx(NORMAL.cdf(shift + NORMAL.inv_cdf(0.01)), abs=0.12)
    assert shift == 0 or plain.auc < found.auc - 0.05


def test_lira_needs_shadows_on_both_sides():
    with pytest.raises(InputError, match="at least 2 are needed"):
        likelihood_ratios(normal(4), normal(3, 4), torch.tensor([[True] * 4, [False] * 4, [False] * 4]))


def test_a_share_has_wilsons_interval():
    assert (share(0, 10).low, share(10, 10).high) == pytest.approx((0.0, 1.0))
    found = share(8, 10)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_the_nearest_of_copies_are_members_and_of_noise_anybody(tiny):
    members, others = tiny.train.images[:18], tiny.train.images[18:]
    copies = members + 0.001 * normal(*members.shape).float()
    assert nearest_are_members(copies, members, others).value == 1
    assert nearest_are_members(copies, others, members).value == 0
    assert nearest_are_members(members[:3], members, members).value == 0  # ties count for the others
    many = normal(300, 1, 4, 4).float()
    found = nearest_are_members(normal(300, 1, 4, 4, seed=1).float(), many[:150], many[150:])
    assert found.low < 0.5 < found.high
    with pytest.raises(InputError, match="as many members as others"):
        nearest_are_members(copies, members, others[:3])


def test_an_overfitted_network_tells_and_an_untrained_one_does_not(digits):
    pool = Split(digits.train.images[:200], torch.randint(10, (200,), generator=stream(0, "labels")))  # to be learned
    members = torch.arange(200) % 2 == 0  # by heart
    network = build_for(digits, "MLP", 128, stream(0, "network"))
    before = attack(confidence(logits(network, pool.images), pool.labels), members)
    how = dataclasses.replace(PROTOCOLS["assignment"], epochs=200, lr=0.05)
    fit(network, Split(pool.images[members], pool.labels[members]), how, stream(0, "order"), quiet=True)
    after = attack(confidence(logits(network, pool.images), pool.labels), members)
    assert before.low < 0.5 < before.high and after.auc > 0.9


def test_members_are_half_of_every_class_and_twins_share_out_the_images(digits):
    pool, members = SPEC.pool(digits), SPEC.members(digits)
    assert torch.bincount(pool.labels).tolist() == [12] * 10 and members.shape == (6, 120)
    assert all(torch.bincount(pool.labels[own], minlength=10).tolist() == [6] * 10 for own in members)
    assert torch.equal(members[0::2], ~members[1::2]) and not torch.equal(members[0], members[2])
    assert len(torch.unique(pool.images.flatten(1), dim=0)) > 110  # drawn without replacement
    other = dataclasses.replace(SPEC, seed=1)
    assert not torch.equal(other.pool(digits).images, pool.images) and not torch.equal(other.members(digits), members)


@pytest.mark.parametrize("of", [KIP, NOISY, Start(KIP), RandomReal("digits", 1), Full("digits"),
                                Coreset("digits", 1, "herding")], ids=lambda of: type(of).__name__)
def test_a_model_sees_its_members_alone(digits, tmp_path, of):
    """All other images may be ruined: the model is the same, bit for bit."""
    spec = dataclasses.replace(SPEC, of=of)
    pool, own = spec.pool(digits), spec.members(digits)[0]
    ruined = Split(pool.images.clone(), pool.labels)
    ruined.images[~own] = math.nan
    spoiled = dataclasses.replace(digits, train=dataclasses.replace(
        digits.train, images=torch.full_like(digits.train.images, math.nan)))
    made = []
    for name, dataset, images in (("whole", digits, pool), ("ruined", spoiled, ruined)):
        among = privacy._among(dataset, images, own)
        assert torch.equal(among.train.images, pool.images[own])
        source = seeded(of, 3)
        job = privacy.Job(among, tmp_path / name, {"run": name}, nothing_else, {}, True)
        job.place.mkdir()
        made.append(source.work(job).synthetic.images if isinstance(source, Distill | Coreset)
                    else source.training_set(job, 3).images)
    assert torch.equal(*made) and bool(made[0].isfinite().all())


def answers(record):
    """All of the result but the seconds."""
    return [{name: value for name, value in one.items() if "seconds" not in name} for one in record.result["runs"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(SPEC, root=tmp_path_factory.mktemp("membership"), quiet=True)


def test_every_model_is_made_with_a_seed_of_its_own_and_judged(made):
    runs = made.result["runs"]
    assert [one["seed"] for one in runs] == list(range(6)) and made.result["members"] == 60
    assert made.result["training_images"] == 10 and all(0 <= one["nearest"] <= 10 for one in runs)
    assert len({one["threshold"]["auc"] for one in runs}) > 1 and made.scores.mean > 0.05
    assert not (made.folder / "parts").exists()


@pytest.mark.parametrize("at", [1, 4])
def test_a_membership_inference_that_is_killed_goes_on_to_the_same_numbers(made, tmp_path, monkeypatch, at):
    real, begun = privacy.trained, []

    def killed(*arguments, **options):
        begun.append(1)
        if len(begun) == at:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(privacy, "trained", killed)
    with pytest.raises(KeyboardInterrupt):
        run(SPEC, root=tmp_path, quiet=True)
    again = run(SPEC, root=tmp_path, quiet=True)
    assert answers(again) == answers(made) and len(begun) == 6 + 1  # those made before were not made again


@pytest.mark.parametrize(("protocol", "by"), [
    ("dcbench_cifar", "cifar"), ("dcbench_autoaugment", "autoaugment"), ("standard", None), ("assignment", None)])
def test_a_models_images_are_augmented_as_its_protocol_says(digits, tmp_path, protocol, by):
    spec = dataclasses.replace(SPEC, protocol=protocol)
    split = Split(digits.train.images[:30], digits.train.labels[:30])
    job = privacy.Job(digits, tmp_path, {}, nothing_else, {}, True)
    network, _, _ = privacy._trained(spec, job, split, job.checkpoint("part.pt"), 4)
    expected = build_for(digits, "ConvNetD3", 8, stream(4, "evaluation network"))
    fit(expected, split, dataclasses.replace(PROTOCOLS[protocol], epochs=3), stream(4, "evaluation order"), quiet=True,
        strategy=transforms.strategy(by, digits) if by else digits.strategy)
    assert torch.equal(logits(network, digits.test.images[:50]), logits(expected, digits.test.images[:50]))


def test_models_side_by_side_give_the_same_numbers(made, tmp_path, one_thread):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert answers(run(SPEC, root=tmp_path, quiet=True)) == answers(made)


def test_a_start_of_real_images_gives_its_members_away_and_noise_nobody(made, tmp_path):
    real, noise = (run(dataclasses.replace(SPEC, of=Start(of)), root=tmp_path, quiet=True) for of in (KIP, NOISY))
    assert report.nearest(real).value == 1
    assert report.nearest(noise).low < 0.5 < report.nearest(noise).high
    full = run(dataclasses.replace(SPEC, of=Full("digits")), root=tmp_path, quiet=True)
    assert report.nearest(full) is None and full.result["training_images"] == 60
    text = report.table({"kip": made, "start": real, "all": full})
    assert "LiRA, AUC" in text and "1.00 [0.94, 1.00]" in text and "120 images in question" in text


PRIVATELY = dataclasses.replace(SPEC, of=Full("digits"), epochs=None, network="MLP",
                                training=PrivateTraining(updates=3, real_batch=20))


def test_dp_sgd_and_private_sets_are_attacked_and_tell_what_they_cost(made, tmp_path):
    of = Distill("digits", "dp_kip", ipc=1, init="noise", updates=3, options=(("real_batch", 20), ("epsilon", 1.0)))
    sets, networks = (run(spec, root=tmp_path, quiet=True) for spec in (dataclasses.replace(SPEC, of=of), PRIVATELY))
    assert all(one["epsilon"] == pytest.approx(1, rel=1e-4) for one in sets.result["runs"])
    assert all(one["epsilon"] == pytest.approx(10, rel=1e-4) for one in networks.result["runs"])
    assert networks.result["runs"][0]["updates"] == 3 and report.nearest(networks) is None
    assert restore_spec(json.loads(json.dumps(describe_spec(PRIVATELY)))) == PRIVATELY
    assert len({PRIVATELY.name, dataclasses.replace(PRIVATELY, training=PrivateTraining(updates=4)).name}) == 2
    text = report.table({"kip": made, "dp-kip": sets, "dp-sgd": networks})
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "epsilon" in text and " none " in rows["kip"] and " 1 " in rows["dp-kip"] and " 10 " in rows["dp-sgd"]
    assert "epsilon " not in report.table({"kip": made}).splitlines()[0]
    assert "dp-sgd: 3 noisy updates, not augmented; all other rows: " in text
    assert "not trained alike" not in report.table({"kip": made})


@pytest.mark.parametrize("name", ["quick", "laptop", "full"])
def test_what_the_lesson_asks_for_can_be_run(name):
    asked = report.asked(profile(name))
    assert {report.FULL, report.RANDOM, report.FROM_REAL, report.FROM_NOISE, report.SGD} < set(asked)
    for spec in asked.values():
        spec.check()
    assert len({spec.name for spec in asked.values()}) == len(asked)


def of_models(areas, nearest, epsilon=None):
    """A record of a membership inference with these AUCs, one for each model."""
    judged = [{"auc": area, "low": 0.0, "high": 1.0, "advantage": 0.0, "caught": {"0.001": 0.0, "0.01": 0.01}}
              for area in areas]
    runs = [{"seed": n, "accuracy": 0.8 + 0.01 * n, "nearest": count, "lira": one, "threshold": one}
            | ({} if epsilon is None else {"epsilon": epsilon})
            for n, (one, count) in enumerate(zip(judged, nearest, strict=True))]
    return SimpleNamespace(result={"runs": runs, "training_images": 10, "members": 50}, notes=(), spec={},
                           scores=Scores(tuple(runs)))


def test_how_far_above_guessing_is_told_with_the_error_over_pairs_of_twins():
    record = of_models([0.5, 0.6, 0.7, 0.4, 0.6, 0.8], [5, 10, 9, 7, 6, 7])
    found, nearest = report.above_guessing(record, "lira"), report.nearest_above(record)
    pairs, shares = [0.55, 0.55, 0.7], [0.75, 0.8, 0.65]
    assert (found.gap, found.error) == pytest.approx((0.1, statistics.stdev(pairs) / 3**0.5))
    assert (nearest.gap, nearest.error) == pytest.approx((statistics.fmean(shares) - 0.5,
                                                          statistics.stdev(shares) / 3**0.5))
    assert found.freedom == nearest.freedom == 2
    assert report.nearest_above(of_models([0.5, 0.5], [None, None])) is None


def test_the_error_is_right_where_one_twins_members_are_easy_and_the_others_hard():
    draw, said, means = np.random.default_rng(0), [], []
    for _ in range(300):  # of ten models without any leak, whose networks differ by little
        easy = draw.normal(0, 0.004, 5)
        areas = 0.5 + np.stack([easy, -easy], 1) + draw.normal(0, 0.001, (5, 2))
        found = report.above_guessing(of_models(areas.flatten().tolist(), [None] * 10), "threshold")
        said.append(found.error)
        means.append(found.gap)
    assert np.mean(said) == pytest.approx(np.std(means), rel=0.15)


def test_more_shadows_are_held_against_fewer_on_the_models_that_both_have():
    few = of_models([0.5, 0.6, 0.7, 0.5], [5] * 4)
    many = of_models([0.6, 0.6, 0.9, 0.5, 0.5, 0.1], [5] * 6)
    lead = report.by_more(few, many)
    assert lead.paired and (lead.gap, lead.error) == pytest.approx((0.075, 0.025))  # of pairs, 0.05 and 0.1
    assert (report.shadows(few), report.shadows(many)) == (2, 4)
    (said,) = report.said_of_more({"mine": few, "alone": few}, {"mine": many, "other": many})
    assert said.startswith("mine: with 4 shadows in place of 2, LiRA's AUC of the same 4 models is +0.0750 ± 0.0250")
    assert "not told apart. Over all 6 models it is 0.533 ± 0.120" in said
    assert "over 3 pairs of twins" in said and "1.0 % of the members are caught" in said
    many.result["runs"][1]["accuracy"] = 0.1
    lead = report.by_more(few, many)
    assert not lead.paired and lead.gap == pytest.approx((0.6 + 0.7 + 0.3) / 3 - 0.575)
    assert "of other models" in report.said_of_more({"mine": few}, {"mine": many})[0]


def test_what_is_asked_for_with_more_shadows_are_rows_of_the_lesson():
    assert report.asked_with_more(profile("quick")) == {}
    for name in ("laptop", "full"):
        rows, more = report.asked(profile(name)), report.asked_with_more(profile(name))
        assert {report.FROM_REAL, report.FROM_NOISE} < set(more) < set(rows)
        for row, spec in more.items():
            spec.check()
            assert spec.models == 18 and dataclasses.replace(spec, models=rows[row].models) == rows[row]


def test_each_private_row_is_held_against_both_opponents():
    rows = {report.ONE_EACH: of_models([0.5, 0.5], [10, 10]), "mine": of_models([0.5, 0.5], [5, 5], 1.0),
            report.SGD: of_models([0.5, 0.5], [None, None], 10.0)}
    assert report.private(rows) == ["mine", report.SGD]
    said = report.prices(rows)
    assert len(said) == 2 and all("+0.0 ± 0.7 points" in sentence for sentence in said)
    assert [sentence.split(":")[0] for sentence in said] == ["mine", report.SGD]  # of another epsilon than DP-SGD's
    rows["alike"] = of_models([0.5, 0.5], [5, 5], 10.0)
    assert set(report.held_against(rows, "alike")) == {report.ONE_EACH, report.SGD}


@pytest.mark.parametrize(("changes", "words"), [
    ({"of": KIP}, "trains on all members"), ({"epochs": 3}, "leave protocol and epochs out"),
    ({"protocol": "assignment"}, "leave protocol and epochs out"), ({"network": "ConvNetD3BN"}, "batch norm")])
def test_a_private_training_that_cannot_work_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        dataclasses.replace(PRIVATELY, **changes).check()


@pytest.mark.parametrize(("changes", "words"), [
    ({"models": 7}, "come in pairs"), ({"models": 4}, "models must be at least 6"), ({"images": 3}, "images"),
    ({"protocol": "kernel"}, "unknown protocol"), ({"protocol": "learned"}, "one learning rate"),
    ({"of": File("x.pt", "0" * 64, "digits")}, "made anew from half"), ({"images": 10**6}, "can be in question"),
    ({"of": Distill("digits", "trajectory", "pad")}, "experts have seen all images"),
    ({"of": Start(Distill("digits", "trajectory", "pad"))}, "made anew from half"),
    ({"of": RandomReal("digits", 7)}, "images per class must be 1 to 6"), ({"network": "Net"}, "Net"),
])
def test_a_membership_inference_that_cannot_work_is_refused_before_anything_is_written(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        run(dataclasses.replace(SPEC, **changes), root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


def test_its_spec_is_written_down_and_read_back():
    again = restore_spec(json.loads(json.dumps(describe_spec(SPEC))))
    assert again == SPEC and again.name == SPEC.name and SPEC.name.startswith("membership-digits-distill-")
    assert dataclasses.replace(SPEC, models=8).name != SPEC.name


@pytest.mark.parametrize(("given", "sentence"), [
    (["--no-full", "--full-epochs", "1"], "give one of them"),
    (["--network", "MLP", "--width", "4"], "--width is the width of a ConvNet, and MLP takes none"),
])
def test_an_option_that_would_not_count_is_refused(given, sentence, capsys):
    assert main(["membership", "--dataset", "digits", *given]) == 2
    assert sentence in capsys.readouterr().err


def test_the_command_shows_all_rows(tmp_path, capsys):
    command = ["membership", "--dataset", "digits-0-1", "--ipc", "1", "--updates", "2", "--images", "40", "--models",
               "6", "--epochs", "2", "--full-epochs", "1", "--set", "real_batch=10", "--runs", str(tmp_path)]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert all(row in text for row in ("kip", "its start (real)", "random real", "all members", "proves nothing"))
    command = command[:command.index("--full-epochs")] + command[command.index("--set"):]
    assert main([*command, "--json", "--no-full", "--figure", str(tmp_path / "figures")]) == 0
    assert list((tmp_path / "figures").glob("membership*"))
    assert len(json.loads(capsys.readouterr().out)) == 3
    private = ["--method", "private", "--set", "inner=1", "--set", "network=MLP", "--network", "MLP"]
    assert main([*command, *private, "--no-full"]) == 0
    assert "its start (noise)" in capsys.readouterr().out

