"""Coresets: the rules agree with brute force, and what they choose goes wherever a distilled set goes."""

import dataclasses
import itertools
import json

import pytest
import torch

from ddkit import runs, training
from ddkit.__main__ import main
from ddkit.data import load
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.methods import coresets
from ddkit.methods.coresets import forgetting_events, herding, k_centre, most_forgotten, select
from ddkit.networks import build
from ddkit.runs import run
from ddkit.specs import Coreset, Distill, Evaluate, RandomReal, Start, describe_spec, restore_spec

SPEC = Coreset("digits", 2)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def rows(rng) -> torch.Tensor:
    return torch.randn(14, 3, generator=rng)


def test_herding_is_what_trying_every_row_gives(rows):
    mean, picks = rows.double().mean(0), []
    for _ in range(14):
        left = [i for i in range(14) if i not in picks]
        picks.append(min(left, key=lambda i: float((mean - rows[[*picks, i]].double().mean(0)).norm())))
    assert herding(rows, 14).tolist() == picks
    assert herding(rows, 5).tolist() == picks[:5]


def test_the_first_of_a_herd_is_the_row_nearest_to_the_mean(rows):
    assert herding(rows, 1).item() == (rows - rows.mean(0)).norm(dim=1).argmin()


def test_k_centre_is_what_comparing_all_distances_gives(rows, rng):
    found = k_centre(rows, 14, rng).tolist()
    picks = found[:1]
    while len(picks) < 14:
        distances = {i: min(float((rows[i].double() - rows[j].double()).norm()) for j in picks)
                     for i in range(14) if i not in picks}
        picks.append(max(distances, key=distances.get))
    assert found == picks


def test_no_choice_of_centres_is_twice_as_good(rows, rng):
    distances = torch.cdist(rows, rows)

    def radius(centres) -> float:
        return float(distances[:, list(centres)].min(1).values.max())

    best = min(map(radius, itertools.combinations(range(14), 3)))
    assert best <= radius(k_centre(rows, 3, rng).tolist()) <= 2 * best


def test_rows_that_repeat_are_picked_once(rng):
    for pick in (herding, k_centre, most_forgotten):
        same = torch.zeros(4) if pick is most_forgotten else torch.zeros(4, 2)
        assert sorted(pick(same, 4, rng).tolist()) == [0, 1, 2, 3]


def test_forgetting_is_counted_from_look_to_look(rng):
    right = torch.rand(9, 40, generator=rng) < 0.5
    right[0], right[:, 7] = True, False  # one is never learned
    for image, events in enumerate(forgetting_events(right).tolist()):
        column = right[:, image].tolist()
        counted = sum(a and not b for a, b in itertools.pairwise(column))
        assert events == (counted if any(column) else 9)
    assert forgetting_events(right).argmax() == 7


def test_the_most_forgotten_come_first_and_ties_are_drawn():
    scores = torch.tensor([0, 5, 0, 0, 9, 0, 0, 0])
    draws = [most_forgotten(scores, 3, torch.Generator().manual_seed(seed)).tolist() for seed in range(9)]
    assert all(draw[:2] == [4, 1] for draw in draws) and len({draw[2] for draw in draws}) > 1


WAYS = [("random", "pixels"), ("herding", "pixels"), ("k-centre", "pixels"), ("herding", "ConvNetD1"),
        ("k-centre", "MLP"), ("forgetting", "ConvNetD1")]


@pytest.mark.parametrize(("method", "on"), WAYS)
def test_images_of_every_class_are_chosen_and_left_as_they_are(tiny, method, on, untouched_randomness):
    chosen = select(tiny, 2, method, on=on, width=4, epochs=2, quiet=True)
    again = select(tiny, 2, method, on=on, width=4, epochs=2, quiet=True)
    assert chosen.labels.tolist() == [0, 0, 1, 1, 2, 2] and chosen.moved == 0 and chosen.origin["init"] == method
    assert again.images.equal(chosen.images)
    for image, label in zip(chosen.images, chosen.labels, strict=True):
        assert any(image.equal(other) for other in tiny.train.of_class(int(label)))
    assert len(chosen.images.flatten(1).unique(dim=0)) == 6


@pytest.mark.parametrize(("method", "on"), WAYS)
def test_another_seed_chooses_others_where_anything_is_drawn(tiny, method, on):
    chosen = {select(tiny, 2, method, on=on, width=4, epochs=2, seed=seed, quiet=True).images.numpy().tobytes()
              for seed in range(5)}
    assert (len(chosen) > 1) == coresets.draws(method, on)


def test_herding_on_a_random_network_looks_at_its_embedding(tiny):
    network = build("ConvNetD1", 1, 3, 8, width=4, generator=coresets.stream(0, "coreset network"))
    members = tiny.train.of_class(1)
    expected = members[herding(network.features(members)[-1].detach(), 2)]
    assert select(tiny, 2, on="ConvNetD1", width=4, epochs=0).images[2:4].equal(expected)


def test_a_trained_network_is_another_one_than_a_random_one(tiny):
    random, trained = (coresets.trained(tiny, "MLP", 4, epochs, 0, quiet=True) for epochs in (0, 1))
    assert not random.classifier.weight.equal(trained.classifier.weight)


def test_looks_are_taken_after_each_epoch(tiny):
    network = build("ConvNetD1", 1, 3, 8, width=4, generator=coresets.stream(0, "coreset network"))
    right = []

    def watch(epoch, model):
        right.append(torch.stack([model(image[None])[0].argmax() for image in tiny.train.images]) == tiny.train.labels)

    training.fit(network, tiny.train, coresets.training_of(3), coresets.stream(0, "coreset order"), watch=watch)
    assert coresets.looks(tiny, "ConvNetD1", 4, 3, 0, quiet=True).equal(torch.stack(right[1:]))


def test_a_killed_choice_resumes_to_the_same_looks(tiny, tmp_path, killed_in_epoch):
    def checkpoint(name):
        return Checkpoint(tmp_path / name)

    unbroken = coresets.looks(tiny, "ConvNetD1", 4, 4, 0, quiet=True)
    calls = killed_in_epoch(3)
    with pytest.raises(KeyboardInterrupt):
        coresets.looks(tiny, "ConvNetD1", 4, 4, 0, checkpoint, quiet=True)
    assert coresets.looks(tiny, "ConvNetD1", 4, 4, 0, checkpoint, quiet=True).equal(unbroken)
    assert len(calls) == 5 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("arguments", "sentence"), [
    ({"method": "best"}, "unknown coreset method 'best'"), ({"ipc": 0}, "images per class"),
    ({"ipc": 99}, "images per class must be 1 to 12"), ({"method": "forgetting"}, "name one in place of pixels"),
    ({"method": "forgetting", "on": "MLP", "epochs": 1}, "at least 2 epochs"), ({"epochs": -1}, "0 or more epochs"),
    ({"on": "Convent"}, "unknown network 'Convent'")])
def test_what_cannot_be_chosen_is_refused_in_a_sentence(tiny, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        select(tiny, **{"ipc": 1, **arguments})


@pytest.mark.parametrize("method", coresets.STARTS)
def test_a_distillation_can_start_from_a_coreset(tmp_path, method):
    spec = Distill("digits", ipc=2, init=method, width=4, updates=1, seed=3)
    made, chosen = run(spec, root=tmp_path, quiet=True).synthetic, select(load("digits"), 2, method, seed=3)
    assert made.start.equal(chosen.images) and not made.images.equal(chosen.images)
    assert made.origin["init"] == method and method in spec.name
    assert runs.training_set(Start(spec), load("digits"), seed=0, root=tmp_path).images.equal(chosen.images)


def test_a_coreset_is_a_run_and_a_source(tmp_path, monkeypatch):
    record = run(SPEC, root=tmp_path, quiet=True)
    assert record.synthetic.images.equal(select(load("digits"), 2).images)
    assert record.result["moved"] == 0 and record.synthetic.origin["on"] == "pixels"
    monkeypatch.setattr(coresets, "select", None)
    assert run(SPEC, root=tmp_path) == record
    score = run(Evaluate(SPEC, "assignment", "MLP", seeds=2), root=tmp_path, quiet=True)
    assert score.result["training_images"] == 20 and score.spec["of"]["type"] == "Coreset"


@pytest.mark.parametrize("change", [{"ipc": 3}, {"method": "k-centre"}, {"seed": 1}, {"on": "MLP"}, {"size": 16},
                                    {"on": "ConvNetD2", "width": 8}, {"on": "MLP", "epochs": 0}])
def test_coresets_that_differ_have_other_names(change):
    names = {dataclasses.replace(SPEC, **c).name for c in ({}, {"on": "ConvNetD2"}, change)}
    assert len(names) == 3


def test_a_coreset_survives_being_written_down():
    spec = Evaluate(dataclasses.replace(SPEC, on="MLP"))
    assert restore_spec(json.loads(json.dumps(describe_spec(spec)))) == spec


def test_one_herded_digit_per_class_teaches_a_kernel_more_than_any_at_random(tmp_path):
    herded, random = (run(Evaluate(source, "kernel", "NTKD1", seeds=8), root=tmp_path, quiet=True).scores.values
                      for source in (Coreset("digits", 1), RandomReal("digits", 1)))
    assert len(herded) == 1 and len(set(random)) > 1  # nothing is drawn for the first
    assert herded[0] > max(random)


def test_the_command_line_chooses_and_evaluates(tmp_path, capsys):
    arguments = ["--runs", str(tmp_path), "--json"]
    assert main(["coreset", "--ipc", "2", "--method", "k-centre", "--out", str(tmp_path / "set"), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["spec"]["method"] == "k-centre"
    assert main(["evaluate", str(tmp_path / "set"), "--protocol", "assignment", "--width", "4", "--seeds", "1",
                 *arguments]) == 0
    assert set(json.loads(capsys.readouterr().out)["beside"]) == {"random real"}
    assert main(["show", str(tmp_path / "set"), "--json"]) == 0
    assert [path.rsplit("/", 1)[-1] for path in json.loads(capsys.readouterr().out)["files"]] == \
        ["images.png", "images.pdf"]
    assert main(["coreset", "--method", "forgetting", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_looks_that_were_lost_are_not_begun_anew_in_the_middle(tiny, tmp_path, killed_in_epoch):
    def checkpoint(name):
        return Checkpoint(tmp_path / name)

    killed_in_epoch(3)
    with pytest.raises(KeyboardInterrupt):
        coresets.looks(tiny, "ConvNetD1", 4, 4, 0, checkpoint, quiet=True)
    (tmp_path / "looks.pt").unlink()
    with pytest.raises(InputError, match="lacks looks"):
        coresets.looks(tiny, "ConvNetD1", 4, 4, 0, checkpoint, quiet=True)
