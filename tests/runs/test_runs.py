"""Runs: named by what they do, made once, reloaded, never mixed up."""

import dataclasses

import joblib
import pytest
import torch

import ddkit
from ddkit import methods, runs
from ddkit.course.profiles import profile
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.methods import presets
from ddkit.runs import Record, find, run, runner
from ddkit.specs import Distill, Evaluate, File, Full, RandomReal, Start, describe_spec, evaluate, restore_spec
from ddkit.stored import shelf
from ddkit.synthetic import formats

TINY = Distill("digits", ipc=2, network="ConvNetD2", width=4, updates=3, options=(("network_steps", 1),))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def record(root):
    return run(TINY, root=root, quiet=True)


def test_a_run_is_made_once_and_then_reloaded(record, root, monkeypatch):
    monkeypatch.setattr(runner, "_make", None)
    assert run(TINY, root=root) == record


def test_validation_that_a_run_lacks_is_refused_and_one_that_it_has_is_there(record, tmp_path):
    for where in ({"root": record.folder.parent}, {"folder": record.folder}):
        with pytest.raises(InputError, match="holds this run without validation: leave validate_every out, or make"):
            run(TINY, validate_every=2, **where)
        assert run(TINY, validate_every=record.updates + 1, **where) == record  # which would not have come to it
    scored = run(TINY, folder=tmp_path / "scored", validate_every=2, quiet=True)
    assert run(TINY, folder=scored.folder, validate_every=2) == run(TINY, folder=scored.folder) == scored
    with pytest.raises(InputError, match="holds this run validated after 2 updates, not after every 1: leave"):
        run(TINY, folder=scored.folder, validate_every=1)


def test_validation_that_is_asked_for_more_seldom_than_there_is_is_there(tmp_path):
    spec = dataclasses.replace(TINY, updates=6)
    scored = run(spec, root=tmp_path, validate_every=1, quiet=True)
    assert run(spec, root=tmp_path, validate_every=3) == scored
    assert [updates for updates, _ in scored.result["validation"]] == [1, 2, 3, 4, 5, 6]


def test_a_record_tells_where_its_number_comes_from(record):
    assert record.fingerprint == ddkit.load("digits").fingerprint
    assert record.updates == 3 and len(record.result["losses"]) == 3
    assert record.result["moved"] == pytest.approx(record.synthetic.moved) and record.result["moved"] > 0
    assert record.seconds > 0 and record.peak_memory_mib > 10 and set(record.versions) == {"ddkit", "torch", "python"}
    assert sorted(record.evolution) == sorted({0, 1, 2, 3} & set(record.evolution)) and 0 in record.evolution
    assert record.evolution[3].equal(record.synthetic.images)


@pytest.mark.parametrize("change", [{"ipc": 3}, {"init": "noise"}, {"seed": 1}, {"updates": 4}, {"width": 5},
                                    {"preset": "paper"}, {"size": 16}, {"options": (("network_steps", 2),)}])
def test_specs_that_ask_for_other_work_have_other_names(change):
    assert dataclasses.replace(TINY, **change).name != TINY.name


def test_a_changed_preset_makes_a_new_run(monkeypatch):
    before = TINY.name
    changed = dataclasses.replace(presets.get("datadam", "course"), values={"power": 2})
    monkeypatch.setitem(methods.get("datadam").PRESETS, "course", changed)
    assert dataclasses.replace(TINY).name != before


def test_what_another_preset_made_is_not_taken_for_what_this_one_makes(record, root, monkeypatch):
    before = shelf(root)
    assert before.find(TINY, record.fingerprint) == record
    changed = dataclasses.replace(presets.get("datadam", "course"), values={"power": 2})
    monkeypatch.setitem(methods.get("datadam").PRESETS, "course", changed)
    spec, again = dataclasses.replace(TINY), Record.load(record.folder)
    assert again.name == TINY.name != spec.name
    assert find(spec, root) is shelf(root).find(spec, record.fingerprint) is None
    with pytest.raises(InputError, match="another run"):
        run(spec, folder=record.folder)
    dataclasses.replace(again, made_as="").save()  # as older versions did
    assert run(spec, folder=record.folder).name == spec.name
    again.save()


def test_naming_a_default_does_not_rename_a_run():
    spelled_out = dataclasses.replace(TINY, options=(("lam", 0.01), ("network_steps", 1)))
    assert spelled_out.name == TINY.name


def test_a_start_is_the_same_whatever_the_method_does_afterwards():
    longer, noise = dataclasses.replace(TINY, updates=9, width=8), dataclasses.replace(TINY, init="noise")
    assert Evaluate(Start(longer)).name == Evaluate(Start(TINY)).name != Evaluate(Start(noise)).name


@pytest.mark.parametrize("source", [Full("digits"), RandomReal("digits", 2), TINY, Start(TINY)])
def test_a_spec_survives_being_written_down(source):
    spec = Evaluate(source, "assignment", "MLP", 4, 2)
    assert restore_spec(describe_spec(spec)) == spec


def test_the_distilled_images_are_the_ones_evaluated(record, root):
    data = ddkit.load("digits")
    trained_on = runs.training_set(TINY, data, seed=0, root=root)
    assert trained_on.images.equal(record.synthetic.images)
    assert runs.training_set(Start(TINY), data, 0).images.equal(record.synthetic.start)
    assert not trained_on.images.equal(record.synthetic.start)


@pytest.mark.parametrize("source", [RandomReal("digits", 1), Full("digits"), TINY, Start(TINY)], ids=str)
def test_a_set_is_not_made_of_data_that_it_does_not_name(source, root, record):
    other = ddkit.load("digits-3-4")
    for ask in (runs.training_set, runs.starting_set)[: 1 + (source is TINY)]:
        with pytest.raises(InputError, match="names digits, and the data set given is digits-3-4"):
            ask(source, other, **{"seed": 0, "root": root} if ask is runs.training_set else {})


@pytest.mark.parametrize("ask", [lambda record, data: runs.training_set(record, data, 0), runs.starting_set])
def test_a_record_takes_no_data_of_its_name_but_other_content(ask, record):
    other = dataclasses.replace(ddkit.load("digits"), fingerprint="0" * 64)
    with pytest.raises(InputError, match="is of other data"):
        ask(record, other)


def test_random_real_images_differ_between_seeds_and_not_between_calls():
    data, source = ddkit.load("digits"), RandomReal("digits", 2)
    first, again, other = (runs.training_set(source, data, seed).images for seed in (0, 0, 1))
    assert first.equal(again) and not first.equal(other)


def test_an_interrupted_evaluation_goes_on_with_the_next_seed(root, monkeypatch):
    spec = Evaluate(RandomReal("digits", 2), "assignment", "MLP", seeds=3)
    unbroken = run(spec, root=root / "a", quiet=True)
    score, calls = evaluate.score, []

    def interrupted(*args, **kwargs):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(1)
        return score(*args, **kwargs)

    monkeypatch.setattr(evaluate, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(spec, root=root / "b", quiet=True)
    assert find(spec, root / "b") is None
    monkeypatch.setattr(evaluate, "score", score)
    resumed = run(spec, root=root / "b", quiet=True)
    assert resumed.scores.values == unbroken.scores.values
    assert [r["seed"] for r in resumed.scores.runs] == [0, 1, 2]


def test_seeds_may_be_counted_from_a_later_one(root):
    spec = Evaluate(RandomReal("digits", 2), "assignment", "MLP", seeds=4)
    all_four = run(spec, root=root / "a", quiet=True)
    last_two = run(dataclasses.replace(spec, seeds=2, first_seed=2), root=root / "b", quiet=True)
    assert last_two.scores.values == all_four.scores.values[2:] and last_two.name != all_four.name
    assert [r["seed"] for r in last_two.scores.runs] == [2, 3]
    with pytest.raises(InputError, match="first_seed"):
        dataclasses.replace(spec, first_seed=-1).check()


def test_seeds_scored_side_by_side_score_as_one_after_the_other(root):
    spec, threads = Evaluate(RandomReal("digits", 2), "assignment", "ConvNetD1", 4, seeds=3), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = run(spec, root=root / "a", quiet=True)
    finally:
        torch.set_num_threads(threads)
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        together = run(spec, root=root / "b", quiet=True)
    told = ("seed", "losses", "accuracy", "confusion")
    assert [[r[what] for what in told] for r in together.scores.runs] == [
        [r[what] for what in told] for r in alone.scores.runs]
    assert {path.name for path in together.folder.iterdir()} == {path.name for path in alone.folder.iterdir()}


def test_an_evaluation_that_an_older_version_began_goes_on(tmp_path, monkeypatch):
    spec = Evaluate(RandomReal("digits", 2), "assignment", "MLP", seeds=3)
    whole, kept = run(spec, root=tmp_path / "a", quiet=True), []
    score = evaluate.score

    def interrupted(*args, **kwargs):
        kept.append(kwargs["checkpoint"])
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(spec, root=tmp_path / "b", quiet=True)
    first = Checkpoint(tmp_path / "b" / spec.name / "partial.pt", kept[0].identity | {"file": "partial.pt"})
    first.save({"runs": list(whole.scores.runs[:2])})
    monkeypatch.setattr(evaluate, "score", lambda *args, **kwargs: kept.append(args) or score(*args, **kwargs))
    assert run(spec, root=tmp_path / "b", quiet=True).scores.values == whole.scores.values
    assert len(kept) == 2 and not first.path.exists()


def test_a_file_is_known_by_its_content_not_by_its_place(record, tmp_path):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((record.folder / runs.SYNTHETIC).read_bytes())
    here = Evaluate(File.of(record.folder / runs.SYNTHETIC, "digits"))
    assert Evaluate(File.of(copy, "digits")).name == here.name


def test_a_set_is_not_evaluated_on_other_data(record):
    with pytest.raises(InputError, match="was not distilled from"):
        formats.open_set(record.folder / runs.SYNTHETIC, ddkit.load("digits", size=16))


def test_a_folder_of_another_run_is_refused_and_left_alone(record):
    before = (record.folder / "record.json").read_bytes()
    with pytest.raises(InputError, match="another run"):
        run(dataclasses.replace(TINY, seed=5), folder=record.folder)
    assert (record.folder / "record.json").read_bytes() == before


@pytest.mark.parametrize(("change", "message"), [
    ({"ipc": 0}, "must be at least 1, got 0"), ({"ipc": 10_000}, "smallest class"), ({"init": "zeros"}, "unknown init"),
    ({"dataset": "emnist"}, "unknown dataset"), ({"preset": "best"}, "unknown preset"), ({"updates": 0}, "at least 1"),
    ({"options": (("image_lr", -1.0),)}, "image_lr must be positive"), ({"options": (("speed", 1),)}, "unknown option"),
    ({"options": (("real_batch", 1.5),)}, "whole number"), ({"network": "ConvNetD9"}, "unknown network"),
    ({"method": "magic"}, "unknown method"), ({"size": 4}, "at least 8 pixels")])
def test_bad_input_is_one_sentence_and_writes_nothing(change, message, tmp_path):
    with pytest.raises(InputError, match=message) as error:
        run(dataclasses.replace(TINY, **change), root=tmp_path / "runs")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "runs").exists()


def test_the_matched_protocol_gives_as_many_updates_as_the_full_data():
    data = ddkit.load("digits")
    matched = Evaluate(RandomReal("digits", 2), "matched").how(data)
    assert matched.updates == 20 * -(-len(data.train) // 256)


def test_every_preset_says_where_it_departs_and_can_be_made():
    for method, named in ((name, found.PRESETS) for name, found in methods.METHODS.items()):
        for name in named:
            assert presets.departures(method, name)
            assert presets.configure(method, name, {}).updates >= 1
    assert presets.configure("datadam", "course", {}).updates == 1000  # K * T * zeta_S of Table 1


def test_the_full_profile_is_the_courses_table():
    spec = profile("full").distill("real")
    config = spec.config
    assert (config.networks, config.iterations, config.image_steps, config.network_steps) == (100, 10, 1, 50)
    assert (config.image_lr, config.network_lr, config.real_batch, config.lam) == (0.1, 0.01, 256, 0.01)
    assert (spec.ipc, spec.total_updates, config.width) == (10, 1000, 128)
