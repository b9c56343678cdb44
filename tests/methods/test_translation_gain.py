"""What a translator is worth on classes that it has not seen, and when it is worth nothing."""

from dataclasses import replace

import pytest
import torch

from ddkit.data import load
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.methods.loop import distill
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.pretraining import Pretraining, distil_subset
from ddkit.methods.translation.regression import Statistics, centred, features, weights_of
from ddkit.methods.translation.translative import Translative
from ddkit.methods.translation.trying import ONE, TONED, TONES, Tone, fit_tone, gain, told, trial
from ddkit.networks.translator import build_translator
from ddkit.synthetic import SyntheticSet

PLAN = TranslatorPlan(network="ConvNetD2", width=8, subsets=40, fewest_classes=10, most_classes=16, most_ipc=1, real=60,
                      inner_updates=30, steps=300, lr=2e-3, channels=8, networks=1, held_out=30)


def made_of(dataset, folder, plan=PLAN, held_out=False):
    """The subsets to learn from, or ten of held-out classes."""
    classes, numbers = plan.classes(dataset, 0)[held_out], range(100, 110) if held_out else range(plan.subsets)
    return [distil_subset(Checkpoint(folder / f"{n}.pt"), n, plan, classes, dataset, 0) for n in numbers]


def pretrained(dataset, subsets, folder):
    training = Pretraining(PLAN, dataset, subsets, 0)
    training.run(Checkpoint(folder / "translator.pt"), quiet=True)
    return training.translator


class Domain:
    """A data set at 16 pixels with its subsets, its translator and the best tone, and trials on held-out classes."""

    def __init__(self, name, data, folder):
        self.folder, self.dataset = folder, load(name, data, 16)
        self.subsets = made_of(self.dataset, folder / "learned")
        self.held_out = made_of(self.dataset, folder / "held", held_out=True)
        self.translator = pretrained(self.dataset, self.subsets, folder)
        self.tone = fit_tone(self.subsets, PLAN, self.dataset, 0)

    def trials(self, translator=None, subsets=None):
        return [trial(translator or self.translator, self.tone, subset, PLAN, self.dataset, 0, number)
                for number, subset in enumerate(subsets or self.held_out)]


@pytest.fixture(scope="module")
def domain(tmp_path_factory, real_data):
    """``domain(name)``: glyphs, which are always there, or Omniglot, where somebody has put it; never downloaded."""
    made = {}

    def get(name) -> Domain:
        if name == "omniglot" and not (real_data / "omniglot").is_dir():
            pytest.skip("needs Omniglot's archives (set DDKIT_DATA)")
        if name not in made:
            made[name] = Domain(name, real_data if name == "omniglot" else None, tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.mark.slow
@pytest.mark.parametrize("name", ["glyphs", "omniglot"])
@pytest.mark.parametrize("over", [ONE, TONED])
def test_on_held_out_classes_it_beats_one_network_and_the_best_tone_by_two_standard_errors(name, over, domain):
    """Paired over ten sets, not adapted, in networks that nobody has seen."""
    trials = domain(name).trials()
    mean, error = gain(trials, over)
    assert len(trials) == 10 and mean > 2 * error > 0


@pytest.mark.slow
def test_it_serves_sets_of_other_fixed_networks_too_though_it_saw_none(domain):
    """What it mends is, in part at least, what every single network does to a set."""
    glyphs, trials = domain("glyphs"), []
    for fixed in (1, 2, 3):
        others = made_of(glyphs.dataset, glyphs.folder / f"fixed {fixed}", replace(PLAN, fixed=fixed), held_out=True)
        assert not torch.equal(others[0].images, glyphs.held_out[0].images)
        trials += glyphs.trials(subsets=others)
    mean, error = gain(trials)
    assert mean > 2 * error


@pytest.mark.slow
def test_targets_that_belong_to_other_images_teach_it_nothing(domain):
    glyphs = domain("glyphs")
    broken = [replace(subset, targets=subset.targets.roll(1, 0)) for subset in glyphs.subsets]
    mean, error = gain(glyphs.trials(pretrained(glyphs.dataset, broken, glyphs.folder / "broken")))
    assert mean < 2 * error


def test_a_tone_is_that_of_the_least_loss_and_leaves_images_where_it_changes_nothing():
    images = torch.randn(3, 2, 9, 9, generator=stream(0, "images"))
    assert TONES[0] == Tone() and torch.equal(Tone()(images), images)
    assert torch.allclose(Tone(0.7)(images), 0.7 * images) and len({*TONES}) == len(TONES)
    even = torch.ones(1, 1, 9, 9) * torch.tensor([[[[0.3]]]])
    assert torch.allclose(Tone(1.4, 0.5)(even), 1.4 * even)
    spread = [float(Tone(blur=blur)(images).var()) for blur in (-1.0, 0.0, 0.5, 1.0)]
    assert spread == sorted(spread, reverse=True)


@pytest.mark.slow
def test_the_fitted_tone_is_the_best_of_them_on_its_own_subsets(domain, monkeypatch):
    glyphs = domain("glyphs")
    assert glyphs.tone.contrast == 1  # which instance norm does not see, but for rounding
    for better, wanted in ((0.1, TONES[4]), (1e-6, TONES[0])):
        monkeypatch.setattr("ddkit.methods.translation.trying._losses",
                            lambda arms, *_, better=better: [0.2 - better * (arm == TONES[4]) for arm in arms])
        assert fit_tone(glyphs.subsets, PLAN, glyphs.dataset, 0) == wanted


def test_gains_are_paired_and_told():
    trials = [{ONE: 1.0, "translated": 0.5, TONED: 0.9}, {ONE: 3.0, "translated": 2.3, TONED: 2.9}]
    mean, error = gain(trials)
    assert mean == pytest.approx(0.6) and error == pytest.approx(0.1)
    assert "over one network 0.6000 +- 0.1000 and over contrast and blur 0.5000" in told({"trials": trials})
    assert "gain" not in told({"trials": trials[:1]}) and "no held-out classes" in told({"trials": []})


# --- where there is nothing to gain: one network is all that there is


@pytest.fixture
def optimum(tiny):
    """Statistics of three classes in a network of four features, and a set of four images at the least loss there is:
    with targets F_S w*, for the w* of least squares on the real images, its regression gives w* back."""
    plan = TranslatorPlan(network="ConvNetD3", width=4)
    network = plan.fixed_network(tiny).double()
    real, wanted = tiny.train.images.double(), centred(tiny.train.labels, 3).double()
    statistics = Statistics.of(network, real, wanted)
    images = torch.randn(4, 1, 8, 8, generator=stream(0, "set"), dtype=torch.float64)
    best = torch.linalg.lstsq(features(network, real), wanted, driver="gelsd").solution
    return network, statistics, images, features(network, images) @ best, float(statistics.loss(best))


def test_in_the_one_network_itself_no_translation_beats_its_optimum(optimum):
    network, statistics, images, targets, least = optimum
    translator = build_translator(1, 4, "identity", stream(0, "translator")).double()
    loss = statistics.loss(weights_of(network, translator(images), targets, ridge=1e-14))
    assert float(loss.detach()) == pytest.approx(least, rel=1e-6)
    slopes = torch.autograd.grad(loss, list(translator.last.parameters()))
    assert max(float(slope.abs().max()) for slope in slopes) < 1e-5  # a translator has nowhere to go from there
    for seed in range(10):
        moved = build_translator(1, 4, "random", stream(seed, "translator")).double()
        with torch.no_grad():
            assert float(statistics.loss(weights_of(network, moved(images), targets))) > least


@pytest.mark.parametrize("translator", ["none", "identity", "random"])
def test_nor_does_a_distillation_whose_fresh_networks_are_all_that_one(translator, tiny, monkeypatch):
    monkeypatch.setattr(TranslatorPlan, "fresh_network", lambda plan, dataset, _: plan.fixed_network(dataset))
    config = presets.configure("translative", "laptop", {
        "translator": translator, "network": "ConvNetD2", "width": 2, "inner_updates": 20, "updates": 60,
        "real_batch": 30, "channels": 4, "adapt_lr": 0.01})
    synthetic, method = SyntheticSet.from_real(tiny, 2, stream(0, "init")), Translative(config)
    distill(method, synthetic, tiny, updates=60, seed=0, quiet=True)
    network = method.inner.network
    real, wanted = features(network, tiny.train.images), centred(tiny.train.labels, 3).double()
    best = torch.linalg.lstsq(real, wanted, driver="gelsd").solution
    least, own = (float(method.inner.statistics.loss(weights)) for weights in (
        best, weights_of(network, synthetic.images, synthetic.labels).detach()))
    assert own > least - 1e-9
