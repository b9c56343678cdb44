"""FedDM: its loss and ball against slow versions, one client, what is sent, and starts that give images away."""

import copy
import dataclasses

import pytest
import safetensors.torch
import torch

from ddkit.applications.federated import FedDM, feddm, report
from ddkit.applications.federated.clients import held, own_images
from ddkit.applications.federated.feddm import bring_near, draw_near, means_apart
from ddkit.applications.federated.rounds import Turn, copied
from ddkit.data import Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.networks import build_for
from ddkit.runs import run
from ddkit.specs import Full, RandomReal

SPEC = FedDM(Full("digits"), 3, 0.2, 300, 1, ipc=2, updates=2, image_lr=10.0, real_batch=8, server_epochs=2, width=4,
             seeds=1)


def network_of(digits, seed=0, name="ConvNetD3"):
    return build_for(digits, name, 4, stream(seed, "network"))


def flat(weights):
    return torch.cat([tensor.flatten() for tensor in weights.values()])


def turn_of(spec, digits, tmp_path, client, number=0):
    clients = [own_images(digits, own) for own in spec.deal.dealt(digits, 0)]
    return Turn(digits, clients, 0, number, client, Checkpoint(tmp_path / "part.pt"), quiet=True)


@pytest.mark.parametrize("name", ["ConvNetD3", "MLP", "LeNet"])
def test_the_loss_is_that_of_means_of_embeddings_and_logits(digits, name):
    """Against logits of every image, in float64, and a numerical gradient in the synthetic means."""
    network = network_of(digits, name=name).double()
    sides = [split[:6].double() for split in (digits.train.images, digits.test.images)]
    h = [network.embed(images).detach().unflatten(0, (2, 3)).mean(1) for images in sides]
    z = [network(images).detach().unflatten(0, (2, 3)).mean(1) for images in sides]
    weight = network.classifier.weight.detach()
    slow = (h[0] - h[1]).square().sum() + (z[0] - z[1]).square().sum()
    torch.testing.assert_close(means_apart(*h, weight), slow)
    assert torch.autograd.gradcheck(lambda s: means_apart(h[0], s, weight), h[1].requires_grad_())


def test_a_radius_of_nothing_is_the_network_itself_and_any_other_is_kept(digits):
    network, other = network_of(digits), network_of(digits, 1)
    centre, numbers = copied(network), stream(0, "ball")
    draw_near(other, centre, 0.0, numbers)
    assert torch.equal(flat(copied(other)), flat(centre))
    apart = []
    for _ in range(200):
        draw_near(other, centre, 2.0, numbers)
        apart.append(float((flat(copied(other)) - flat(centre)).norm()))
    assert max(apart) < 2.0001 and sum(apart) / 200 == pytest.approx(1.0, abs=0.25)  # 6 standard errors
    assert torch.equal(flat(copied(network)), flat(centre))


def test_a_network_outside_comes_back_to_the_border_on_the_straight_way(digits):
    network, centre = network_of(digits), copied(network_of(digits, 1))
    before = flat(copied(network)) - flat(centre)
    bring_near(network, centre, float(before.norm()) * 1.01)
    assert torch.equal(flat(copied(network)) - flat(centre), before)
    bring_near(network, centre, 0.5)
    after = flat(copied(network)) - flat(centre)
    assert float(after.norm()) == pytest.approx(0.5, rel=1e-4)
    assert float(torch.cosine_similarity(after, before, dim=0)) == pytest.approx(1.0, abs=1e-5)


def test_an_update_is_a_step_down_the_loss(digits, tmp_path, monkeypatch):
    """Of one client with all images, in a tiny ball and without augmentation or momentum: by hand."""
    monkeypatch.setattr(feddm, "MOMENTUM", 0.0)
    spec = dataclasses.replace(SPEC, clients=1, alpha=None, images=200, radius=1e-9, updates=1, real_batch=10**4)
    plain = dataclasses.replace(digits, strategy="none")
    network, turn = network_of(digits), turn_of(spec, plain, tmp_path, 0)
    classes = range(10)
    smallest = int(torch.bincount(turn.split.labels).min())
    monkeypatch.setattr(feddm.ClassBatches, "draw", lambda self: torch.cat(
        [turn.split.of_class(c)[:smallest] for c in classes]))
    begun = feddm.SyntheticSet.from_noise(digits, 2, stream(0, "init")).images.double().requires_grad_()
    exact = copy.deepcopy(network).double()
    real = torch.stack([exact.embed(turn.split.of_class(c)[:smallest].double()).mean(0) for c in classes]).detach()
    loss = means_apart(real, exact.embed(begun).unflatten(0, (10, 2)).mean(1), exact.classifier.weight.detach())
    wanted = begun - spec.image_lr * torch.autograd.grad(loss, begun)[0]
    sent, _, _ = spec.turn(network, turn, None)
    torch.testing.assert_close(sent, wanted.float(), rtol=1e-3, atol=1e-3)
    assert not turn.so_far.path.exists()


def test_classes_that_a_client_lacks_get_no_image_and_bytes_are_those_of_a_file(digits, tmp_path):
    """Of the tensors as they are serialised, labels as bytes, without the file's header."""
    record = run(SPEC, root=tmp_path, quiet=True)
    found, total, sent = record.result["runs"][0], 0, 0
    for client in range(3):
        turn = turn_of(SPEC, digits, tmp_path, client)
        classes = held(turn.split, 10)
        images, _, _ = SPEC.turn(network_of(digits), turn, None)
        assert len(images) == 2 * len(classes) < 20
        labels = torch.tensor(classes, dtype=torch.uint8).repeat_interleave(2)
        content = safetensors.torch.save({"images": images, "labels": labels})
        total += len(content) - 8 - int.from_bytes(content[:8], "little")
        sent += len(images)
    assert (found["up"], found["sent"], found["silent"]) == (total, sent, 0)


def test_who_has_too_few_of_every_class_sends_nothing(digits, tmp_path):
    few = Split(digits.train.images[:9], digits.train.labels[:9])
    turn = dataclasses.replace(turn_of(SPEC, digits, tmp_path, 0), clients=[few, own_images(digits, torch.arange(300))])
    assert SPEC.turn(network_of(digits), turn, None)[0] is None
    other, _, _ = SPEC.turn(network_of(digits), dataclasses.replace(turn, client=1), None)
    network = network_of(digits)
    assert SPEC.meet(network, [None, other], dataclasses.replace(turn, client=2))[0] == 2
    assert SPEC.told(turn.clients, [None, other], digits)["silent"] == 1


def test_the_server_stays_within_the_ball_and_learns_of_what_was_sent(digits, tmp_path):
    spec = dataclasses.replace(SPEC, radius=0.01, server_epochs=4)
    turn = dataclasses.replace(turn_of(spec, digits, tmp_path, 3), clients=[own_images(digits, torch.arange(300))])
    images, network = digits.train.images[: 2 * len(held(turn.clients[0], 10))], network_of(digits)
    begun = flat(copied(network))
    spec.meet(network, [images], turn)
    assert 0.005 < float((flat(copied(network)) - begun).norm()) < 0.0101


def test_clients_go_on_from_the_set_that_they_sent_last(digits, tmp_path):
    turn = turn_of(SPEC, digits, tmp_path, 0, number=1)
    before = torch.ones(2 * len(held(turn.split, 10)), 1, 28, 28)
    anew, on = (SPEC.turn(network_of(digits), turn, one)[0] for one in (None, before))
    assert float((on - before).norm()) < float((on - anew).norm())


@pytest.mark.parametrize("init", ["noise", "real"])
def test_real_images_are_begun_from_only_if_asked_and_then_told(digits, tmp_path, init):
    spec = dataclasses.replace(SPEC, init=init, image_lr=1e-6, updates=1, seeds=2)
    turn = turn_of(spec, digits, tmp_path, 0)
    sent, _, _ = spec.turn(network_of(digits), turn, None)
    nearest = torch.cdist(sent.flatten(1), turn.split.images.flatten(1)).amin(1)
    assert (float(nearest.max()) < 0.1) == (init == "real")
    text = report.table({"alpha 0.2": {report.MATCHED: run(spec, root=tmp_path, quiet=True)}})
    assert ("began from real images" in text) == (init == "real")


@pytest.mark.parametrize(("changes", "words"), [
    ({"radius": 0.0}, "radius is a positive"), ({"image_lr": float("inf")}, "image_lr is a positive"),
    ({"init": "herding"}, "init"), ({"ipc": 0}, "ipc"), ({"updates": 0}, "updates"), ({"rounds": 0}, "rounds"),
    ({"of": RandomReal("digits", 2)}, "give the full data"), ({"ipc": 200, "init": "real"}, "speak for"),
    ({"server_epochs": 0}, "server_epochs"),
])
def test_what_cannot_be_is_refused(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        run(dataclasses.replace(SPEC, **changes), root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())
