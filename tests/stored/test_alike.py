"""What is counted together and what is not: sets of so many bytes, of several seeds, before judges of other words."""

from dataclasses import replace

import pytest

from ddkit.networks import FAMILIES, build
from ddkit.report import checklist
from ddkit.runs import Record, card, run
from ddkit.runs.spec import describe_spec
from ddkit.specs import Coreset, Distill, Evaluate, RandomReal, Start
from ddkit.stored import Shelf, Stored, growths, judged, tell_apart


def record(spec, **result) -> Record:
    """A record that nobody made."""
    return Record(describe_spec(spec), "", "f" * 64, "cpu", {}, 1.0, 0.0, 1, result)


def scored(spec: Evaluate, **result) -> Stored:
    """An evaluation that nobody made, of two updates an epoch: every seed is a percent above the one before."""
    epochs, updates = spec.epochs or -(-spec.updates // 2), spec.updates or 2 * spec.epochs
    runs = [{"seed": seed, "accuracy": 0.5 + seed / 100, "updates": updates, "train_seconds": 1.0, "test_seconds": 1.0,
             "confusion": [[1, 1], [1, 1]]} for seed in range(spec.trials)]
    made = record(spec, runs=runs, chance=0.1, training_images=10, epochs=epochs, **result)
    made.updates = updates
    return Stored(spec, made)


def samples(*runs: Stored) -> list:
    (found,) = judged(Shelf(runs)).values()
    return found


BYTES = Distill("digits", form="frequencies", budget=15_000)


def test_a_set_of_so_many_bytes_is_called_by_them_wherever_it_is_named():
    named = tell_apart([BYTES, Start(BYTES), Distill("digits", form="frequencies")])
    assert list(named.values()) == ["datadam as frequencies, 15,000 bytes", "start: real as frequencies, 15,000 bytes",
                                    "datadam as frequencies, 10 per class"]
    said = card.words(describe_spec(Evaluate(BYTES)))
    assert "budget 15000" in said and "ipc" not in said
    assert "datadam (course), 15,000 bytes from real" in checklist._methods([record(BYTES)])


def test_a_set_of_so_many_bytes_stands_on_no_axis_of_images_per_class():
    runs = [scored(Evaluate(source, epochs=3)) for source in (BYTES, Start(BYTES), RandomReal("digits", 10))]
    assert [(sample.name, sample.ipc) for sample in samples(*runs)] == [
        ("random real, 10 per class", 10), ("datadam as frequencies, 15,000 bytes", None),
        ("start: real as frequencies, 15,000 bytes", None)]
    (growth,) = growths(Shelf(runs))
    assert list(growth.curves) == ["random real"]
    assert growths(Shelf(tuple(runs[:2]))) == []


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("source", [Start, lambda made: made], ids=["start", "set"])
def test_bytes_are_those_of_what_was_scored_whatever_else_began_so(source, older, tmp_path):
    made = Distill("digits-0-1", "kip", ipc=2, updates=2)  # whose labels are soft from the start
    found = [run(spec, root=tmp_path, quiet=True) for spec in (made, Evaluate(source(made), "kernel", "NTK"))]
    size = found[1].result["size"]["bytes"]
    if older:
        del found[1].result["size"]
    (growth,) = growths(Shelf(tuple(Stored(one.asked, one) for one in found)))
    assert [point.bytes for curve in growth.curves.values() for point in curve.points.values()] == [size]
    assert size == {Start: 4 * 784 + 4}.get(source, 4 * (4 * 784 + 4 * 2))


ONE = Distill("digits", ipc=1)


def several(source, *seeds) -> list:
    """What a set of these seeds is, and is begun from."""
    if isinstance(source, Start):
        return [Start(one) for one in several(source.of, *seeds)]
    return [replace(source, seed=seed) for seed in seeds]


def called(*specs: Evaluate) -> list[tuple[str, int]]:
    """What samples are called that are made of these evaluations, and how many values each counts."""
    found = samples(*map(scored, specs))
    assert len({(sample.name, sample.epochs) for sample in found}) == len(found)
    return [(sample.name, len(sample.by_seed)) for sample in found]


def test_one_set_judged_twice_is_no_two_sets():
    assert called(Evaluate(ONE, epochs=3, seeds=2), Evaluate(ONE, updates=6, seeds=3)) == [
        ("datadam, 1 per class", 3)], "as many updates, however they are asked for"
    assert called(Evaluate(ONE, epochs=3, seeds=2), Evaluate(ONE, updates=5, seeds=3)) == [
        ("datadam, 1 per class, for 5 updates", 3), ("datadam, 1 per class, for 6 updates", 2)]


@pytest.mark.parametrize("how", [{"precision": "bfloat16"}, {"updates": 5, "epochs": None}], ids=str)
def test_sets_are_pooled_where_they_were_judged_alike(how):
    usual = [Evaluate(one, epochs=3) for one in several(ONE, 0, 1, 2)]
    found = called(*usual, *(replace(one, **how) for one in usual[:2]))
    assert [count for name, count in found if name.endswith("3 sets")] == [3]
    assert [count for name, count in found if name.endswith("2 sets")] == [2]
    assert not [name for name, _ in called(usual[0], replace(usual[1], **how)) if name.endswith("sets")]


SEEDED = [ONE, replace(ONE, init="herding"), Start(ONE), Start(replace(ONE, init="k-centre")),
          Coreset("digits", 1, "random"), Coreset("digits", 1, "k-centre"), Coreset("digits", 1, on="ConvNetD1")]


@pytest.mark.parametrize("source", SEEDED, ids=str)
def test_sets_of_several_seeds_are_one_sample_of_each_length_of_training(source):
    found = called(*(Evaluate(one, epochs=epochs) for epochs in (3, 4) for one in several(source, 0, 1, 2)))
    assert [count for name, count in found if name.endswith("3 sets")] == [3, 3]


def test_samples_of_several_sets_are_told_apart():
    found = called(*(Evaluate(one, epochs=3) for lam in (0.1, 0.5) for one in several(
        replace(ONE, options={"lam": lam}), 0, 1)))
    assert [name for name, _ in found if name.endswith("2 sets")] == [
        f"datadam, 1 per class, lam {lam}, 2 sets" for lam in (0.1, 0.5)]


@pytest.mark.parametrize("source", [Coreset("digits", 1), Start(replace(ONE, init="herding"))], ids=str)
def test_a_seed_that_decides_nothing_makes_no_further_set(source):
    assert not [name for name, _ in called(*(Evaluate(one, epochs=3) for one in several(source, 0, 1, 2)))
                if "sets" in name]


READERS = {name: {name} for name in FAMILIES} | {name: {f"{name}, width 32", f"{name}, width 128"} for name in (
    "ConvNet", "ConvNetD1BN", "TextCNN")} | {"NTK": {"NTK, infinitely wide"}}


@pytest.mark.parametrize("network", READERS)
def test_a_network_of_one_width_is_one_judge_whatever_width_was_asked_for(network):
    protocol = "kernel" if network == "NTK" else "standard"
    found = judged(Shelf(tuple(scored(Evaluate(ONE, protocol, network, width, epochs=3)) for width in (32, 128))))
    assert {judge.reader for judge in found} == READERS[network]
    assert [len(samples) for samples in found.values()] == [1] * len(READERS[network])
    if network in FAMILIES:
        weights = {sum(p.numel() for p in build(network, 1, 2, 32, width=width).parameters()) for width in (32, 128)}
        assert len(found) == len(weights)
