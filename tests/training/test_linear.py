"""Softmax regression against its own equations, and kernels whose ridge is chosen on validation data."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ddkit import run
from ddkit.data import Split
from ddkit.foundation.errors import InputError
from ddkit.specs import Evaluate, Full, RandomReal
from ddkit.training.kernel_scores import KERNEL_PROTOCOLS
from ddkit.training.kernel_scores import score as kernel_score
from ddkit.training.protocols.linear import LinearProtocol, Softmax, score


@pytest.fixture
def few(tiny):
    return tiny.train


def slope(model, training, strength):
    """The gradient in W of the loss that the model should have minimised, by autograd in float64."""
    rows = training.images.flatten(1).double()
    length = rows.square().sum(1).mean()
    weights = model.weights().requires_grad_()
    intercept = torch.from_numpy(model._model.intercept_)
    intercept = torch.cat([-intercept, intercept]) / 2 if len(intercept) == 1 else intercept  # of two classes
    logits = rows @ weights + intercept
    targets = training.labels if training.labels.ndim == 1 else training.labels.double()
    loss = F.cross_entropy(logits, targets) + strength * length / 2 * weights.square().sum()
    return torch.autograd.grad(loss, weights)[0] / length.sqrt()


@pytest.mark.parametrize("strength", [1.0, 0.01])
def test_it_is_the_minimum_of_hard_and_of_soft_labels(few, strength):
    soft = replace(few, labels=torch.rand(len(few), 3, generator=torch.Generator().manual_seed(0)).softmax(1))
    short = replace(few, images=few.images[..., :4, :4])  # 36 rows of 16 numbers; the others have 64
    for training in (few, soft, short):
        assert slope(Softmax(training, 3, strength), training, strength).abs().max() < 1e-4


@pytest.mark.parametrize("strength", [1.0, 0.01])
def test_it_is_the_minimum_of_two_classes_as_well(few, strength):
    both = few.labels < 2
    hard = Split(few.images[both], few.labels[both])
    shares = torch.rand(len(hard), 2, generator=torch.Generator().manual_seed(0)).softmax(1)
    for training in (hard, replace(hard, labels=shares)):
        model = Softmax(training, 2, strength)
        assert model.weights().shape == (few.images[0].numel(), 2)
        assert slope(model, training, strength).abs().max() < 1e-4


def test_labels_of_probability_one_are_hard_ones(few):
    certain = replace(few, labels=F.one_hot(few.labels, 3).float())
    one, other = (Softmax(split, 3, 0.1)(few.images) for split in (few, certain))
    assert torch.allclose(one, other)


def test_a_class_that_it_never_saw_is_never_named(few):
    seen = Split(few.images[few.labels < 2], few.labels[few.labels < 2])
    assert Softmax(seen, 3, 0.1)(few.images).argmax(1).max() == 1


def test_the_strength_is_that_of_the_best_validation_score(tiny):
    how = LinearProtocol(strengths=(1.0, 0.01, 1e-4))
    found = score(tiny.train, tiny, "linear", how, 0)
    right = [float((Softmax(tiny.train, 3, s)(tiny.val.images).argmax(1) == tiny.val.labels).double().mean())
             for s in how.strengths]
    assert found["strength"] == how.strengths[right.index(max(right))]


def test_the_ridge_is_that_of_the_best_validation_score(tiny):
    how = KERNEL_PROTOCOLS["validated_kernel"]
    found = kernel_score(tiny.train, tiny, "NTK", how, 0)
    alone = [kernel_score(tiny.train, tiny, "NTK", replace(how, ridges=(), ridge=ridge), 0, split="val")["accuracy"]
             for ridge in how.ridges]
    assert found["ridge"] == how.ridges[alone.index(max(alone))]
    same = kernel_score(tiny.train, tiny, "NTK", replace(how, ridges=(), ridge=found["ridge"]), 0)
    assert found["confusion"] == same["confusion"]


def test_it_is_a_protocol_of_evaluations(tmp_path):
    record = run(Evaluate(Full("digits", 8), "linear", "linear"), root=tmp_path, quiet=True)
    assert len(record.scores.runs) == 1 and record.scores.mean > 0.9 and "softmax" in record.result["model"]
    assert Evaluate(RandomReal("digits", 1), "linear", "linear", seeds=3).trials == 3


@pytest.mark.parametrize("options, wrong", [
    ({"network": "MLP"}, "say network 'linear', got 'MLP'"),
    ({"network": "linear", "epochs": 3}, "leave the epochs out"),
    ({"network": "linear", "precision": "bfloat16"}, "leave the precision out")])
def test_what_it_cannot_obey_it_refuses(options, wrong):
    with pytest.raises(InputError, match=wrong):
        Evaluate(Full("digits"), "linear", **options).check()


def test_values_to_regress_on_are_refused(tiny):
    labels = F.one_hot(tiny.train.labels, 3).float()
    with pytest.raises(InputError, match="take protocol 'kernel'"):
        score(replace(tiny.train, labels=labels, squared=True), tiny, "linear", LinearProtocol(), 0)


@pytest.mark.parametrize(("network", "how", "judge"), [
    ("linear", LinearProtocol(), score), ("NTK", KERNEL_PROTOCOLS["kernel"], kernel_score)])
def test_weights_below_0_are_no_probabilities_and_refused(tiny, network, how, judge):
    weights = F.one_hot(tiny.train.labels, 3).float() - 0.1
    with pytest.raises(InputError, match="no probabilities: take protocol 'standard'"):
        judge(replace(tiny.train, labels=weights), tiny, network, how, 0)
