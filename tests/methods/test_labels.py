"""Label distillation: closed forms against double backward and numbers, the rule of restarts, and labels as shares."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

from ddkit.__main__ import main
from ddkit.data import load
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError, Unmoved
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.methods.labels import (
    PRESETS,
    LabelDistillation,
    Restarts,
    as_probabilities,
    by_gradient,
    by_ridge,
)
from ddkit.methods.loop import Callback, distill
from ddkit.methods.matching.student import Batch, Student
from ddkit.methods.matching.unroll import Rule, unroll
from ddkit.networks import build, build_for
from ddkit.runs import run
from ddkit.specs import Distill, Evaluate
from ddkit.synthetic import SyntheticSet, formats
from ddkit.synthetic.budget import storage
from ddkit.synthetic.random_steps import RandomSteps
from ddkit.training import test
from ddkit.training.protocols import prescribed
from ddkit.training.protocols.prescribed import Prescribed
from ddkit.training.soft_labels import Ridge, RidgeLearner

CLASSES, SMALL = 3, {"network": "ConvNetD1", "width": 4, "real_batch": 12, "base_batch": 4}


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=stream(seed, "noise"), dtype=torch.float64)


def batches(seed=0):
    """Images, their probabilities, and real images with classes, in float64."""
    labels = noise(5, CLASSES, seed=seed + 1).softmax(1)
    return noise(5, 1, 8, 8, seed=seed), labels, (noise(7, 1, 8, 8, seed=seed + 2), torch.arange(7) % CLASSES)


def network(name="ConvNetD1"):
    return build(name, 1, CLASSES, 8, width=4, generator=stream(0, "network")).double()


@pytest.mark.parametrize("name", ["ConvNetD1", "ConvNetD2AS", "MLP"])
def test_the_product_with_the_jacobian_is_the_gradient_by_two_backward_passes(name):
    student = Student(network(name), F.cross_entropy)
    weights = parameters_to_vector(student.network.parameters()).detach()
    images, labels, real = batches()
    told = by_gradient(student, weights, images, labels, 0.3, real)

    def outer(after):
        return F.cross_entropy(student.logits(after, real[0]), real[1])

    rule = Rule(torch.tensor(0.3, dtype=torch.float64))
    for mode in ("unrolled", "stepwise"):
        slow = unroll(student, weights, images, labels, [Batch(torch.arange(5))], rule, outer, mode=mode)
        torch.testing.assert_close(told.gradient, slow.labels, atol=1e-12, rtol=1e-9)
        assert told.loss == pytest.approx(slow.loss, rel=1e-12)


def ridge_learner(lam=0.7, share=0.4):
    ridge = Ridge(lam, share)
    learner = RidgeLearner(network(), 1e-3, ridge)
    learner.classifier = noise(*learner.classifier.shape, seed=5)
    learner.scale = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    return learner, ridge


def test_ridge_regression_solves_for_the_least_squares_with_its_penalty():
    """The batch's own solution, in the primal form: (F^T F + lambda I)^-1 F^T Y."""
    learner, ridge = ridge_learner(share=1.0)
    images, labels, _ = batches()
    features = learner.features(images).detach()
    expected = torch.linalg.solve(features.T @ features + ridge.lam * torch.eye(features.shape[1]), features.T @ labels)
    torch.testing.assert_close(learner.solved(features, labels), expected, atol=1e-10, rtol=1e-8)
    assert (features[:, -1] == 1).all()


def test_the_labels_gradient_of_ridge_regression_is_that_by_a_backward_pass():
    learner, ridge = ridge_learner()
    images, labels, real = batches()
    told = by_ridge(learner, ridge, images, labels, real)
    leaf = labels.clone().requires_grad_()
    weights = learner.solved(learner.features(images).detach(), leaf)
    answers = learner.scale.detach() * (learner.features(real[0]).detach() @ weights)
    loss = F.cross_entropy(answers, real[1])
    torch.testing.assert_close(told.gradient, torch.autograd.grad(loss, leaf)[0], atol=1e-12, rtol=1e-9)
    assert told.loss == pytest.approx(loss.item()) and told.error == sum(answers.argmax(1) != real[1]) / 7


@pytest.mark.parametrize("solver", ["gradient", "ridge"])
def test_the_labels_gradient_is_the_numerical_one(solver):
    images, labels, real = batches()
    student = Student(network(), F.cross_entropy)
    weights = parameters_to_vector(student.network.parameters()).detach()
    learner, ridge = ridge_learner()

    def told(labels):
        if solver == "ridge":
            return by_ridge(learner, ridge, images, labels, real)
        return by_gradient(student, weights, images, labels, 0.5, real)

    found = told(labels).gradient
    for place in ((0, 0), (2, 1), (4, 2)):
        nudge = torch.zeros_like(labels)
        nudge[place] = 1e-5
        numerical = (told(labels + nudge).loss - told(labels - nudge).loss) / 2e-5
        assert float(found[place]) == pytest.approx(numerical, rel=1e-5, abs=1e-10)


def test_probabilities_stay_in_place_and_others_are_brought_back():
    labels = torch.tensor([[0.2, 0.3, 0.5], [1.5, -0.5, 0.5], [-1.0, -0.1, 0.0], [0.0, 2.0, -1.0]])
    found = as_probabilities(labels)
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.3, 0.5], [2 / 3, 0, 1 / 3], [1 / 3] * 3, [0, 1.0, 0]]))


def begun(dataset, preset="course", ipc=2, seed=0, **changes):
    method = LabelDistillation(presets.configure("labels", preset, SMALL | changes))
    synthetic = SyntheticSet.begin("real", dataset, ipc, stream(seed, "init"))
    method.start(dataset, synthetic, lambda name: stream(seed, name))
    return method, synthetic


@pytest.mark.parametrize("preset", PRESETS)
def test_after_every_update_rows_are_probabilities_and_images_are_as_they_were(preset, tiny):
    method, synthetic = begun(tiny, preset, label_lr=0.3)
    before = synthetic.images.clone()
    assert (synthetic.labels == 1 / 3).all() and synthetic.start_labels.argmax(1).tolist() == [0, 0, 1, 1, 2, 2]
    for _ in range(8):
        found = method.update()
        assert synthetic.labels.min() >= 0 and synthetic.labels.max() <= 1 and (synthetic.labels != 1 / 3).any()
        torch.testing.assert_close(synthetic.labels.sum(1), torch.ones(6), atol=1e-6, rtol=0)
        assert math.isfinite(found["loss"]) and 0 <= found["error"] <= 1
    assert synthetic.images.equal(before) and synthetic.moved == 0
    assert synthetic.undistilled().labels.equal(synthetic.start_labels)


@pytest.mark.parametrize("preset", PRESETS)
def test_only_labels_of_the_batch_get_a_gradient(preset, tiny):
    method, synthetic = begun(tiny, preset)
    method.update()
    assert (synthetic.labels.grad.abs().sum(1) > 0).sum() == method.batch == 4


@pytest.mark.parametrize("solver", ["gradient", "ridge"])
def test_a_small_step_on_the_labels_lowers_the_real_loss(solver, tiny):
    method, synthetic = begun(tiny, solver=solver, base_batch=6)
    if solver == "ridge":
        method.learner.step(synthetic.images, synthetic.start_labels)
    real = (tiny.train.images, tiny.train.labels)
    told = method._told(synthetic.images, synthetic.labels, real)
    down = synthetic.labels - 0.1 * told.gradient / told.gradient.norm()
    after = method._told(synthetic.images, down, real).loss
    assert told.loss - after == pytest.approx(0.1 * float(told.gradient.norm()), rel=0.3)


@pytest.mark.parametrize(("images", "classes", "batch", "window"), [
    (10, 10, 10, 50), (20, 10, 10, 50), (50, 10, 25, 50), (100, 10, 50, 50), (500, 10, 50, 200), (490, 49, 50, 100)])
def test_batches_and_windows_are_the_papers(images, classes, batch, window):
    config = presets.configure("labels", "ld", {})
    assert (config.batch_of(images), config.window_of(images, classes)) == (batch, window)
    asked = replace(config, base_batch=7, window=9)
    assert (asked.batch_of(images), asked.window_of(images, classes)) == (7, 9)


def test_a_network_is_replaced_when_its_mean_error_has_not_fallen_for_a_window():
    """Errors fall until update 6, after which the mean of three falls until update 8, its lowest."""
    rule, errors = Restarts(3), [0.9, 0.8, 0.7, 0.6, 0.5, 0.4] + [0.4] * 20
    due = [rule.due(error) for error in errors]
    assert [update for update, now in enumerate(due, 1) if now] == [12, 19, 26]  # after a fourth without better
    assert rule.lengths == [8, 3, 3] and rule.length == round(14 / 3)


def test_how_long_to_train_is_the_mean_of_the_latest_three():
    rule = Restarts(2)
    for length in (4, 6, 8, 3):
        for update in range(length):
            rule.due(0.9 - 0.1 * update)
        while not rule.due(0.99):
            pass
    assert rule.lengths == [6, 8, 3] and rule.length == round(17 / 3)


def test_until_a_network_was_replaced_it_is_as_long_as_the_first_has_learned():
    rule = Restarts(50)
    assert rule.length == 1
    for _ in range(7):
        rule.due(0.5)
    assert rule.length == 7


def test_a_set_says_how_long_to_train_on_it_and_keeps_that_in_its_file(tiny, tmp_path):
    method, synthetic = begun(tiny, window=2, network_lr=1e-9)
    for _ in range(12):
        method.update()
    assert method.restarts.lengths
    assert synthetic.schedule == RandomSteps(method.restarts.length, 4, 1e-9, "ConvNetD1", 4)
    synthetic.save(tmp_path / "set.safetensors")
    synthetic.export_pt(tmp_path / "set.pt")
    for path in tmp_path.iterdir():
        assert formats.open_set(path, tiny).schedule == synthetic.schedule


def steps_of(solver, **changes):
    return RandomSteps(**{"steps": 3, "batch": 4, "rate": 0.01, "network": "ConvNetD1", "width": 4, "solver": solver,
                          "ridge": 0.5, "share": 0.3} | changes)


def test_as_prescribed_a_network_takes_so_many_steps_of_adam_on_batches_at_random(tiny):
    _, synthetic = begun(tiny)
    made = Prescribed(schedule=steps_of("gradient"))
    found = prescribed.score(synthetic.training_split(), tiny, "ConvNetD1", made, 1, width=4, split="val")
    plain, order = build_for(tiny, "ConvNetD1", 4, stream(1, "evaluation network")), stream(1, "evaluation order")
    adam = torch.optim.Adam(plain.parameters(), 0.01)
    for _ in range(3):
        picks = torch.randperm(6, generator=order)[:4]
        adam.zero_grad()
        F.cross_entropy(plain(synthetic.images[picks]), synthetic.labels[picks]).backward()
        adam.step()
    assert found["confusion"] == test(plain, tiny.val)["confusion"] and found["updates"] == 3
    assert made.epochs_for(6) == 2


def test_as_prescribed_a_network_answers_by_the_classifier_that_was_solved_for(tiny):
    """The network that settled answers as its learner did, and the classifier moved by shares of batches' solutions."""
    network = build_for(tiny, "ConvNetD1", 4, stream(0, "network"))
    learner, images = RidgeLearner(network, 0.01, Ridge(0.5, 0.3)), tiny.train.images[:9]
    for start in (0, 3):
        before = learner.classifier
        features = learner.features(images[start:]).detach()
        learner.step(images[start:], F.one_hot(tiny.train.labels[start:9], 3).float())
        kernel = features @ features.T + 0.5 * torch.eye(len(features))
        solution = features.T @ torch.linalg.inv(kernel) @ F.one_hot(tiny.train.labels[start:9], 3).float()
        torch.testing.assert_close(learner.classifier, 0.7 * before + 0.3 * solution, atol=1e-5, rtol=1e-4)
    answers = learner.logits(images)
    assert learner.scale.item() != 1
    learner.settle()
    torch.testing.assert_close(network(images), answers, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("changes", "words"), [
    ({"batch": 7}, "see 7 images at a time, but it holds 6"), ({"steps": 0}, "steps must be at least 1"),
    ({"solver": "newton"}, "unknown solver")])
def test_steps_that_a_set_cannot_have_are_refused(changes, words, tiny):
    _, synthetic = begun(tiny)
    with pytest.raises(InputError, match=words):
        replace(synthetic, images=synthetic.images, form=None, schedule=steps_of(**{"solver": "ridge", **changes}))


@pytest.mark.parametrize("preset", ["course", "course_ridge"])
def test_a_run_is_scored_as_prescribed_on_validation_and_by_its_record(preset, tmp_path):
    spec = Distill("digits", "labels", preset, 2, network="ConvNetD1", width=4, updates=4,
                   options={"real_batch": 20, "window": 1})
    made = run(spec, root=tmp_path, validate_every=2, quiet=True)
    scored = run(Evaluate(spec, "prescribed", "ConvNetD1", 4, seeds=2), root=tmp_path, quiet=True)
    assert scored.result["protocol"] == {"name": "prescribed", "precision": "float32",
                                         **made.synthetic.schedule.describe()}
    assert [one["updates"] for one in scored.scores.runs] == [made.synthetic.schedule.steps] * 2
    expected = prescribed.score(made.synthetic.training_split(), load("digits"), "ConvNetD1",
                                Prescribed(schedule=made.synthetic.schedule), 0, width=4, split="val")["accuracy"]
    assert made.result["validation"][-1] == [4, expected]


class Stop(Callback):
    def on_update(self, synthetic, history):
        if history.updates == 5:
            raise KeyboardInterrupt


@pytest.mark.parametrize("preset", ["course", "course_ridge"])
def test_a_stopped_run_ends_in_the_same_bits_with_restarts_on_the_way(preset, digits, tmp_path):
    def run(**options):
        method = LabelDistillation(presets.configure("labels", preset, SMALL | {"window": 2}))
        synthetic = SyntheticSet.begin("real", digits, 2, stream(0, "init"))
        return method, synthetic, distill(method, synthetic, digits, updates=14, seed=0, quiet=True, **options)

    method, whole, history = run()
    assert method.restarts.lengths
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=Checkpoint(tmp_path / "run.pt"), callbacks=[Stop()])
    _, again, resumed = run(checkpoint=Checkpoint(tmp_path / "run.pt"))
    assert torch.equal(again.labels, whole.labels) and resumed.losses == history.losses
    assert again.schedule == whole.schedule


def test_labels_that_stay_are_an_error_and_images_that_stay_are_none(digits):
    class Idle(LabelDistillation):
        def update(self):
            return {"loss": 1.0}

    synthetic = SyntheticSet.begin("real", digits, 2, stream(0, "init"))
    with pytest.raises(Unmoved, match=r"every label is as it was at the start.*raise the labels'"):
        distill(Idle(presets.configure("labels", "course", SMALL)), synthetic, digits, updates=2, seed=0, quiet=True)


def test_real_images_are_counted_as_bytes_and_learned_labels_as_floats(digits):
    synthetic = SyntheticSet.begin("real", digits, 2, stream(0, "init"))
    method = LabelDistillation(presets.configure("labels", "course", SMALL))
    distill(method, synthetic, digits, updates=1, seed=0, quiet=True)
    assert storage(synthetic) == 20 * (28 * 28 + 4 * 10) + synthetic.schedule.bytes


def test_the_command_says_that_the_images_are_as_they_were(tmp_path, capsys):
    arguments = ["distill", "--dataset", "digits", "--method", "labels", "--ipc", "1", "--updates", "2", "--network",
                 "MLP", "--out", str(tmp_path / "set")]
    assert main(arguments) == 0
    assert "2 updates learned the labels of real images, which are as they were" in capsys.readouterr().out
    assert main(["evaluate", str(tmp_path / "set"), "--protocol", "assignment", "--epochs", "2", "--seeds", "1",
                 "--network", "MLP", "--runs", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "start" in told and "prescribed" in told


@pytest.mark.parametrize(("spec", "words"), [
    ({"init": "noise"}, "begins from real or .*herding.* images, not from 'noise'"),
    ({"network": "ConvNetD3BN"}, "without batch norm"), ({"options": {"image_lr": 0.1}}, "unknown option of labels"),
    ({"options": {"solver": "newton"}}, "unknown solver"), ({"options": {"share": 1.5}}, "share must")])
def test_what_cannot_work_is_refused_in_a_sentence(spec, words):
    with pytest.raises(InputError, match=words) as error:
        Distill("digits", "labels", **spec).check()
    assert "\n" not in str(error.value)
