"""KIP, RFAD and FRePo: meta-gradients against numerical ones, schedules, resuming, and scores by kernels."""

import copy
import json
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

import ddkit
from ddkit import methods, runs
from ddkit.__main__ import main
from ddkit.data import Dataset
from ddkit.foundation import randomness
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods.kernel.frepo import FRePo
from ddkit.methods.kernel.krr import KernelRegression
from ddkit.methods.kernel.rfad import RFAD
from ddkit.methods.loop import Callback
from ddkit.networks import build
from ddkit.specs.evaluate import PROTOCOLS
from ddkit.synthetic import SyntheticSet
from ddkit.training import kernel_scores
from ddkit.training.kernel_scores import KERNEL_PROTOCOLS, score
from ddkit.training.kernels import InfiniteNetwork, regression_targets

SMALL = {"updates": 8, "real_batch": 12}
CONFIGS = {
    "kip": SMALL | {"network": "NTKD2"},
    "rfad": SMALL | {"networks": 2, "width": 4, "augmentation": 0.5},
    "frepo": SMALL | {"pool": 3, "most_steps": 4, "width": 4, "network_lr": 0.01},
}


def configured(name, **changes):
    return methods.get(name).Config(**CONFIGS[name] | changes)


def started(name, dataset, seed=0, **changes):
    method = methods.get(name)(configured(name, **changes))
    synthetic = SyntheticSet.from_real(dataset, 2, stream(seed, "init"))
    method.start(dataset, synthetic, partial(stream, seed))
    for parameter in synthetic.parameters():
        parameter.requires_grad_()
    return method, synthetic


def in_double(dataset: Dataset) -> Dataset:
    train = copy.copy(dataset.train)
    object.__setattr__(train, "images", train.images.double())
    return Dataset(**dataset.__dict__ | {"train": train})


@pytest.fixture
def started_in_double(tiny, monkeypatch):
    """``started`` with networks, images and labels in float64."""
    original = KernelRegression.fresh_network
    monkeypatch.setattr(KernelRegression, "fresh_network", lambda self: original(self).double())
    monkeypatch.setattr(FRePo, "_train", lambda self, learner: None)  # between updates, and in float32

    def start(name, **changes):
        method, synthetic = started(name, in_double(tiny), **changes)
        synthetic.images, synthetic.labels = synthetic.images.detach().double(), synthetic.labels.detach()
        if synthetic.soft:
            synthetic.labels = synthetic.labels.double()
        for parameter in synthetic.parameters():
            parameter.requires_grad_()
        method.optimiser = torch.optim.Adam(method.learned(), 1.0)
        return method, synthetic

    return start


def loss_again(method, state) -> float:
    """The loss of the real images and networks that came next at ``state``, with the set as it is now and stays;
    its gradients are left in the set's parameters."""
    method.load_state_dict(copy.deepcopy(state))
    parameters = method.synthetic.parameters()
    kept = [parameter.detach().clone() for parameter in parameters]
    loss = method.update()["loss"]
    with torch.no_grad():
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)
    return loss


@pytest.mark.parametrize(("name", "changes"), [("kip", {}), ("kip", {"network": "NNGP"}), ("kip", {"ridge": 0.1}),
                                               ("rfad", {}), ("rfad", {"loss": "mse"}), ("frepo", {})])
def test_the_meta_gradient_is_the_numerical_one(started_in_double, name, changes):
    method, synthetic = started_in_double(name, **changes)
    state = copy.deepcopy(method.state_dict())
    loss_again(method, state)
    for parameter, gradient in [(parameter, parameter.grad.clone()) for parameter in synthetic.parameters()]:
        assert float(gradient.abs().max()) > 1e-4
        for place in gradient.abs().flatten().topk(3).indices.tolist():
            sides, step = [], 1e-5
            for shift in (step, -step):
                parameter.data.view(-1)[place] += shift
                sides.append(loss_again(method, state))
                parameter.data.view(-1)[place] -= shift
            numerical = (sides[0] - sides[1]) / (2 * step)
            assert gradient.view(-1)[place].item() == pytest.approx(numerical, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize(("name", "changes"), [("kip", {}), ("rfad", {"loss": "mse"}), ("frepo", {})])
def test_the_first_step_lowers_the_loss_as_far_as_its_gradients_promise(started_in_double, name, changes, learn):
    method, synthetic = started_in_double(name, learn_labels=learn, image_lr=1e-5, label_lr=1e-5, **changes)
    state = copy.deepcopy(method.state_dict())
    before = method.update()["loss"]
    # Adam's first step moves every number by the learning rate, against the sign of its gradient.
    promised = 1e-5 * sum(float(parameter.grad.abs().sum()) for parameter in synthetic.parameters())
    assert before - loss_again(method, state) == pytest.approx(promised, rel=0.02)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_loss_is_that_of_ridge_regression_by_another_solver(tiny, name):
    method, synthetic = started(name, tiny, ridge=0.01, **({"loss": "mse"} if name == "rfad" else {}))
    seen = {}
    original = method.kernels
    method.kernels = lambda *images: seen.setdefault("kernels", original(*images))
    labels = []
    measured = method.loss
    method.loss = lambda predicted, y: (labels.append(y), measured(predicted, y))[1]
    found = method.update()["loss"]
    k_ts, k_ss = (k.detach().double().numpy() for k in seen["kernels"])
    ridge = KernelRidge(alpha=0.01 * np.trace(k_ss) / 6, kernel="precomputed")
    predicted = ridge.fit(k_ss, np.eye(3)[synthetic.predicted] - 1 / 3).predict(k_ts)
    assert found == pytest.approx(((predicted - (np.eye(3)[labels[0]] - 1 / 3)) ** 2).sum(1).mean(), rel=1e-5)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_real_images_are_augmented_each_in_its_own_way_if_asked(tiny, monkeypatch, strength):
    method, _ = started("kip", tiny, augmentation=strength)
    clean = tiny.train.images.flatten(1)
    seen = []
    monkeypatch.setattr(method, "kernels", lambda real, images, kernels=method.kernels: (
        seen.append(real), kernels(real, images))[1])
    for _ in range(3):
        method.update()
    moved = [bool((clean - image.flatten()).abs().amax(1).min() > 1e-6) for image in torch.cat(seen)]
    assert any(moved) if strength else not any(moved)


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize("name", CONFIGS)
def test_steps_on_the_same_images_and_networks_lower_the_loss_and_labels_move_only_if_learned(tiny, name, learn):
    one_network = {"pool": 1, "most_steps": 999, "network_lr": 1e-6} if name == "frepo" else {}
    method, synthetic = started(name, tiny, learn_labels=learn, updates=40, real_batch=60, **one_network)
    labels, streams, losses = synthetic.labels.detach().clone(), randomness.states(method.streams), []
    for _ in range(40):
        randomness.restore(method.streams, streams)
        losses.append(method.update()["loss"])
    assert losses[-1] < losses[0]
    assert synthetic.moved > 0 and synthetic.soft == learn
    assert synthetic.labels.detach().equal(labels) != learn
    assert synthetic.meaning == ("targets" if learn else "classes")


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("learn", [True, False])
def test_a_resumed_run_ends_in_the_same_bits(tiny, untouched_randomness, name, learn):
    whole, one = started(name, tiny, learn_labels=learn)
    losses = [whole.update()["loss"] for _ in range(8)]
    first, two = started(name, tiny, learn_labels=learn)
    for _ in range(3):
        first.update()
    state, parameters = copy.deepcopy(first.state_dict()), [p.detach().clone() for p in two.parameters()]
    second, three = started(name, tiny, learn_labels=learn)
    second.update()  # so that nothing but the state can put it right
    second.load_state_dict(state)
    with torch.no_grad():
        for parameter, value in zip(three.parameters(), parameters, strict=True):
            parameter.copy_(value)
    assert [second.update()["loss"] for _ in range(5)] == losses[3:]
    assert all(a.equal(b) for a, b in zip(three.parameters(), one.parameters(), strict=True))


def test_the_learning_rates_fall_to_zero_as_a_cosine(tiny):
    method, _ = started("kip", tiny, image_lr=0.5, label_lr=0.125)
    rates = []
    for _ in range(9):
        method.update()
        rates.append([group["lr"] for group in method.optimiser.param_groups])
    assert rates[0] == [0.5, 0.125] and rates[4] == pytest.approx([0.25, 0.0625]) and rates[8] == [0, 0]


def test_the_number_of_updates_asked_for_sets_the_schedule():
    assert ddkit.Distill("digits", "kip", "course", updates=77).config.updates == 77
    assert ddkit.Distill("digits", "datadam", "course", updates=77).config.updates == 1000


def test_platts_scale_is_learned_and_cross_entropy_sees_it(tiny):
    method, _ = started("rfad", tiny)
    predicted, labels = torch.tensor([[0.6, -0.2, -0.4], [0.1, 0.2, -0.3]]).double(), torch.tensor([0, 2])
    with torch.no_grad():
        method.log_scale.fill_(np.log(5))
    shares = np.exp(5 * predicted.numpy()) / np.exp(5 * predicted.numpy()).sum(1, keepdims=True)
    assert method.loss(predicted, labels).item() == pytest.approx(-np.log(shares[[0, 1], [0, 2]]).mean(), rel=1e-6)
    method.update()
    assert method.log_scale.item() != pytest.approx(np.log(5), abs=1e-6)
    assert len(started("rfad", tiny, loss="mse")[0].learned()) == 2


def test_rfad_draws_fresh_networks_for_every_update(tiny, monkeypatch):
    drawn = []
    original = RFAD.fresh_network
    monkeypatch.setattr(RFAD, "fresh_network", lambda self: (drawn.append(original(self)), drawn[-1])[1])
    method, _ = started("rfad", tiny)
    method.update()
    method.update()
    assert len({float(n.classifier.weight.detach().sum()) for n in drawn}) == 4


@pytest.mark.parametrize("networks", [1, 3])
def test_the_pool_has_staggered_ages_and_renews_what_is_old(tiny, networks):
    method, _ = started("frepo", tiny, pool=4, networks=networks, most_steps=8)
    ages = [learner.steps for learner in method.pool]
    assert ages == [0, 2, 4, 6]
    renewed = 0
    for _ in range(30):
        before = [(learner.network, learner.steps) for learner in method.pool]
        method.update()
        after = [(learner.network, learner.steps) for learner in method.pool]
        used = [i for i in range(4) if before[i] != after[i]]  # and trained one step
        assert len(used) == len(method.current) == networks
        for place in used:
            fresh = after[place][0] is not before[place][0]
            renewed += fresh
            assert after[place][1] == (0 if fresh else before[place][1] + 1) and fresh == (before[place][1] == 7)
    assert renewed >= 2


def test_a_pools_network_is_trained_towards_the_targets(tiny):
    method, synthetic = started("frepo", tiny, most_steps=100, network_lr=0.01)
    learner = method._renewed()

    def error():
        return (learner.network(synthetic.images) - method.targets).square().sum(1).mean().item()

    before = error()
    for _ in range(30):
        method._train(learner)
    assert error() < 0.5 * before


@pytest.mark.parametrize(("name", "changes"), [
    ("kip", {"network": "ConvNetD3"}), ("kip", {"updates": 0}), ("kip", {"image_lr": 0.0}), ("kip", {"ridge": -1.0}),
    ("kip", {"label_lr": -0.1}), ("kip", {"augmentation": 1.5}), ("rfad", {"networks": 0}), ("rfad", {"loss": "hinge"}),
    ("rfad", {"platt_lr": -1.0}),
    ("frepo", {"pool": 0}), ("frepo", {"networks": 4}), ("frepo", {"most_steps": 0}), ("frepo", {"network_lr": 0.0}),
    ("frepo", {"real_batch": 0})])
def test_settings_that_cannot_work_are_refused_at_once_by_name(name, changes):
    with pytest.raises(InputError, match=next(iter(changes))):
        configured(name, **changes)


def test_the_score_of_a_kernel_is_that_of_another_solver(digits):
    training = SyntheticSet.from_real(digits, 3, stream(0, "few")).training_split()
    found = score(training, digits, "NTKD2", KERNEL_PROTOCOLS["kernel"], 0, split="val", quiet=True)
    kernel, x, t = InfiniteNetwork("NTK", 2), training.images.double(), digits.val.images.double()
    ridge = KernelRidge(alpha=1e-6 * float(kernel(x, x).diagonal().mean()), kernel="precomputed")
    ridge.fit(kernel(x, x).numpy(), regression_targets(training, 10).numpy())
    right = ridge.predict(kernel(t, x).numpy()).argmax(1) == digits.val.labels.numpy()
    assert found["accuracy"] == pytest.approx(right.mean(), abs=1e-6) and found["accuracy"] > 0.4


def test_a_trained_kernel_is_that_of_networks_trained_on_the_set(digits):
    training = SyntheticSet.from_real(digits, 3, stream(0, "few")).training_split()
    how = kernel_scores.KernelProtocol("trained_kernel", networks=1, updates=5)
    kernel = kernel_scores._kernel(training, digits, "ConvNetD3", how, 3, 8, "", True)
    untrained = build("ConvNetD3", 1, 10, 28, width=8, generator=stream(3, "evaluation network"))
    after, before = (n.blocks[0].conv.weight for n in (kernel.networks[0], untrained))
    assert not torch.equal(after, before) and float((after - before).detach().abs().max()) < 0.1


@pytest.fixture
def distilled(tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_RUNS", str(tmp_path / "runs"))
    folder = tmp_path / "set"
    command = ["distill", "--method", "kip", "--dataset", "digits", "--ipc", "2", "--updates", "30", "--lr", "0.05",
               "--validate-every", "30", "--out", str(folder), "--json"]
    assert main(command) == 0
    return folder


def test_the_command_line_judges_a_set_by_kernel_beside_its_start_and_random_images(distilled, capsys):
    made = runs.Record.load(distilled)
    assert made.result["cpu_seconds"] > 0 and len(made.result["validation"]) == 1
    assert main(["evaluate", str(distilled), "--protocol", "kernel", "--seeds", "3", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["result"]["kernel"].startswith("NTK of an infinitely wide fully connected ReLU network")
    assert "cost" not in content["result"] and content["updates"] == 0
    assert content["n"] == 1 and content["beside"]["random real"]["n"] == 3  # no seed could change the first
    assert content["mean"] > max(row["mean"] for row in content["beside"].values())
    assert main(["evaluate", str(distilled), "--protocol", "kernel"]) == 0
    assert "kernel regression on" in capsys.readouterr().out
    assert main(["transfer", str(distilled), "--protocol", "kernel", "--networks", "NNGP,MLP", "--seeds", "1"]) == 0


@pytest.mark.parametrize(("arguments", "says"), [
    (["--protocol", "standard", "--network", "NTK"], "cannot be trained: take protocol 'kernel'"),
    (["--protocol", "trained_kernel"], "without features to train"),
    (["--protocol", "kernel", "--epochs", "3"], "leave the epochs out"),
    (["--protocol", "kernel", "--network", "NTKD10"], "unknown network"),
    (["--protocol", "kernel", "--network", "ConvNetD3BN"], "without batch norm"),
    (["--protocol", "kernels"], f"choose one of {', '.join(sorted(PROTOCOLS))}"),
])
def test_what_a_kernel_cannot_do_is_one_sentence_and_exit_code_2(distilled, capsys, arguments, says):
    capsys.readouterr()
    assert main(["evaluate", str(distilled), *arguments]) == 2
    complaint = capsys.readouterr().err
    assert says in complaint and complaint.count("\n") == 1


class Unwanted(Callback):
    def on_start(self, synthetic, history):
        raise AssertionError("the run has begun")


@pytest.mark.parametrize("method", ["rfad", "frepo"])
def test_validation_that_would_hang_on_the_other_images_is_refused_before_anything_is_made(tmp_path, method):
    spec = ddkit.Distill("digits", method, ipc=1, network="ConvNetD1BN", width=2, updates=2)
    with pytest.raises(InputError, match="without batch norm"):
        runs.run(spec, root=tmp_path, validate_every=1, callbacks=(Unwanted(),), quiet=True)
    assert not list(tmp_path.glob("*"))

def test_a_kernel_of_all_training_images_is_refused(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_scores, "LARGEST", 100)
    spec = ddkit.Evaluate(ddkit.Full("digits"), "kernel", "NTK", seeds=1)
    with pytest.raises(InputError, match="at most 100 images"):
        runs.run(spec, root=tmp_path, quiet=True)


def test_a_set_distilled_by_a_kernel_trains_networks_by_squared_error(distilled):
    training = runs.Record.load(distilled).synthetic.training_split()
    assert training.squared and training.labels.shape == (20, 10)
    spec = ddkit.Evaluate(ddkit.File.of(distilled / runs.SYNTHETIC, "digits"), "assignment", "MLP", seeds=1, epochs=30)
    assert "cost" in runs.run(spec, quiet=True).result
