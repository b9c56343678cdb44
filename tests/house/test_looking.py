"""Functions that look at a network leave it, what they are handed, and the random streams as they were."""

import copy
import math

import pytest
import sklearn.decomposition  # noqa: F401 (its first import draws from Python's global stream)
import torch
import torchvision
from torch import nn

from ddkit import plots, training
from ddkit.data import Split
from ddkit.foundation.errors import Diverged, InputError
from ddkit.foundation.randomness import stream
from ddkit.methods import coresets
from ddkit.methods.matching.classes import chunked_means
from ddkit.methods.matching.datadam import attention_view
from ddkit.networks import bigbatch, build_for, cost
from ddkit.networks.looking import has_statistics
from ddkit.synthetic import SyntheticSet
from ddkit.training import PROTOCOLS, Protocol, difficulty, experts, fit, kernels, score, scores
from ddkit.training.experts import Plan, Trajectories, import_buffer, train_expert
from ddkit.training.kernel_scores import KERNEL_PROTOCOLS
from ddkit.training.kernel_scores import score as kernel_score
from ddkit.training.kernels import FeatureKernel

LOOKS = {
    "measure": lambda n, d: cost.measure(n, (1, 8, 8)),
    "logits": lambda n, d: training.logits(n, d.train.images),
    "test": lambda n, d: training.test(n, d.test),
    "el2n": lambda n, d: difficulty.el2n(n, d.train),
    "grand": lambda n, d: difficulty.grand(n, d.train),
    "mean score": lambda n, d: difficulty.mean_score("el2n", [n, n], d.train),
    "embeddings for coresets": lambda n, d: coresets.embeddings(n, d.train.images),
    "images per chunk": lambda n, d: bigbatch.images_per_chunk(n, d.train.images[:1], 1),
    "images per backward": lambda n, d: bigbatch.images_per_backward(n, d.train.images[:1], 1),
    "embeddings": lambda n, d: bigbatch.embeddings(n, d.train.images, 1),
    "class means": lambda n, d: chunked_means(n, d.train.images, 3, attention_view(1, True), 1),
    "features of a kernel": lambda n, d: FeatureKernel([n]).features(d.train.images),
    "detached features of a kernel": lambda n, d: FeatureKernel([n]).detached_features(d.train.images),
    "a kernel": lambda n, d: FeatureKernel([n])(d.train.images, d.test.images),
    "predictions": lambda n, d: kernels.predict(FeatureKernel([n]), d.test.images, d.train.images,
                                                torch.zeros(36, 3).double()),
    "a picture of embeddings": lambda n, d: plots.embedding_2d(n, d.train,
                                                               SyntheticSet.from_real(d, 2, stream(0, "init"))),
    "pictures of attention": lambda n, d: plots.attention_maps(n, d.train.images[:2], d.train.images[:2], d.mean,
                                                               d.std),
}


def everything(network: nn.Module) -> dict:
    """All that a network is: weights, buffers, gradients, modes, hooks and attributes' names."""
    modules = dict(network.named_modules())
    return {
        "state": {name: t.clone() for name, t in network.state_dict().items()},
        "gradients": {name: p.grad if p.grad is None else p.grad.clone() for name, p in network.named_parameters()},
        "learns": {name: p.requires_grad for name, p in network.named_parameters()},
        "modes": {name: m.training for name, m in modules.items()},
        "names": {name: sorted(m.__dict__) + sorted(m._buffers) for name, m in modules.items()},
        "hooks": {name: len(m._forward_hooks) + len(m._forward_pre_hooks) for name, m in modules.items()},
    }


def same(one, other) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.mark.parametrize("mode", ["training", "evaluation", "one layer apart"])
@pytest.mark.parametrize("look", LOOKS)
def test_looking_changes_nothing(tiny, look, mode, untouched_randomness):
    network = build_for(tiny, "ConvNetD2BN", 4, stream(0, "looked at"))
    network.train(mode != "evaluation")
    network.blocks[1].norm.train(mode == "training")
    network(tiny.train.images[:6]).square().sum().backward()
    before, data = everything(network), copy.deepcopy(tiny)
    LOOKS[look](network, tiny)
    assert same(everything(network), before)
    for part in ("train", "val", "test"):
        assert getattr(tiny, part).images.equal(getattr(data, part).images)


class Pair(nn.Module):
    """A student's own module that trains on two images or more."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.norm(self.first(x.flatten(1))))


@pytest.mark.parametrize(("network", "macs"), [(Pair(), 64 * 8 + 8 * 3),
                                               (torchvision.models.resnet18(num_classes=10), None)])
def test_networks_that_train_on_two_images_can_be_measured(network, macs):
    found = cost.measure(network, (1, 8, 8) if macs else (3, 32, 32))
    assert found.flops >= 2 * (macs or 1) and network.training


EXPERTS = Plan("ConvNetD1BN", width=4, experts=1, epochs=3, lr=0.1, batch=6)
WITH_STATISTICS = ["ConvNetD1BN", "ConvNetD2BN"]


def trained(folder, dataset, plan):
    return train_expert(folder, 0, plan, dataset, 0, None, quiet=True), Trajectories(folder, plan)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("network", [*WITH_STATISTICS, "ConvNetD1"])
def test_reloaded_experts_score_what_was_recorded(tiny, tmp_path, network, half):
    plan = Plan(**{**vars(EXPERTS), "network": network, "half": half})
    told, kept = trained(tmp_path, tiny, plan)
    again = [training.test(kept.network(0, epoch, tiny), tiny.val)["accuracy"] for epoch in range(plan.epochs + 1)]
    if half:  # weights are rounded, statistics are not
        for epoch in range(plan.epochs + 1):
            network = kept.network(0, epoch, tiny)
            assert all(b.dtype != torch.half for b in network.buffers())
    else:
        assert again == told["accuracies"]


@pytest.mark.parametrize("network", WITH_STATISTICS)
def test_a_buffer_brings_batch_norms_statistics_back(tiny, tmp_path, network, capsys):
    plan = Plan(**{**vars(EXPERTS), "network": network})
    told, kept = trained(tmp_path / "experts", tiny, plan)
    kept.export_buffer(tmp_path / "buffer.pt", tiny)
    assert "running statistics" in capsys.readouterr().err
    back = import_buffer(tmp_path / "buffer.pt", tmp_path / "back", plan, tiny)
    assert back.accuracies == [told["accuracies"]]
    for epoch in range(plan.epochs + 1):
        one, other = (t.network(0, epoch, tiny).state_dict() for t in (kept, back))
        assert same(dict(one), dict(other))


def test_a_buffer_of_the_fields_gets_its_statistics_from_the_training_images(tiny, tmp_path, capsys):
    _, kept = trained(tmp_path / "experts", tiny, EXPERTS)
    kept.export_buffer(tmp_path / "buffer.pt", tiny)
    (tmp_path / "buffer.pt.statistics").unlink()
    capsys.readouterr()
    back = import_buffer(tmp_path / "buffer.pt", tmp_path / "back", EXPERTS, tiny).network(0, 3, tiny)
    assert "taken from the training images" in capsys.readouterr().err
    block = back.blocks[0]
    seen = block.conv(tiny.train.images)
    torch.testing.assert_close(block.norm.running_mean, seen.mean((0, 2, 3)).detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(block.norm.running_var, seen.var((0, 2, 3)).detach(), rtol=1e-3, atol=1e-5)


def test_snapshots_without_statistics_are_matched_but_not_scored(tiny, tmp_path):
    _, kept = trained(tmp_path, tiny, EXPERTS)
    path = experts._snapshot(tmp_path / "expert-00", 2)
    tensors, notes = experts.read_tensors(path)
    experts.write_tensors(path, {"weights": tensors["weights"]}, notes)  # as they once were
    assert kept.weights(0, 2).equal(tensors["weights"]) and has_statistics(kept.template(tiny))
    with pytest.raises(InputError, match="matched, but not scored"):
        kept.network(0, 2, tiny)


def wild(name: str) -> Protocol:
    """A protocol under which every network collapses in its last update, after the last loss."""
    return Protocol(name, epochs=1, lr=1e30, momentum=0.0, weight_decay=1e30, batch=999)


def test_a_network_that_collapsed_in_its_last_update_is_no_score(tiny):
    with pytest.raises(Diverged, match="finite"):
        score(tiny.train, tiny, "ConvNetD1", wild("wild"), 0, width=4, quiet=True)


@pytest.mark.parametrize("name", ["assignment", "standard", "learned"])
def test_a_collapsed_network_is_no_score_under_any_protocol(tiny, name):
    how = Protocol(**{**PROTOCOLS[name].as_dict(), "epochs": 3, "lr": 1e30})
    with pytest.raises(Diverged):
        score(tiny.train, tiny, "MLP", how, 0, quiet=True)


def test_a_fit_that_ends_in_weights_that_are_not_finite_says_so(tiny):
    network = build_for(tiny, "ConvNetD1", 4, stream(0, "collapses"))
    how = Protocol("wild", 1, lr=1e30, momentum=0.0, weight_decay=1e30, batch=999)
    with pytest.raises(Diverged, match=r"blocks|classifier"):
        fit(network, tiny.train, how, stream(0, "order"))


@pytest.mark.parametrize("name", KERNEL_PROTOCOLS)
def test_predictions_of_a_kernel_that_are_not_finite_are_no_score(tiny, name, monkeypatch):
    from ddkit.training import kernel_scores

    monkeypatch.setattr(kernel_scores, "predict", lambda kernel, images, support, weights: torch.full(
        (len(images), weights.shape[1]), math.inf))
    with pytest.raises(Diverged):
        kernel_score(tiny.train, tiny, "ConvNetD1", KERNEL_PROTOCOLS[name], 0, width=4, quiet=True)


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_answers_that_are_not_finite_are_no_answers(lost):
    answers = torch.zeros(4, 3)
    answers[2, 1] = lost
    with pytest.raises(Diverged):
        scores.metrics(answers, torch.tensor([0, 1, 2, 0]))


def test_a_protocols_numbers_are_finite():
    for name in ("lr", "momentum", "weight_decay", "sharpness"):
        for value in (math.nan, math.inf, 1e308):
            with pytest.raises(InputError, match=f"{name} must be a number, at most 1e30"):
                Protocol("p", 1, **{name: value})


def test_statistics_are_kept_apart_for_a_while_and_gradients_flow(tiny):
    network = build_for(tiny, "ConvNetD1BN", 4, stream(0, "kept")).train()
    images = tiny.train.images.clone().requires_grad_()
    FeatureKernel([network]).features(images).sum().backward()
    assert images.grad.abs().sum() > 0 and int(network.blocks[0].norm.num_batches_tracked) == 0


def test_a_split_is_passed_whole(tiny):
    network = build_for(tiny, "ConvNetD1BN", 4, stream(0, "again"))
    mode = network.training
    training.refresh_statistics(network, Split(tiny.train.images, tiny.train.labels))
    assert network.training == mode and network.blocks[0].norm.momentum == 0.1
