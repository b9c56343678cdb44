"""Sets that own their order, rates or initialisation: scored by them, kept by every file, and told apart."""

import dataclasses
import json

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

import ddkit
from ddkit.__main__ import main
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.grading.provenance.plausible import implausible
from ddkit.networks import build_for
from ddkit.runs import run
from ddkit.specs import Distill, Evaluate, File, RandomReal
from ddkit.synthetic import SyntheticSet, formats
from ddkit.synthetic.schedule import Schedule, ordered
from ddkit.training import fitting
from ddkit.training.protocols.prescribed import Prescribed, score

NETWORK, WIDTH = "ConvNetD1", 4
SMALL = {"network": NETWORK, "width": WIDTH}


def weights_of(dataset, seed=3):
    return parameters_to_vector(build_for(dataset, NETWORK, WIDTH, stream(seed, "own")).parameters()).detach()


def schedule_of(dataset, fixed=False, **changes):
    """Three steps on two batches, faster and with more momentum from one to the next."""
    values = {"order": ordered(len(dataset.classes), 2, 1, 3), "rates": torch.tensor([0.1, 0.2, 0.3]),
              "momentum": torch.tensor([0.3, 0.5, 0.9]), "weights": weights_of(dataset) if fixed else None, **SMALL}
    return Schedule(**values | changes)


def set_of(dataset, fixed=False):
    synthetic = SyntheticSet.from_real(dataset, 2, stream(0, "init"))
    synthetic.schedule = schedule_of(dataset, fixed)
    return synthetic


def slow_score(synthetic, dataset, seed):
    """The definition, by torch's own SGD with its momentum and rate set anew before every step."""
    network = build_for(dataset, NETWORK, WIDTH, stream(seed, "evaluation network"))
    if synthetic.schedule.fixed:
        torch.nn.utils.vector_to_parameters(synthetic.schedule.weights.clone(), network.parameters())
    sgd = torch.optim.SGD(network.parameters(), lr=1.0, momentum=0.1)
    for batch, rate, momentum in zip(*(getattr(synthetic.schedule, name) for name in ("order", "rates", "momentum")),
                                     strict=True):
        sgd.param_groups[0].update(lr=float(rate), momentum=float(momentum))
        sgd.zero_grad()
        F.cross_entropy(network(synthetic.images[batch]), synthetic.labels[batch]).backward()
        sgd.step()
    return fitting.test(network, dataset.val)["accuracy"], network


@pytest.mark.parametrize("fixed", [False, True])
def test_a_score_is_of_the_steps_in_their_order_at_their_rates(tiny, fixed, monkeypatch):
    synthetic, seen = set_of(tiny, fixed), []
    real = fitting.test
    monkeypatch.setattr("ddkit.training.protocols.prescribed.test",
                        lambda network, split: seen.append(network) or real(network, split))
    for seed in (0, 1):
        found = score(synthetic.training_split(), tiny, NETWORK, Prescribed(schedule=synthetic.schedule), seed,
                      width=WIDTH, split="val")
        accuracy, network = slow_score(synthetic, tiny, seed)
        assert found["accuracy"] == accuracy and found["updates"] == 3 and len(found["losses"]) == 3
        for one, other in zip(seen[-1].parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    ends = [parameters_to_vector(network.parameters()) for network in seen]
    assert ends[0].equal(ends[1]) == fixed and not any(end.equal(weights_of(tiny)) for end in ends)


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("kind", ["safetensors", "packed", "pt"])
def test_every_file_that_knows_itself_keeps_what_the_set_owns(tiny, tmp_path, fixed, kind):
    synthetic, path = set_of(tiny, fixed), tmp_path / f"set.{'pt' if kind == 'pt' else 'safetensors'}"
    if kind == "pt":
        synthetic.export_pt(path)
    else:
        synthetic.save(path, packed=kind == "packed")
    found = formats.open_set(path, tiny)
    for one, other in zip(*(s.schedule.tensors().items() for s in (synthetic, found)), strict=True):
        assert one[0] == other[0] and one[1].equal(other[1]) and one[1].dtype == other[1].dtype
    assert found.schedule.describe() == synthetic.schedule.describe() and found.schedule.fixed == fixed
    how = (Prescribed(schedule=s.schedule) for s in (synthetic, found))
    one, other = (score(s.training_split(), tiny, NETWORK, h, 0, width=WIDTH)
                  for s, h in zip((synthetic, found), how, strict=True))
    assert one["losses"] == other["losses"] and one["confusion"] == other["confusion"]
    assert found.undistilled().schedule is None


def test_a_file_for_other_programs_says_what_they_will_not_find_in_it(tiny, tmp_path, capsys):
    set_of(tiny).export_pt(tmp_path / "a.pt")
    assert "in another order and at another rate" in capsys.readouterr().err
    SyntheticSet.from_real(tiny, 2, stream(0, "init")).export_pt(tmp_path / "b.pt")
    assert "order" not in capsys.readouterr().err


@pytest.mark.parametrize("export", [formats.export_datm, formats.export_png])
def test_a_file_without_a_place_for_the_steps_says_so(tiny, tmp_path, capsys, export):
    scheduled = dataclasses.replace(set_of(tiny), learning_rate=0.1)
    export(scheduled, tmp_path / "a")
    assert "cannot hold" in (told := capsys.readouterr().err) and "the steps that belong to the set" in told
    export(dataclasses.replace(scheduled, schedule=None), tmp_path / "b")
    assert "steps" not in capsys.readouterr().err


@pytest.mark.parametrize("changes, words", [
    ({"order": torch.tensor([[0, 9], [0, 1], [0, 1]])}, "holds 6"), ({"order": torch.tensor([[-1, 0]] * 3)}, "holds 6"),
    ({"rates": torch.tensor([0.1, 0.2])}, "rates of 3 steps"), ({"rates": torch.tensor([0.1, 0.2, -1])}, "from 0 on"),
    ({"momentum": torch.tensor([0.1, 0.2, torch.nan])}, "momentum of 3 steps"),
    ({"order": torch.zeros(3, 2)}, "whole numbers"), ({"weights": torch.tensor([torch.inf])}, "finite")], ids=str)
def test_a_schedule_that_cannot_be_is_refused(tiny, changes, words):
    synthetic = SyntheticSet.from_real(tiny, 2, stream(0, "init"))
    with pytest.raises(InputError, match=words):
        dataclasses.replace(synthetic, images=synthetic.images, form=None, schedule=schedule_of(tiny, **changes))


def test_scoring_a_set_leaves_the_weights_that_it_owns(tiny):
    synthetic = set_of(tiny, fixed=True)
    scores = [score(synthetic.training_split(), tiny, NETWORK, Prescribed(schedule=synthetic.schedule), 0, width=WIDTH)
              for _ in range(2)]
    assert synthetic.schedule.weights.equal(weights_of(tiny)) and scores[0]["losses"] == scores[1]["losses"]


def test_a_fixed_start_is_that_of_one_network(tiny):
    synthetic = set_of(tiny, fixed=True)
    for network, width in (("ConvNetD1", 5), ("MLP", 4), ("ConvNetD2", 4)):
        with pytest.raises(InputError, match="made for one initialisation of ConvNetD1 of width 4"):
            score(synthetic.training_split(), tiny, network, Prescribed(schedule=synthetic.schedule), 0, width=width)


def distilled(preset="dd", **changes):
    options = {"real_batch": 20, "steps": 3, **changes}
    return Distill("digits", "unrolled", preset, ipc=2, init="noise", updates=2, options=options, **SMALL)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


def test_a_run_is_scored_as_prescribed_and_as_ordinary_data(root):
    made = run(distilled(), root=root, quiet=True)
    prescribed = run(Evaluate(made, "prescribed", **SMALL, seeds=2), root=root, quiet=True)
    ordinary = run(Evaluate(made, "standard", **SMALL, seeds=2, epochs=3), root=root, quiet=True)
    how = prescribed.result["protocol"]
    assert (how["steps"], how["images_in_a_step"], how["fixed"]) == (3, 10, False) and prescribed.updates == 3
    assert how["rates"] == made.synthetic.schedule.rates.tolist() and prescribed.result["epochs"] == 2
    assert ordinary.updates == 3 and prescribed.scores.values != ordinary.scores.values
    split = made.synthetic.training_split()
    expected = score(split, ddkit.load("digits"), NETWORK, Prescribed(schedule=made.synthetic.schedule), 1, width=WIDTH)
    assert prescribed.result["runs"][1]["confusion"] == expected["confusion"]


def test_a_fixed_start_is_scored_once(root):
    made = run(distilled("dd_fixed", starts=1), root=root, quiet=True)
    record = run(Evaluate(made, "prescribed", **SMALL, seeds=5), root=root, quiet=True)
    assert len(record.result["runs"]) == 1 and record.result["protocol"]["fixed"]
    file = File.of(made.folder / "synthetic.safetensors", "digits")
    of_file = run(Evaluate(file, "prescribed", **SMALL, seeds=5), root=root, quiet=True)
    assert of_file.scores.values == record.scores.values and str(of_file.scores) == str(record.scores)
    assert [*implausible(of_file)] == []
    assert run(Evaluate(file, "standard", **SMALL, seeds=2, epochs=1), root=root, quiet=True).scores.summary()["n"] == 2


def test_validation_is_by_what_the_set_prescribes(root, monkeypatch):
    spec, seen = distilled(), []
    monkeypatch.setattr("ddkit.specs.evaluate.prescribed_score",
                        lambda data, dataset, network, how, seed, **options: seen.append((how, options)) or {
                            "accuracy": 0.5, "confusion": [[1]]})
    synthetic = set_of(ddkit.load("digits"))
    assert spec._validation_score(synthetic, ddkit.load("digits")) == 0.5
    [(how, options)] = seen
    assert how.schedule is synthetic.schedule and options["split"] == "val"


@pytest.mark.parametrize("spec, words", [
    (Evaluate(RandomReal("digits", 2), "prescribed", **SMALL), "these images have none"),
    (Evaluate(distilled("rtp", step_images=1), "prescribed", **SMALL), "these images have none"),
    (Evaluate(distilled(), "prescribed", **SMALL, epochs=3), "leave the epochs out")], ids=["random", "rtp", "epochs"])
def test_what_prescribes_nothing_is_refused_before_any_work(spec, words):
    with pytest.raises(InputError, match=words):
        spec.check()


def test_a_file_that_prescribes_nothing_is_refused(root, tmp_path):
    SyntheticSet.from_real(ddkit.load("digits"), 2, stream(0, "init")).save(tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="prescribes neither order nor rates"):
        run(Evaluate(File.of(tmp_path / "a.safetensors", "digits"), "prescribed", **SMALL), root=root, quiet=True)


@pytest.mark.parametrize("preset, protocol", [("dd", "prescribed"), ("dd", "standard"), ("dd_fixed", "standard")])
def test_the_command_line_shows_both_side_by_side(root, capsys, preset, protocol):
    made = run(distilled(preset, starts=1), root=root, quiet=True)
    short = [] if protocol == "prescribed" else ["--epochs", "3"]
    main(["evaluate", str(made.folder), "--protocol", protocol, *short, "--seeds", "2", "--json", "--runs", str(root)])
    told = json.loads(capsys.readouterr().out)
    other = "standard" if protocol == "prescribed" else "prescribed"
    assert f"distilled ({other} protocol)" in told["beside"] and told["spec"]["protocol"] == protocol
    n = {**{name: one["n"] for name, one in told["beside"].items()}, "distilled": told["n"]}
    own = n["distilled"] if protocol == "prescribed" else n["distilled (prescribed protocol)"]
    assert own == (1 if preset == "dd_fixed" else 2)
    assert {name.split()[0] for name in told["beside"]} == {"distilled", "start", "random"}


def test_a_length_of_its_own_is_refused_for_what_the_set_prescribes(root, capsys):
    made = run(distilled(), root=root, quiet=True)
    assert main(["evaluate", str(made.folder), "--protocol", "prescribed", "--epochs", "2", "--runs", str(root)]) == 2
    assert "leave the epochs out" in capsys.readouterr().err
