"""Continual learning: a step sees its own classes only, labels keep their meaning, a resumed run is an unbroken one."""

import dataclasses
import json
from functools import partial
from itertools import chain

import pytest
import torch

import ddkit
from ddkit import data, training
from ddkit.__main__ import main
from ddkit.applications.base import Job
from ddkit.applications.continual import Continual
from ddkit.applications.continual import plots as continual_plots
from ddkit.applications.continual import report as continual_course
from ddkit.applications.continual import spec as continual
from ddkit.applications.continual.memory import beside, union
from ddkit.applications.continual.spec import after_step, by_step, forgetting, summary
from ddkit.course.profiles import profile
from ddkit.data import SOURCES, Split
from ddkit.foundation.errors import InputError
from ddkit.runs import run
from ddkit.specs import Coreset, Distill, RandomReal, describe_spec, restore_spec
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.budget import storage
from ddkit.training.scores import Scores

RANDOM = Coreset("digits", 2, "random")
STEPS = ((3, 8), (0, 1, 5))
SPEC = Continual(RANDOM, STEPS, "gdumb", "ConvNetD1", 4, seeds=2, epochs=2)
REPLAY = dataclasses.replace(SPEC, protocol="replay", new_images=30)
TINY = {"ipc": 2, "network": "ConvNetD1", "width": 4}
EXPERTS = (("expert_epochs", 1), ("expert_span", 1), ("experts", 1), ("final_start", 0), ("last_start", 0),
           ("learned_labels", False), ("student_steps", 2), ("threshold", 0.0), ("difficulty", "none"))
MEMORIES = {
    "random": RANDOM, "herding": Coreset("digits", 2), "k-centre": Coreset("digits", 2, "k-centre"),
    "forgetting": Coreset("digits", 2, "forgetting", "ConvNetD1", 4, 2),
    "datadam": Distill("digits", "datadam", updates=2, options=(("network_steps", 1),), **TINY),
    "multi-formation": Distill("digits", "datadam", updates=2, options=(("network_steps", 1),), **TINY,
                               form="multi-formation"),
    "rfad": Distill("digits", "rfad", updates=2, options=(("networks", 1), ("real_batch", 20)), **TINY),
    "kip": Distill("digits", "kip", ipc=2, updates=2, options=(("real_batch", 20),)),
    "pad": Distill("digits", "trajectory", "pad", updates=2, options=EXPERTS, **TINY)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("continual")


def a_job(digits, root, parts) -> Job:
    return Job(digits, parts, {}, partial(run, root=root, quiet=True), quiet=True)


@pytest.fixture(scope="module")
def record(root):
    return run(SPEC, root=root, quiet=True)


# Some classes of a data set

def test_some_classes_are_loaded_by_name_and_nothing_of_the_others(digits):
    some = ddkit.load("digits-8-3")
    assert some.name == "digits-8-3" and some.classes == ("8", "3")
    for part, whole in ((some.train, digits.train), (some.val, digits.val), (some.test, digits.test)):
        assert part.of_class(0).equal(whole.of_class(8)) and part.of_class(1).equal(whole.of_class(3))
        assert len(part) == len(part.of_class(0)) + len(part.of_class(1)) == len(part.images)
    again = digits.only((8, 3))
    assert again.fingerprint == some.fingerprint != digits.fingerprint
    assert digits.only((5, 8, 3)).only((1, 2)).fingerprint == some.fingerprint


@pytest.mark.parametrize(("name", "sentence"), [("digits-1-1", "are different numbers from 0 to 9"),
                                                ("digits-10", "are different numbers"), ("digits-a", "give their"),
                                                ("digits-", "give their"), ("figures-1", "unknown dataset 'figures'")])
def test_classes_that_are_not_there_are_refused(name, sentence):
    with pytest.raises(InputError, match=sentence):
        ddkit.load(name)


# Isolation

@pytest.mark.parametrize("kind", MEMORIES)
def test_what_is_kept_of_a_step_depends_on_its_own_classes_alone(kind, digits, root, tmp_path, monkeypatch):
    """The images of all other classes are made unusable, in training and test data: the memory keeps its bits."""
    spec = dataclasses.replace(SPEC, memory=MEMORIES[kind])
    clean = [record.synthetic for record in continual.memories(spec, a_job(digits, root, tmp_path), 2, 0)]
    read = SOURCES["digits"].read
    for kept, labels in zip(clean, STEPS, strict=True):
        def spoilt(folder, size, labels=labels):
            train, test, names = read(folder, size)
            for images, of in (train, test):
                images[[label not in labels for label in of.tolist()]] = float("nan")
            return train, test, names

        monkeypatch.setitem(SOURCES, "digits", dataclasses.replace(SOURCES["digits"], read=spoilt))
        again = dataclasses.replace(spec.memory, dataset=data.name_of("digits", labels))
        found = run(again, root=tmp_path / str(labels), quiet=True).synthetic
        assert found.images.equal(kept.images) and found.labels.equal(kept.labels) and found.images.isfinite().all()
        assert len(found.classes) == len(labels)


@pytest.mark.parametrize("step", [0, 1])
def test_replay_trains_on_its_own_step_and_the_memory_alone(digits, root, tmp_path, step):
    learner = continual.Replay(REPLAY, a_job(digits, root, tmp_path), 0)
    together, new = learner._data(step)
    own = digits.train.images[torch.isin(digits.train.labels, torch.tensor(STEPS[step]))]
    assert together.images[:new].equal(own)
    assert set(together.labels[:new].tolist()) == ({0, 1}, {2, 3, 4})[step]
    assert together.images[new:].equal(learner.memory(1, learner.classes).images)
    mixed = learner._mix(0, step, new, len(together) - new)
    assert len(mixed) == (30, 60)[step] and int((mixed < new).sum()) == 30
    assert len(mixed[mixed < new].unique()) == 30
    assert not mixed.equal(learner._mix(1, step, new, len(together) - new))


# Labels

def a_set(labels, meaning=None, start_labels=None) -> SyntheticSet:
    images = torch.arange(2.0 * 4).view(2, 1, 2, 2)
    return SyntheticSet(images + 1, labels, images, (0.5,), (0.5,), ("a", "b"), meaning=meaning,
                        start_labels=start_labels)


NAMES = tuple("abcdef")


def test_hard_labels_are_numbered_by_arrival():
    both = union([a_set(torch.tensor([0, 1]))] * 3, NAMES)
    assert both.labels.tolist() == [0, 1, 2, 3, 4, 5] and both.meaning == "classes" and both.moved > 0


@pytest.mark.parametrize("meaning", ["probabilities", "logits"])
def test_distributions_give_other_classes_nothing(meaning):
    given = torch.tensor([[0.9, 0.1], [0.3, 0.7]])
    both = union([a_set(given if meaning == "probabilities" else given.log(), meaning)] * 2, NAMES)
    expected = torch.zeros(4, 6)
    expected[:2, :2], expected[2:, 2:4] = given, given
    torch.testing.assert_close(both.training_split().labels, expected)
    assert both.meaning == "probabilities"


def test_one_hot_targets_stay_one_hot_targets_and_learned_ones_keep_their_differences():
    start, learned = torch.eye(2) - 1 / 2, torch.tensor([[0.7, -0.4], [-0.6, 0.8]])
    both = union([a_set(learned, "targets", start)] * 3, NAMES)
    torch.testing.assert_close(both.start_labels, torch.eye(6) - 1 / 6)
    torch.testing.assert_close(both.labels[2:4, 2:4] - both.start_labels[2:4, 2:4], learned - start)
    assert both.training_split().squared and both.started_as.tolist() == [0, 1, 2, 3, 4, 5]
    assert (both.labels[0, 2:] == both.labels[0, 2]).all() and both.labels[0, 2] == pytest.approx(-1 / 6)


def test_new_images_take_the_kind_of_label_that_the_memory_has():
    new = Split(torch.zeros(2, 1, 2, 2), torch.tensor([4, 5]))
    hard, soft, values = (union([a_set(*labels)], NAMES).training_split() for labels in (
        (torch.tensor([0, 1]),), (torch.eye(2), "probabilities"), (torch.eye(2) - 0.5, "targets")))
    assert beside(new, hard, 6).labels.tolist() == [4, 5, 0, 1]
    assert beside(new, soft, 6).labels.argmax(1).tolist() == [4, 5, 0, 1]
    mixed = beside(new, values, 6)
    assert mixed.squared and mixed.labels.dtype == torch.float32
    torch.testing.assert_close(mixed.labels, torch.eye(6)[[4, 5, 0, 1]] - 1 / 6)


def test_storage_counts_bytes_of_real_images_and_floats_of_distilled_ones():
    moved = a_set(torch.tensor([0, 1]))
    unmoved = dataclasses.replace(moved, images=moved.start)
    assert (storage(unmoved), storage(moved), storage(a_set(torch.eye(2)))) == (8 + 2, 32 + 2, 32 + 16)
    foreign = dataclasses.replace(unmoved, origin={"init": "imported"})  # nobody says what it began from
    assert storage(foreign) == 32 + 2


# Scores

def test_forgetting_and_average_by_hand():
    shares = [[1.0], [0.5, 0.9], [0.7, 0.4, 0.8]]
    assert forgetting(shares) == pytest.approx(((1.0 - 0.7) + (0.9 - 0.4)) / 2)
    confusion = [[3, 1, 0], [0, 2, 2], [1, 0, 9]]
    assert by_step(confusion, (2, 1)) == [5 / 8, 9 / 10] and by_step(confusion[:2], (2, 1)) == [5 / 8]
    costs = {"updates": 3, "train_seconds": 1.0, "test_seconds": 0.5}
    found = summary([{"accuracy": 0.6, "confusion": [[3, 1], [0, 2]], **costs},
                     {"accuracy": 0.7, "confusion": confusion, **costs}], (2, 1))
    assert found["average_accuracy"] == pytest.approx(0.65) and found["after"] == [0.6, 0.7]
    assert found["updates"] == 6 and found["accuracy"] == 0.7 and found["forgetting"] == pytest.approx(5 / 6 - 5 / 8)


def test_the_interval_is_students():
    values = [0.90, 0.92, 0.97, 0.94, 0.91]
    scores = Scores(tuple({"accuracy": v} for v in values))
    assert scores.interval == pytest.approx(2.776 * scores.se, rel=1e-3)
    assert Scores(({"accuracy": 0.9},)).interval == 0


# Runs

def test_a_record_tells_everything(record, digits):
    assert [run["seed"] for run in record.result["runs"]] == [0, 1]
    assert record.result["classes"] == ["3", "8", "0", "1", "5"] and record.result["steps"] == [[3, 8], [0, 1, 5]]
    assert record.result["bytes"] == [4 * 785, 10 * 785] and record.result["memory_seconds"] > 0
    assert [len(row) for row in record.result["runs"][0]["by_step"]] == [1, 2]
    tested = torch.isin(digits.test.labels, torch.tensor(list(chain(*STEPS)))).sum()
    assert sum(map(sum, record.result["runs"][0]["confusion"])) == tested
    assert record.synthetic.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] and record.synthetic.moved == 0
    assert after_step(record, 1).values == record.scores.values


def test_the_last_step_is_a_fresh_network_on_the_memory(record, digits):
    seen = digits.only(list(chain(*STEPS)))
    again = training.score(record.synthetic.training_split(), seen, "ConvNetD1", SPEC.how, 0, width=4, quiet=True)
    assert again["confusion"] == record.result["runs"][0]["confusion"]


def test_seeds_keep_other_images(record, digits, root):
    job = a_job(digits, root, root)
    first, second = (continual.memories(SPEC, job, 1, seed)[0] for seed in (0, 1))
    assert not first.synthetic.images.equal(second.synthetic.images)


@pytest.mark.parametrize("spec", [SPEC, REPLAY], ids=["gdumb", "replay"])
@pytest.mark.parametrize("epoch", [2, 4])
def test_a_killed_run_goes_on_to_the_same_numbers(spec, epoch, root, tmp_path, killed_in_epoch):
    unbroken = run(spec, root=root, quiet=True)
    calls = killed_in_epoch(epoch)
    with pytest.raises(KeyboardInterrupt):
        run(spec, root=tmp_path, quiet=True)
    resumed = run(spec, root=tmp_path, quiet=True)
    assert len(calls) == 1 + 2 * 2 * 2  # seeds, steps, epochs, and the killed one
    for one, other in zip(resumed.result["runs"], unbroken.result["runs"], strict=True):
        assert (one["after"], one["confusion"]) == (other["after"], other["confusion"])
    assert not list(tmp_path.glob("**/*.pt"))


def test_replay_goes_on_with_one_network(root, digits, tmp_path):
    learner = continual.Replay(REPLAY, a_job(digits, root, tmp_path), 0)
    before = learner.network.classifier.weight.clone()
    first = learner.learn(0)
    after = learner.network.classifier.weight.clone()
    second = learner.learn(1)
    assert not before.equal(after) and not after.equal(learner.network.classifier.weight)
    assert (len(first["confusion"]), len(second["confusion"])) == (2, 5)


def test_a_memory_of_values_is_replayed(root, tmp_path):
    spec = dataclasses.replace(REPLAY, memory=MEMORIES["rfad"], seeds=1)
    assert run(spec, root=root, quiet=True).synthetic.meaning == "targets"


def test_the_time_of_a_memory_counts_its_experts(root):
    spec = dataclasses.replace(SPEC, memory=MEMORIES["pad"], seeds=1, epochs=1)
    found = run(spec, root=root, quiet=True).result["memory_seconds"]
    kept = [dataclasses.replace(spec.memory, dataset=data.name_of("digits", labels)) for labels in STEPS]
    parts = [run(part, root=root).seconds for one in kept for part in (one, one.experts)]
    assert found == pytest.approx(sum(parts))


def test_a_run_is_made_once(record, root, monkeypatch):
    monkeypatch.setattr(continual, "LEARNERS", {})
    assert run(SPEC, root=root) == record


@pytest.mark.parametrize("change", [
    {"steps": STEPS[::-1]}, {"protocol": "replay"}, {"seeds": 3}, {"epochs": 3}, {"width": 5}, {"network": "MLP"},
    {"memory": Coreset("digits", 3, "random")}, {"memory": MEMORIES["datadam"]}, {"new_images": 3}])
def test_runs_that_differ_have_other_names(change):
    assert dataclasses.replace(SPEC, **change).name != SPEC.name


def test_other_numbers_of_a_protocol_are_another_run(monkeypatch):
    before, changed = SPEC.name, dataclasses.replace(continual.PROTOCOLS["gdumb"], lr=0.1)
    monkeypatch.setitem(continual.PROTOCOLS, "gdumb", changed)
    assert SPEC.name != before


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_spec_survives_being_written_down(kind):
    spec = dataclasses.replace(SPEC, memory=MEMORIES[kind])
    assert restore_spec(json.loads(json.dumps(describe_spec(spec)))) == spec


@pytest.mark.parametrize(("change", "sentence"), [
    ({"steps": ((0, 1),)}, "at least 2 steps"), ({"steps": ((0, 1), (2,))}, "at least 2 classes"),
    ({"steps": ((0, 1), (1, 2))}, "a class arrives once"), ({"steps": ((0, 1), (2, 77))}, "different numbers"),
    ({"protocol": "gdumm"}, "unknown protocol of continual learning"), ({"seeds": 0}, "seeds must be at least 1"),
    ({"memory": RandomReal("digits", 2)}, "a coreset or a distillation, got RandomReal"),
    ({"epochs": 0}, "epochs must be at least 1"), ({"new_images": 0}, "new_images must be"),
    ({"network": "LeNat"}, "unknown network")])
def test_what_cannot_work_is_refused_in_a_sentence(change, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        run(dataclasses.replace(SPEC, **change), root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


# Faces

def test_the_command_line_compares_memories(tmp_path, capsys):
    arguments = ["continual", "--memory", "random,datadam", "--ipc", "1", "--steps", "0,1/2,3", "--network",
                 "ConvNetD1", "--width", "4", "--seeds", "2", "--epochs", "1", "--updates", "1", "--runs",
                 str(tmp_path)]
    assert main([*arguments, "--figure", str(tmp_path / "figures")]) == 0
    text = capsys.readouterr().out
    assert all(part in text for part in ("final accuracy", "% (n=2)", "forgetting", "bytes"))
    assert (tmp_path / "figures" / "continual.png").exists()
    assert main([*arguments, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"random", "datadam"}


def test_the_command_line_says_what_a_distilled_memory_starts_from(tmp_path, capsys):
    arguments = ["--steps", "0,1/2,3", "--ipc", "2", "--width", "4", "--seeds", "1", "--epochs", "1", "--updates", "1"]
    assert main(["continual", "--dataset", "digits", "--memory", "datadam", "--init", "herding", *arguments, "--json",
                 "--runs", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["datadam"]["spec"]["memory"]["init"] == "herding"


@pytest.mark.parametrize("wrong", [["--memory", "luck"], ["--steps", "0,1"], ["--steps", "0,1/two"],
                                   ["--protocol", "standard"], ["--ipc", "0"]])
def test_bad_input_is_one_sentence_and_exit_2(wrong, tmp_path, capsys):
    assert main(["continual", *wrong, "--runs", str(tmp_path / "runs")]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("ddkit: ") and captured.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_the_curves_show_means_and_are_named_beside_their_ends(record):
    other = dataclasses.replace(record)
    (axes,) = continual_plots.accuracy_after_each_step({"one": record, "two": other}).axes
    means = [100 * after_step(record, step).mean for step in (0, 1)]
    for container in axes.containers:
        assert container.lines[0].get_ydata().tolist() == pytest.approx(means)
    texts = list(axes.texts)
    assert [text.get_text() for text in texts] == [f"{name} {means[1]:.1f} %" for name in ("one", "two")]
    assert abs(texts[0].xy[1] - texts[1].xy[1]) >= continual_plots.BESIDE - 1e-9
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1\n+ 3, 8", "2\n+ 0, 1, 5"]
    lines = [container.lines[0] for container in axes.containers]
    assert len({(line.get_marker(), line.get_linestyle()) for line in lines}) == 2


def test_the_matrix_shows_each_steps_share(record):
    axes, scale = continual_plots.step_matrix(record).axes
    assert "%" in scale.get_ylabel() and "n = 2 " in axes.get_xlabel()
    mean = sum(run["by_step"][1][0] for run in record.result["runs"]) / 2
    assert f"{100 * mean:.1f}" in [text.get_text() for text in axes.texts] and len(axes.texts) == 3


def test_runs_with_other_steps_are_not_drawn_together(record, root):
    other = dataclasses.replace(record, result=record.result | {"steps": [[3, 8], [0, 1]]})
    with pytest.raises(InputError, match="other steps"):
        continual_plots.accuracy_after_each_step({"one": record, "two": other})


@pytest.mark.parametrize("name", ["quick", "laptop", "full"])
def test_the_lessons_runs_fit_together(name):
    chosen = profile(name)
    kept = continual_course.memories(chosen) | {"PAD": continual_course.pad(chosen)}
    specs = [continual_course.continual(chosen, memory, p) for memory in kept.values() for p in continual.PROTOCOLS]
    for spec in specs:
        spec.check()
    assert len({spec.name for spec in specs}) == len(specs)
    assert set(continual_course.settings(chosen).replayed) <= set(kept)
