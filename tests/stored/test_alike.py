"""What is counted together and what is not: sets of so many bytes, of several seeds, before judges of other words."""

from ddkit.report import checklist
from ddkit.runs import Record, card
from ddkit.runs.spec import describe_spec
from ddkit.specs import Distill, Evaluate, RandomReal, Start
from ddkit.stored import Shelf, Stored, growths, judged, tell_apart


def record(spec, **result) -> Record:
    """A record that nobody made."""
    return Record(describe_spec(spec), "", "f" * 64, "cpu", {}, 1.0, 0.0, 1, result)


def scored(spec: Evaluate, epochs: int = 3, **result) -> Stored:
    """An evaluation that nobody made: every seed's accuracy is a percent above the one before."""
    runs = [{"seed": seed, "accuracy": 0.5 + seed / 100, "updates": epochs, "train_seconds": 1.0, "test_seconds": 1.0,
             "confusion": [[1, 1], [1, 1]]} for seed in range(spec.trials)]
    return Stored(spec, record(spec, runs=runs, chance=0.1, training_images=10, epochs=epochs, **result))


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
    runs = [scored(Evaluate(source)) for source in (BYTES, Start(BYTES), RandomReal("digits", 10))]
    assert [(sample.name, sample.ipc) for sample in samples(*runs)] == [
        ("random real, 10 per class", 10), ("datadam as frequencies, 15,000 bytes", None),
        ("start: real as frequencies, 15,000 bytes", None)]
    (growth,) = growths(Shelf(runs))
    assert list(growth.curves) == ["random real"]
    assert growths(Shelf(tuple(runs[:2]))) == []
