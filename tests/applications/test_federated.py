"""Federated learning: how images are dealt, averages, bytes as they are sent, and clients that are one."""

import dataclasses
import json
from types import SimpleNamespace

import joblib
import pytest
import safetensors.torch
import torch

from ddkit.__main__ import main
from ddkit.applications.federated import FedAvg, FedDM, OneShot, averaging, feddm, one_shot, report, rounds
from ddkit.applications.federated.clients import Deal, average, held, of_client, own_images, raw_bytes, weight_bytes
from ddkit.course.profiles import profile
from ddkit.data import Split
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.networks import build_for
from ddkit.runs import run
from ddkit.specs import Coreset, Distill, File, Full, RandomReal, Start, describe_spec, restore_spec
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.widening import widened
from ddkit.training import fit, score

KIP = Distill("digits", "kip", "course", ipc=2, updates=3, options=(("real_batch", 40),))
SHOT = OneShot(KIP, 3, 1.0, 300, width=4, seeds=2, epochs=3)
AVERAGED = FedAvg(Full("digits"), 3, 1.0, 300, 2, width=4, seeds=2)
NEAR = FedDM(Full("digits"), 3, 1.0, 300, 2, ipc=1, updates=3, image_lr=10.0, real_batch=8, server_epochs=3, width=4,
             seeds=2)
SPECS = pytest.mark.parametrize("spec", [SHOT, AVERAGED, NEAR], ids=lambda spec: type(spec).__name__)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 100.0, None])
@pytest.mark.parametrize("images", [400, None])
def test_every_image_belongs_to_one_client(digits, alpha, images):
    dealt = Deal(5, alpha, images).dealt(digits, 0)
    every = torch.cat(dealt)
    assert len(every) == len(torch.unique(every)) == (images or len(digits.train)) and len(dealt) == 5
    assert min(map(len, dealt)) >= 10 and all(bool((part.diff() > 0).all()) for part in dealt)
    assert not all(torch.equal(*pair) for pair in zip(dealt, Deal(5, alpha, images).dealt(digits, 1), strict=True))


def classes_of(digits, alpha, clients=10):
    """Counts [clients, classes], over five draws."""
    return torch.stack([torch.bincount(digits.train.labels[part], minlength=10)
                        for seed in range(5) for part in Deal(clients, alpha, None).dealt(digits, seed)])


def test_small_alphas_give_few_classes_and_large_ones_all(digits):
    few, many, even = (classes_of(digits, alpha) for alpha in (0.05, 1e6, None))
    assert float(((few >= 10).sum(1) <= 3).float().mean()) > 0.6  # of as many as a client needs to speak for a class
    assert bool((many > 0).all()) and float((many - many.float().mean(0)).abs().max()) <= 3  # evenly, but for rounding
    expected = len(digits.train) / 100
    assert float((even - expected).abs().max()) < 5 * expected**0.5  # within the error of sampling


def test_nobody_gets_more_of_a_class_who_has_a_fair_share(digits):
    """With the guard, nobody has more than a fair share and one class besides."""
    counts = classes_of(digits, 0.1)
    fair = len(digits.train) / 10
    assert bool((counts.sum(1) - counts.amax(1) <= fair).all())


def test_a_client_speaks_for_classes_that_it_has_images_of(digits):
    split = Split(digits.train.images[:60], torch.tensor([3] * 30 + [7] * 21 + [5] * 9))
    assert held(split, 10) == [3, 7] and held(split, 10, 25) == [3]
    own = of_client(digits, split, [3, 7])
    assert own.classes == ("3", "7") and torch.bincount(own.train.labels).tolist() == [30, 21]
    assert own.fingerprint != of_client(digits, own_images(digits, torch.arange(60)), [3, 7]).fingerprint


def test_the_average_counts_every_client_as_often_as_it_has_images():
    one, other = {"w": torch.tensor([1.0, 2.0])}, {"w": torch.tensor([5.0, 0.0])}
    assert average([one, other], [30, 10])["w"].tolist() == [2.0, 1.5]
    assert torch.equal(average([one], [17])["w"], one["w"])


def test_flower_averages_alike(digits):
    aggregate = pytest.importorskip("flwr.server.strategy.aggregate").aggregate
    nets = [build_for(digits, "ConvNetD3", 4, stream(seed, "network")).state_dict() for seed in range(3)]
    counts = [10, 200, 33]
    theirs = aggregate([([tensor.numpy() for tensor in net.values()], n) for net, n in zip(nets, counts, strict=True)])
    for mine, other in zip(average(nets, counts).values(), theirs, strict=True):
        torch.testing.assert_close(mine, torch.tensor(other), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["ConvNetD3", "ConvNetD2BN", "LeNet"])
def test_bytes_of_weights_are_those_of_a_file_of_them_without_its_header(digits, name):
    network = build_for(digits, name, 8, stream(0, "network"))
    content = safetensors.torch.save({key: value.contiguous() for key, value in network.state_dict().items()})
    assert weight_bytes(network) == len(content) - 8 - int.from_bytes(content[:8], "little")


def test_bytes_of_raw_images(digits):
    pixels = digits.train.images[:7].to(torch.uint8).numpy().nbytes
    assert raw_bytes(7, digits) == pixels + 7


def test_labels_of_a_few_classes_in_terms_of_all(digits):
    """Of classes 7, 2: hard ones are named anew; values regressed on are one-hot - 1 / 10 where they were - 1 / 2."""
    own = digits.only([7, 2])
    hard = SyntheticSet.from_real(own, 2, stream(0, "set"))
    assert widened(hard, [7, 2], 10).tolist() == [7, 7, 2, 2]
    soft = SyntheticSet.from_real(own, 2, stream(0, "set"))
    soft.learn_labels(torch.nn.functional.one_hot(soft.labels, 2).float() - 0.5, "targets")
    wanted = torch.nn.functional.one_hot(torch.tensor([7, 7, 2, 2]), 10).float() - 0.1
    torch.testing.assert_close(widened(soft, [7, 2], 10), wanted)


def test_one_client_with_all_data_distils_what_everybody_would(digits, tmp_path):
    plain = run(KIP, root=tmp_path, quiet=True)
    spec = OneShot(KIP, 1, None, None, width=4, seeds=1, epochs=3)
    found = run(spec, root=tmp_path, quiet=True).result["runs"][0]
    alone = score(plain.synthetic.training_split(), digits, "ConvNetD3", spec.evaluation.how(digits), 0, width=4,
                  quiet=True)
    assert found["confusion"] == alone["confusion"] and found["losses"] == alone["losses"]
    assert found["up"] == plain.result["size"]["bytes"] and found["sent"] == 20 and found["silent"] == 0


def test_one_client_averages_to_plain_training(digits, tmp_path, monkeypatch):
    """To the same weights, bit for bit, with the same answers on the test images."""
    judge, judged = rounds.test, []
    monkeypatch.setattr(rounds, "test", lambda network, split: judged.append(rounds.copied(network)) or judge(
        network, split))
    spec = FedAvg(Full("digits"), 1, None, None, 1, width=4, seeds=1)
    found = run(spec, root=tmp_path, quiet=True).result["runs"][0]
    network = build_for(digits, "ConvNetD3", 4, stream(0, "evaluation network"))
    fit(network, digits.train, spec.how, stream(0, "round 0 client 0"), quiet=True)
    assert all(torch.equal(judged[-1][name], tensor) for name, tensor in network.state_dict().items())
    plain = judge(network, digits.test)
    assert found["accuracy"] == plain["accuracy"] == found["after"][0] and found["confusion"] == plain["confusion"]


def answers(record):
    """All of the result but the seconds."""
    return [{name: value for name, value in one.items() if "seconds" not in name} for one in record.result["runs"]]


@pytest.fixture(scope="module", params=[SHOT, AVERAGED, NEAR], ids=lambda spec: type(spec).__name__)
def made(request, tmp_path_factory):
    return run(request.param, root=tmp_path_factory.mktemp("federated"), quiet=True)


def test_bytes_are_counted_in_both_directions(made, digits):
    weights = weight_bytes(build_for(digits, "ConvNetD3", 4, stream(0, "")))
    up, down = report.traffic(made)
    if isinstance(made.asked, FedAvg):
        assert (up, down) == (2 * 3 * weights, 3 * 3 * weights) and report.traffic(made, 1)[0] == 3 * weights
    elif isinstance(made.asked, FedDM):
        sent = [one["sent"] * (4 * 784 + 1) for one in made.result["runs"]]
        assert [one["up"] for one in made.result["runs"]] == sent
        assert (up, down) == (sum(sent), 3 * 3 * weights) and report.traffic(made, 1) == (up / 2, 2 * 3 * weights)
    else:
        assert down == 3 * weights and min(one["up"] for one in made.result["runs"]) > 4 * 784
        assert made.result["runs"][0]["up"] != made.result["runs"][1]["up"]  # other deals, other classes
    if not isinstance(made.asked, OneShot):
        assert all(len(one["after"]) == 2 and one["after"][-1] == one["accuracy"] for one in made.result["runs"])
    assert made.result["images"] == 300 and not (made.folder / "parts").exists()


KILLED = {FedAvg: (averaging, "fit", 13), OneShot: (one_shot, "made_on", None), FedDM: (feddm, "distill", 13)}
# What is killed, and how often it begins in all: once for every client in every round, and once more.


@pytest.mark.parametrize("at", [2, 4])
def test_one_that_is_killed_goes_on_to_the_same_numbers(made, tmp_path, monkeypatch, at):
    """After ``at`` clients; none that was done before is done again."""
    home, name, times = KILLED[type(made.asked)]
    real, begun = getattr(home, name), []

    def killed(*arguments, **options):
        begun.append(1)
        if len(begun) == at:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(home, name, killed)
    with pytest.raises(KeyboardInterrupt):
        run(made.asked, root=tmp_path, quiet=True)
    assert answers(run(made.asked, root=tmp_path, quiet=True)) == answers(made)
    assert times is None or len(begun) == times


def test_seeds_side_by_side_give_the_same_numbers(made, tmp_path, one_thread):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert answers(run(made.asked, root=tmp_path, quiet=True)) == answers(made)


@pytest.mark.parametrize("of", [Full("digits"), RandomReal("digits", 2), Coreset("digits", 2, "herding"), Start(KIP)],
                         ids=lambda of: type(of).__name__)
def test_clients_may_send_anything_that_can_be_made_of_their_own_images(tmp_path, of):
    found = run(dataclasses.replace(SHOT, of=of, seeds=1), root=tmp_path, quiet=True).result["runs"][0]
    learned = 40 if isinstance(of, Start) else 0  # its labels: ten numbers each
    assert found["up"] == pytest.approx(found["sent"] * (784 + (learned or 1)), rel=0.2)
    assert isinstance(of, Full) == (found["sent"] == 300)


@pytest.mark.parametrize(("spec", "changes", "words"), [
    (SHOT, {"alpha": 0.0}, "positive number"), (SHOT, {"alpha": "even"}, "positive number"), (SHOT, {"clients": 0},
                                                                                           "clients"),
    (SHOT, {"images": 20}, "images that the clients"), (SHOT, {"images": 10**6}, "too few"),
    (SHOT, {"of": File("x.pt", "0" * 64, "digits")}, "made anew"), (SHOT, {"protocol": "learned"}, "one learning rate"),
    (SHOT, {"of": Distill("digits", "trajectory", "pad")}, "experts"), (SHOT, {"clients": 30, "of": RandomReal(
        "digits", 9), "alpha": None}, "speak for"), (AVERAGED, {"of": RandomReal("digits", 2)}, "give the full data"),
    (AVERAGED, {"rounds": 0}, "rounds"), (AVERAGED, {"network": "Net"}, "Net"),
    (AVERAGED, {"alpha": 1e-9, "clients": 30}, "always has fewer"),
])
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, spec, changes, words):
    with pytest.raises(InputError, match=words):
        run(dataclasses.replace(spec, **changes), root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


@SPECS
def test_specs_are_written_down_and_read_back(spec):
    again = restore_spec(json.loads(json.dumps(describe_spec(spec))))
    assert again == spec and again.name == spec.name
    assert dataclasses.replace(spec, alpha=None).name != spec.name


def test_leads_are_of_the_same_deals_and_told_with_their_error(tmp_path):
    records = {"alpha 1": {report.AVERAGED: run(AVERAGED, root=tmp_path, quiet=True),
                           report.MATCHED: run(NEAR, root=tmp_path, quiet=True)}}
    (alike, name, other), = found = report.compared(records)
    gap = 100 * (records[alike][name].scores.mean - records[alike][other].scores.mean)
    assert (name, other) == (report.MATCHED, report.AVERAGED) and found[alike, name, other].gap == pytest.approx(gap)
    assert f"- FedDM against FedAvg, in points: {gap:+.1f} ± " in report.leads(records)


def test_how_much_is_sent_and_made_is_told():
    asked = {name: SimpleNamespace(asked=spec) for name, spec in report.asked(profile("laptop"))["alpha 0.1"].items()}
    assert report._sent(asked) == (
        "Images of each class from a client: random real 2; random real, as many bytes 8; DataDAM 2, by 40 updates; "
        "FedDM 2 in each of 3 rounds, by 20 updates. FedAvg has 10 rounds.")


def test_what_has_no_record_is_named():
    asked = report.asked(profile("quick"))
    assert report.missing(asked, profile("quick")) == ""
    some = {"alpha 0.1": {name: spec for name, spec in asked["alpha 0.1"].items() if name != "FedDM"}}
    assert report.missing(some, profile("quick")) == "No record is at hand of alpha 0.1: FedDM; dealt evenly: any row."


@pytest.mark.parametrize("name", ["quick", "laptop", "full"])
def test_the_runs_of_every_profile_can_be_asked_for(name):
    asked = report.asked(profile(name))
    for of in asked.values():
        assert {report.RAW, report.AVERAGED, report.MATCHED, report.RANDOM, report.AS_MANY_BYTES} < set(of)
        for spec in of.values():
            spec.check()


def test_more_images_in_as_many_bytes_are_trained_on_for_as_many_updates(digits, tmp_path):
    shot = OneShot(RandomReal("digits", 20), 2, None, network="MLP", seeds=1, updates=7)
    assert len(digits.train) > 400 > 256  # two batches of the standard protocol
    (found,) = run(shot, root=tmp_path, quiet=True).result["runs"]
    assert (found["sent"], found["updates"]) == (400, 7)
    with pytest.raises(InputError, match="either epochs or updates"):
        dataclasses.replace(shot, epochs=2).check()
    of = report.asked(profile("laptop"))["dealt evenly"]
    assert of[report.AS_MANY_BYTES].updates == of["DataDAM"].epochs  # whose images are a single batch


def test_the_command_shows_all_rows(tmp_path, capsys):
    command = ["federated", "--dataset", "digits", "--method", "kip", "--ipc", "1", "--updates", "2", "--set",
               "real_batch=10", "--clients", "3", "--images", "200", "--alpha", "0.5,even", "--network", "MLP",
               "--epochs", "2", "--full-epochs", "1", "--rounds", "1", "--seeds", "2", "--runs", str(tmp_path)]
    assert main([*command, "--feddm"]) == 0
    text = capsys.readouterr().out
    assert all(row in text for row in ("kip", "random real", "raw data, once", "FedAvg", "FedDM", "dealt evenly",
                                       "alpha 0.5"))
    assert main([*command, "--feddm", "-1"]) == 2 and "radius" in capsys.readouterr().err
    assert main([*command, "--json", "--figure", str(tmp_path / "figures")]) == 0
    assert list((tmp_path / "figures").glob("federated*.png"))
    assert set(json.loads(capsys.readouterr().out)) == {"alpha 0.5", "dealt evenly"}
    assert main([*command, "--alpha", "little"]) == 2 and "or even" in capsys.readouterr().err
