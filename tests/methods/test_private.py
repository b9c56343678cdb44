"""Private sets: the accountant against tables and integrals, the mechanism's promises, and the one door to the data."""

import copy
import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

import ddkit
from ddkit.__main__ import main
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods import coresets, presets
from ddkit.methods.loop import Callback, distill
from ddkit.methods.matching.classes import PoissonBatches
from ddkit.methods.matching.gradient import GradientMatching
from ddkit.methods.matching.student import Student
from ddkit.methods.private import PrivateMatching
from ddkit.methods.private.accountant import HIGHEST, rdp_epsilon, rdp_sigma, renyi
from ddkit.methods.private.mechanism import clipped_sum, privatise, sample_gradients
from ddkit.networks import build_for
from ddkit.synthetic import INITS, SyntheticSet, forms
from ddkit.synthetic.formats import open_set

DELTA, RATE = 1e-5, 256 / 60_000
SIGMAS = {10: {200: "0.474", 1000: "0.510", 1500: "0.521", 10_000: "0.607", 100_000: "0.972", 500_000: "1.762"},
          1: {200: "0.967", 1000: "1.04", 1500: "1.081", 10_000: "1.879", 100_000: "5.51", 500_000: "12.23"}}
EPSILONS = [(RATE, 1, 10_000, 2.566), (RATE, 0.8, 1000, 2.037), (RATE, 1.1, 14_040, 2.5948), (0.01, 1, 1000, 2.1078),
            (256 / 54_000, 1, 2000, 1.417), (1, 5, 1, 0.7945)]
SMALL = {"updates": 6, "steps": 2, "outer": 2, "inner": 1, "real_batch": 12, "width": 4, "network_batch": 4}
OPEN = {"epsilon": None, "sigma": 0.0, "clip": 1e30}  # no noise, and nothing clipped


@pytest.mark.parametrize(("epsilon", "steps", "sigma"),
                         [(epsilon, *pair) for epsilon, row in SIGMAS.items() for pair in row.items()])
def test_the_noise_that_an_epsilon_asks_for_is_the_tables(epsilon, steps, sigma):
    digits = len(sigma.partition(".")[2])
    assert rdp_sigma(epsilon, RATE, steps, DELTA) == pytest.approx(float(sigma), abs=0.6 * 10**-digits)


@pytest.mark.parametrize(("q", "sigma", "steps", "epsilon"), EPSILONS)
def test_the_epsilon_of_a_noise_is_the_tables(q, sigma, steps, epsilon):
    assert rdp_epsilon(q, sigma, steps, DELTA) == pytest.approx(epsilon, rel=3e-4)


@pytest.mark.parametrize("order", [2, 3, 8])
@pytest.mark.parametrize("q", [0.01, 0.3])
def test_the_divergence_is_the_integral_that_it_stands_for(q, order):
    """E[(p / p0)^a] over p0 = N(0, sigma^2) with p the mixture (1 - q) N(0, sigma^2) + q N(1, sigma^2)."""
    sigma = 1.3
    x = np.linspace(-15, 25, 400_001)
    base = np.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    ratio = 1 - q + q * np.exp((2 * x - 1) / (2 * sigma**2))
    moment = float((base * ratio**order).sum() * (x[1] - x[0]))
    assert float(renyi(q, sigma)[order - 2]) == pytest.approx(math.log(moment) / (order - 1), rel=1e-6)


def test_all_images_in_every_batch_are_the_plain_gaussian():
    order = torch.arange(2, HIGHEST + 1, dtype=torch.float64)
    torch.testing.assert_close(renyi(1.0, 3.0), order / (2 * 9.0))
    torch.testing.assert_close(renyi(1 - 1e-12, 3.0), order / (2 * 9.0))


def test_epsilon_grows_with_steps_and_rate_and_falls_with_noise_and_delta():
    def rising(values):
        return all(one < other for one, other in itertools.pairwise(values))

    assert rising([rdp_epsilon(RATE, 1, steps, DELTA) for steps in (0, 1, 10, 1000, 100_000)])
    assert rising([rdp_epsilon(q, 1, 100, DELTA) for q in (0.001, 0.01, 0.1, 0.5, 1)])
    assert rising([rdp_epsilon(RATE, sigma, 100, DELTA) for sigma in (8, 2, 1, 0.5, 0.1)])
    assert rising([rdp_epsilon(RATE, 1, 100, delta) for delta in (1e-2, 1e-5, 1e-9)])
    assert rising([rdp_sigma(10, RATE, steps, DELTA) for steps in (1, 10, 1000, 100_000)])
    assert rdp_epsilon(RATE, 0, 1, DELTA) == math.inf and rdp_epsilon(RATE, 0, 0, DELTA) == 0


@pytest.mark.parametrize("epsilon", [0.1, 1, 10, 100])
@pytest.mark.parametrize("steps", [1, 1000])
def test_the_noise_found_keeps_within_epsilon_and_less_does_not(epsilon, steps):
    sigma = rdp_sigma(epsilon, RATE, steps, DELTA)
    assert rdp_epsilon(RATE, sigma, steps, DELTA) <= epsilon < rdp_epsilon(RATE, 0.999 * sigma, steps, DELTA)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: rdp_epsilon(0, 1, 1, DELTA), "sampling rate"), (lambda: rdp_epsilon(1.1, 1, 1, DELTA), "sampling rate"),
    (lambda: rdp_epsilon(0.1, 1, 1, 0), "delta"), (lambda: rdp_epsilon(0.1, 1, 1, 1), "delta"),
    (lambda: rdp_epsilon(0.1, -1, 1, DELTA), "negative"), (lambda: rdp_sigma(1e-3, 0.1, 9, DELTA), "no noise keeps"),
])
def test_what_cannot_be_accounted_for_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize(("q", "sigma", "steps"), [case[:3] for case in EPSILONS] + [(RATE, 0.5, 1000), (0.2, 2, 50)])
def test_opacus_accounts_alike(q, sigma, steps):
    """At our orders the same number; at all of opacus', broken ones among them, less where the best is close to 2."""
    accountants = pytest.importorskip("opacus.accountants")
    accountant = accountants.RDPAccountant()
    accountant.history = [(sigma, q, steps)]
    ours = rdp_epsilon(q, sigma, steps, DELTA)
    assert accountant.get_epsilon(DELTA, alphas=list(range(2, HIGHEST + 1))) == pytest.approx(ours, rel=1e-6)
    assert (0.95 if ours < 5 else 0.75) * ours < accountant.get_epsilon(DELTA) <= ours * (1 + 1e-6)


def gradients(images=40, weights=1000, size=3.0, seed=0):
    return size * torch.randn(images, weights, generator=stream(seed, "gradients")) / weights**0.5


def test_a_clipped_gradient_keeps_its_direction_and_short_ones_their_length():
    found = torch.stack([clipped_sum(one[None], 2.5) for one in gradients()])
    norms = gradients().norm(dim=1)
    assert norms.min() < 2.9 and norms.max() > 3
    torch.testing.assert_close(found.norm(dim=1), norms.clamp(max=2.5))
    torch.testing.assert_close(F.cosine_similarity(found, gradients(), dim=1), torch.ones(40))
    assert torch.equal(clipped_sum(0.1 * gradients()[:1], 2.5), 0.1 * gradients()[0])
    assert torch.equal(clipped_sum(torch.zeros(2, 5), 1.0), torch.zeros(5))


@pytest.mark.parametrize("parts", [1, 7, 40])
def test_the_noise_averages_out_and_has_its_variance(parts):
    """500 draws of 1,000 numbers: their mean is within five standard errors, their variance within two per cent."""
    clip, sigma, expected = 0.5, 2.0, 16
    some, noise = gradients().split(parts), stream(0, "noise")
    drawn = torch.stack([privatise(some, clip, sigma, expected, noise) for _ in range(500)]).double()
    plain, spread = clipped_sum(gradients(), clip) / expected, sigma * clip / expected
    assert float((drawn.mean(0) - plain).abs().max()) < 5 * spread / 500**0.5
    assert float((drawn - plain).square().mean()) == pytest.approx(spread**2, rel=0.02)
    nothing = privatise([torch.empty(0, 1000)], clip, sigma, expected, noise)
    assert float(nothing.std()) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("other", [1000.0, -1e20, 0.0, math.nan, math.inf])
def test_one_image_however_strange_moves_the_noisy_gradient_by_little(other):
    """By 2 R / B at most if it is exchanged, by R / B if it is left out."""
    strange = gradients()
    strange[7] *= other
    without = torch.cat([strange[:7], strange[8:]])
    one, changed, fewer = (privatise([g], 0.5, 1.0, 16, stream(0, "noise")) for g in (gradients(), strange, without))
    assert float((one - changed).norm()) <= 2 * 0.5 / 16 * 1.001
    assert float((one - fewer).norm()) <= 0.5 / 16 * 1.001


def test_an_image_times_a_thousand_moves_a_networks_noisy_gradient_by_little(tiny):
    student, weights = student_of(tiny, "ConvNetD3")
    images, labels = tiny.train.images, tiny.train.labels
    loud = images.clone()
    loud[3] *= 1000
    one, other = (privatise(sample_gradients(student, weights, x, labels), 0.1, 1.0, 12, stream(0, "noise"))
                  for x in (images, loud))
    assert 0 < float((one - other).norm()) <= 2 * 0.1 / 12 * 1.001


def student_of(dataset, network):
    built = build_for(dataset, network, 4, stream(0, "network"), "float32")
    return Student(built), parameters_to_vector(built.parameters()).detach()


@pytest.mark.parametrize("network", ["ConvNetD3", "ConvNetD3LN", "ConvNetD3GN", "ConvNetD3NN", "MLP", "LeNet",
                                     "AlexNet", "VGG11", "ResNet18"])
def test_gradients_of_single_images_are_those_taken_one_by_one(digits, network):
    student, weights = student_of(digits, network)
    student.network.double()
    images, labels, weights = digits.train.images[:3].double(), digits.train.labels[:3], weights.double()
    found = torch.cat(list(sample_gradients(student, weights, images, labels, chunk=2)))
    for image, label, gradient in zip(images, labels, found, strict=True):
        leaf = weights.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(F.cross_entropy(student.logits(leaf, image[None]), label[None]), leaf)
        torch.testing.assert_close(gradient, wanted, atol=1e-10, rtol=1e-8)
    assert [len(part) for part in sample_gradients(student, weights, images, labels, chunk=2)] == [2, 1]
    assert torch.cat(list(sample_gradients(student, weights, images[:0], labels[:0]))).shape == (0, len(weights))


def test_a_poisson_batch_is_a_coin_for_every_image(tiny):
    batches = PoissonBatches(tiny, 9, stream(0, "sampling"))
    assert batches.rate == 0.25
    seen = [batches.draw() for _ in range(400)]
    sizes = torch.tensor([float(len(labels)) for _, labels in seen])
    assert float(sizes.mean()) == pytest.approx(9, abs=5 * (36 * 0.25 * 0.75 / 400) ** 0.5)
    assert float(sizes.var()) == pytest.approx(36 * 0.25 * 0.75, rel=0.3)  # a fixed size has none
    images, labels = PoissonBatches(tiny, 36, stream(0, "sampling")).draw()
    assert torch.equal(images, tiny.train.images) and torch.equal(labels, tiny.train.labels)
    with pytest.raises(InputError, match="36 training images"):
        PoissonBatches(tiny, 37, stream(0, "sampling"))


def method(**changes):
    return PrivateMatching(presets.configure("private", "psg", SMALL | changes))


def run(made, dataset, updates=6, seed=0, **options):
    synthetic = SyntheticSet.from_noise(dataset, 2, stream(seed, "init"))
    return synthetic, distill(made, synthetic, dataset, updates=updates, seed=seed, **options)


def started(made, dataset, seed=0):
    synthetic = SyntheticSet.from_noise(dataset, 2, stream(seed, "init"))
    made.start(dataset, synthetic, lambda name: stream(seed, name))
    return synthetic


def test_without_noise_and_clipping_it_is_gradient_matching_without_classes(tiny):
    """All images in every batch, as many of each class: then DCC's mean over the classes is the mean over images."""
    found, history = run(method(**OPEN, real_batch=36, steps=1, outer=3), tiny)
    plain = {"networks": 2, "outer": 3, "inner": 1, "level": "set", "real_batch": 12, "width": 4, "network_batch": 4}
    wanted, theirs = run(GradientMatching(presets.configure("gradient", "dc", plain)), tiny)
    assert [one["loss"] for one in history.losses] == pytest.approx([one["loss"] for one in theirs.losses], rel=1e-4)
    torch.testing.assert_close(found.images, wanted.images, atol=1e-4, rtol=1e-3)
    assert found.moved > 0.1


@pytest.mark.parametrize("changes", [{"clip": 0.1}, {"epsilon": None, "sigma": 0.0}])
def test_noise_and_clipping_change_the_images(tiny, changes):
    assert not torch.equal(run(method(**OPEN), tiny)[0].images, run(method(**changes), tiny)[0].images)


def test_gradients_of_single_images_fit_the_memory(tiny):
    """In chunks of one or of many: the sum is the same but for its rounding."""
    made, tight = method(network="MLP", width=512, memory_mib=512), method(network="MLP", width=512, memory_mib=1)
    (one, first), (other, second) = run(made, tiny, updates=1), run(tight, tiny, updates=1)
    assert tight.singles < made.singles
    assert first.losses[0]["loss"] == pytest.approx(second.losses[0]["loss"], rel=1e-5)
    torch.testing.assert_close(one.images, other.images, atol=1e-4, rtol=1e-3)


def test_a_network_is_renewed_and_trained_when_it_is_due(tiny):
    made, seen = method(updates=9), []
    started(made, tiny)
    renew, train = made.pool.renew, made.pool.train
    made.pool.renew = lambda: (seen.append("new"), renew())
    made.pool.train = lambda number, batches: (seen.append("trained"), train(number, batches))
    for _ in range(9):
        made.update()
        seen.append("-")
    assert "".join("n" if one == "new" else "t" if one == "trained" else "-" for one in seen) == "n--t--n--t--n-"


class At(Callback):
    """Interrupts after one of the updates."""

    def __init__(self, update, error):
        self.update, self.error = update, error

    def on_update(self, synthetic, history):
        if history.updates == self.update:
            raise self.error


def test_epsilon_is_that_of_the_gradients_made_and_of_all_in_the_end(tiny):
    made = method()
    synthetic = started(made, tiny)
    assert synthetic.origin["privacy"]["epsilon"] == 0
    for n in range(1, 7):
        losses, said = made.update(), synthetic.origin["privacy"]
        assert said["steps"] == n and losses["epsilon"] == said["epsilon"]
        assert said["epsilon"] == rdp_epsilon(1 / 3, made.sigma, n, DELTA) and said["q"] == 1 / 3
    assert said["epsilon"] == pytest.approx(10, rel=1e-5) and said["epsilon"] <= 10
    with pytest.raises(InputError, match="is spent by 6 updates"):
        made.update()


def test_a_noise_that_is_given_has_the_epsilon_that_comes_of_it(tiny):
    synthetic, history = run(method(epsilon=None, sigma=3.0, delta=1e-3), tiny, updates=8)
    assert synthetic.origin["privacy"]["epsilon"] == rdp_epsilon(1 / 3, 3.0, 8, 1e-3)
    synthetic, history = run(method(**OPEN), tiny)
    assert synthetic.origin["privacy"]["epsilon"] is None and "epsilon" not in history.losses[-1]


@pytest.mark.parametrize("noise", ["seed", "secret"])
def test_a_state_goes_on_to_the_same_bits_and_the_same_epsilon(tiny, noise):
    """After three updates, of which the second and third are made again, as after a kill that lost them."""
    made = method(noise=noise)
    synthetic = started(made, tiny)
    made.update()
    kept, images = copy.deepcopy(made.state_dict()), synthetic.images.clone()
    for _ in range(5):
        made.update()
    again = method(noise=noise)
    resumed = started(again, tiny)
    again.load_state_dict(kept)
    assert resumed.origin["privacy"]["steps"] == 1
    resumed.images.copy_(images)
    for _ in range(5):
        again.update()
    assert torch.equal(resumed.images, synthetic.images) and resumed.origin == synthetic.origin


def test_secret_noise_follows_from_no_seed(tiny):
    one, other = (run(method(noise="secret"), tiny)[0] for _ in range(2))
    assert torch.equal(one.start, other.start) and not torch.equal(one.images, other.images)
    assert torch.equal(run(method(), tiny)[0].images, run(method(), tiny)[0].images)


SPEC = ddkit.Distill("digits-0-1", "private", "psg", ipc=2, init="noise", network="MLP", width=4, updates=5,
                     options=(("inner", 1), ("real_batch", 30), ("steps", 2)))


@pytest.mark.parametrize("at", [1, 3, 4])
def test_a_run_that_is_gone_on_with_accounts_for_all_its_gradients(tmp_path, at):
    whole = ddkit.run(SPEC, root=tmp_path / "whole", quiet=True).synthetic
    with pytest.raises(KeyboardInterrupt):
        ddkit.run(SPEC, root=tmp_path / "broken", callbacks=(At(at, KeyboardInterrupt()),), quiet=True)
    resumed = ddkit.run(SPEC, root=tmp_path / "broken", quiet=True).synthetic
    assert torch.equal(resumed.images, whole.images) and resumed.origin == whole.origin
    assert resumed.origin["privacy"]["steps"] == 5
    assert resumed.origin["privacy"]["epsilon"] == pytest.approx(10, rel=1e-5)


def test_files_say_what_was_spent_and_nothing_by_which_an_image_is_found_out(tmp_path):
    record = ddkit.run(SPEC, root=tmp_path, quiet=True)
    dataset, made = ddkit.load("digits-0-1"), record.synthetic
    privacy = made.origin["privacy"]
    assert set(privacy) == {"epsilon", "delta", "sigma", "q", "steps", "clip", "noise"}
    for path in (record.folder / "synthetic.safetensors", tmp_path / "set.pt"):
        if path.suffix == ".pt":
            made.export_pt(path)
        assert dataset.fingerprint.encode() not in path.read_bytes()
        opened = open_set(path, dataset)
        assert opened.origin["privacy"] == privacy and torch.equal(opened.images, made.images)
        with pytest.raises(InputError, match="was not distilled from"):
            open_set(path, ddkit.load("digits-3-4"))
    replace(made, origin={"dataset": dataset.name}).save(tmp_path / "nameless.safetensors")
    with pytest.raises(InputError, match="was not distilled from"):
        open_set(tmp_path / "nameless.safetensors", dataset)


def test_the_command_says_what_the_gradients_cost(tmp_path, capsys):
    command = ["distill", "--dataset", "digits-0-1", "--method", "private", "--preset", "psg", "--network", "MLP",
               "--ipc", "1", "--updates", "3", "--real-batch", "30", "--inner", "1", "--runs", str(tmp_path)]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "epsilon 10" in told.out and "3 noisy gradients" in told.out and "give away the set alone" in told.err
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["privacy"]["steps"] == 3


@pytest.mark.parametrize("init", [one for one in (*INITS, *coresets.STARTS) if one != "noise"])
def test_a_private_set_begins_from_no_real_image(tiny, tmp_path, init):
    with pytest.raises(InputError, match="begins from noise images"):
        ddkit.run(replace(SPEC, init=init), root=tmp_path)
    begun = coresets.select(tiny, 2, init, seed=0) if init in coresets.STARTS else SyntheticSet.from_real(
        tiny, 2, stream(0, "init"))
    with pytest.raises(InputError, match="a private set begins from noise"):
        distill(method(), begun, tiny, updates=6, seed=0)


@pytest.mark.parametrize("name", ["bases", "pca"])
def test_a_form_may_be_private_if_it_takes_nothing_from_real_images(digits, name):
    form = forms.begin(name, forms.configure(name, {}), digits, 10, "noise", stream(0, "init"))
    synthetic = SyntheticSet.of_form(form, digits, "noise")
    if form.reads_data:
        with pytest.raises(InputError, match="choose pixels or another form"):
            distill(method(), synthetic, digits, updates=2, seed=0)
        return
    distill(method(), synthetic, digits, updates=2, seed=0)
    assert synthetic.moved > 0 and synthetic.origin["privacy"]["steps"] == 2


def test_a_private_set_is_not_scored_while_it_is_made(tmp_path):
    with pytest.raises(InputError, match="is not scored while it is made"):
        ddkit.run(SPEC, root=tmp_path, validate_every=2, quiet=True)
    assert not list(tmp_path.glob("*"))


@pytest.mark.parametrize(("changes", "words"), [
    ({"sigma": 1.0}, "set one of the two"), ({"epsilon": None}, "set one of the two"),
    ({"network": "ConvNetD3BN"}, "batch norm"), ({"network": "ResNet18BN"}, "batch norm"),
    ({"noise": "os"}, "noise"), ({"delta": 1.0}, "delta"),
])
def test_settings_that_cannot_work_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        method(**changes)


class Watched(torch.Tensor):
    """Real images or labels: all but their shape and place may be asked for behind the door alone."""

    door_open = False
    ALWAYS = (torch.Tensor.shape.__get__, torch.Tensor.device.__get__, torch.Tensor.__len__)

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        assert Watched.door_open or function in Watched.ALWAYS, f"{function} was asked of private data"
        with torch._C.DisableTorchFunctionSubclass():
            return function(*args, **(kwargs or {}))


def watched(dataset):
    parts = {name: replace(part, images=part.images.as_subclass(Watched), labels=part.labels.as_subclass(Watched))
             for name, part in (("train", dataset.train), ("val", dataset.val), ("test", dataset.test))}
    return replace(dataset, **parts)


def test_real_data_are_read_through_the_one_door_alone(tiny, monkeypatch):
    draw, drawn = PoissonBatches.draw, []

    def behind_the_door(batches):
        Watched.door_open = True
        try:
            drawn.append(draw(batches))
        finally:
            Watched.door_open = False
        return drawn[-1]

    monkeypatch.setattr(PoissonBatches, "draw", behind_the_door)
    guarded = watched(tiny)
    with pytest.raises(AssertionError, match="private data"):
        guarded.train.images.mean()
    synthetic = SyntheticSet.from_noise(tiny, 2, stream(0, "init"))
    distill(method(), synthetic, guarded, updates=6, seed=0)
    assert len(drawn) == synthetic.origin["privacy"]["steps"] == 6
    assert torch.equal(synthetic.images, run(method(), tiny)[0].images)


def test_the_start_and_the_networks_are_the_same_whatever_the_images(tiny):
    other = replace(tiny, train=replace(tiny.train, images=tiny.train.images.flip(0) + 1))
    (one, other_set), weights = (run(method(updates=1), d, updates=1)[0] for d in (tiny, other)), []
    for dataset in (tiny, other):
        made = method()
        started(made, dataset)
        made.pool.renew()
        weights.append(parameters_to_vector(made.pool.network(-1).parameters()))
    assert torch.equal(one.start, other_set.start) and torch.equal(*weights)
    assert not torch.equal(one.images, other_set.images)
