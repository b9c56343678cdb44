"""A record knows its data, and unfinished work whose it is: nothing is reused for another run or other data."""

import gzip
import shutil
import struct

import numpy as np
import pytest
import torch

from ddkit import runs
from ddkit.applications.continual import Continual
from ddkit.applications.privacy import Membership
from ddkit.applications.search import Grid, Search
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.methods.kernel.krr import KernelRegression
from ddkit.methods.matching.datadam import DataDAM
from ddkit.methods.matching.trajectory import TrajectoryMatching
from ddkit.methods.private import PrivateMatching
from ddkit.methods.translation.inner import OneNetwork
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.pretraining import Pretraining
from ddkit.runs import RECORD, Record, find, run, runner
from ddkit.specs import Coreset, Distill, Evaluate, Experts, File, Full, Pretrain, RandomReal, evaluate
from ddkit.training import fitting
from ddkit.training.experts import Plan

PAD = (("batch", 5), ("expert_batch", 64), ("expert_epochs", 6), ("expert_lr", 0.1), ("expert_span", 1), ("experts", 1),
       ("final_start", 1), ("last_start", 1), ("learned_labels", False), ("student_steps", 2))
SMALL = {"ipc": 2, "updates": 4}
SPECS = {
    "full": Evaluate(Full("mnist"), "assignment", "MLP", seeds=2, epochs=2),
    "random": Evaluate(RandomReal("mnist", 2), "assignment", "MLP", seeds=3, epochs=2),
    "kernel": Evaluate(RandomReal("mnist", 2), "kernel", "NTK", seeds=2),
    "herding": Coreset("mnist", 2, "herding"),
    "forgetting": Coreset("mnist", 2, "forgetting", on="MLP", epochs=3),
    "experts": Experts("mnist", Plan("MLP", experts=2, epochs=2, difficulty="el2n", judges=1)),
    "pretraining": Pretrain("mnist", TranslatorPlan(
        "ConvNetD1", 4, subsets=1, fewest_classes=2, most_classes=3, most_ipc=1, real=9, inner_updates=3, steps=3,
        held_out=2, trials=1)),
    "datadam": Distill("mnist", network="ConvNetD1", width=4, options=(("network_steps", 1),), **SMALL),
    "pad": Distill("mnist", "trajectory", "pad", network="ConvNetD1", width=4, options=PAD, **SMALL),
    "kip": Distill("mnist", "kip", options=(("real_batch", 20),), **SMALL),
    "frepo": Distill("mnist", "frepo", network="ConvNetD1", width=4, **SMALL,
                     options=(("real_batch", 20), ("pool", 2), ("networks", 1), ("most_steps", 2))),
    "continual": Continual(Coreset("mnist", 2, "herding"), ((0, 1), (2, 3)), "gdumb", "MLP", seeds=2, epochs=2),
    "private": Distill("mnist", "private", "psg", init="noise", network="ConvNetD1", width=4, **SMALL,
                       options=(("inner", 1), ("real_batch", 20), ("steps", 2))),
    "membership": Membership(RandomReal("mnist", 2), 80, 6, "assignment", "MLP", epochs=2),
    "search": Search(RandomReal("mnist", 2), Grid((1,), (4, 8), ("none",), ("relu",), ("avg",)), epochs=2),
}
DISTILLATIONS = {"datadam", "pad", "kip", "frepo", "private"}
BREAKABLE = [kind for kind in SPECS if kind not in ("herding", "kernel")]  # of which something is kept halfway


def copy_of_mnist(folder, digits, mark: int) -> None:
    """A small copy in MNIST's format; ``mark`` is what tells it from another: the brightness of a corner."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, split, number in (("train", digits.train, 300), ("t10k", digits.test, 100)):
        images = ((split.images[:number] * 0.3247 + 0.3054).clamp(0, 1) * 255).byte().numpy()[:, 0].copy()
        images[:, 0, 0] = mark
        labels = split.labels[:number].numpy().astype(np.uint8)
        for what, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (raw / f"{part}-{what}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture(scope="module")
def copies(tmp_path_factory, digits):
    found = {}
    for name, mark in (("one", 0), ("other", 200)):
        found[name] = tmp_path_factory.mktemp(name)
        copy_of_mnist(found[name], digits, mark)
    return found


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, copies):
    """Every run on either copy, made alone."""
    made = {}

    def get(kind: str, copy: str) -> Record:
        if (kind, copy) not in made:
            made[kind, copy] = run(SPECS[kind], root=tmp_path_factory.mktemp("alone"), data=copies[copy], quiet=True)
        return made[kind, copy]

    return get


def outcome(record: Record) -> tuple:
    """What came of a run, without what depends on the clock."""
    def timeless(part):
        if isinstance(part, dict):
            return {name: timeless(value) for name, value in part.items() if "seconds" not in name}
        return [timeless(value) for value in part] if isinstance(part, list) else part

    made = record.folder / runs.SYNTHETIC
    tensors = [record.synthetic.images, record.synthetic.labels] if made.exists() else []
    if record.spec["type"] == "Experts":
        tensors = [record.trajectories.weights(i, e) for i in range(2) for e in range(3)]
    if record.spec["type"] == "Pretrain":
        tensors = list(record.weights.values())
    return timeless(record.result), [t.tolist() for t in tensors]


@pytest.fixture
def stopped(monkeypatch):
    """``stopped(kind, n)``: a run of that kind is stopped in its n-th epoch or update, with all before it saved."""
    def arm(kind: str, number: int) -> None:
        begun = []

        def counted(real):
            def step(*arguments, **named):
                begun.append(1)
                if len(begun) == number:
                    raise KeyboardInterrupt
                return real(*arguments, **named)
            return step

        monkeypatch.setattr(fitting, "SAVE_EVERY", -1.0)
        if kind == "pretraining":
            monkeypatch.setattr(OneNetwork, "update", counted(OneNetwork.update))
            monkeypatch.setattr(Pretraining, "step", counted(Pretraining.step))
        elif kind in DISTILLATIONS:
            for method in (DataDAM, KernelRegression, PrivateMatching, TrajectoryMatching):
                monkeypatch.setattr(method, "update", counted(method.update))
        else:
            monkeypatch.setattr(fitting, "_epoch", counted(fitting._epoch))

    return arm


def interrupt(kind: str, stopped, monkeypatch, number: int = 2, **where) -> None:
    stopped(kind, number)
    with pytest.raises(KeyboardInterrupt):
        run(SPECS[kind], quiet=True, **where)
    monkeypatch.undo()


@pytest.mark.parametrize("kind", SPECS)
def test_other_data_get_a_run_of_their_own_and_both_are_found_again(kind, copies, unbroken, tmp_path, monkeypatch):
    spec = SPECS[kind]
    made = {copy: run(spec, root=tmp_path, data=copies[copy], quiet=True) for copy in copies}
    assert made["one"].fingerprint != made["other"].fingerprint and made["one"].folder.name == spec.name
    for copy in copies:
        assert outcome(made[copy]) == outcome(unbroken(kind, copy))
    monkeypatch.setattr(runner, "_make", None)
    for copy in copies:
        assert run(spec, root=tmp_path, data=copies[copy]) == made[copy] == find(spec, tmp_path, copies[copy])


BEGUN = Distill("digits-0-1", "translative", "laptop", 1, network="ConvNetD1", width=4, options={
    "subsets": 1, "pretraining_steps": 3, "channels": 4, "inner_updates": 2, "updates": 4, "real_batch": 20,
    "pretrained_on": "mnist", "translator": "pre-trained", "pretrained_with": "fewest_classes=2,most_classes=3,"
    "most_ipc=1,real=9,inner_updates=3,held_out=2,trials=1"})


def test_what_began_with_a_run_on_other_data_is_made_anew_where_these_are_others(copies, tmp_path, monkeypatch):
    specs = [Evaluate(BEGUN, "assignment", "MLP", seeds=1, epochs=1), BEGUN]
    made = {copy: [run(spec, root=tmp_path, data=copies[copy], quiet=True) for spec in specs] for copy in copies}
    (_, one), (_, other) = made.values()
    assert one.fingerprint == other.fingerprint and not one.synthetic.images.equal(other.synthetic.images)
    monkeypatch.setattr(runner, "_make", None)
    for copy in copies:
        assert [run(spec, root=tmp_path, data=copies[copy]) for spec in specs] == made[copy]
    assert [find(spec, tmp_path, tmp_path / "no data") for spec in specs] == made["one"]
    with pytest.raises(InputError, match=r"on other data .fingerprint .* of mnist, these have .*: choose another"):
        run(BEGUN, folder=one.folder, data=copies["other"])


@pytest.mark.parametrize("kind", SPECS)
def test_a_folder_of_other_data_is_refused_and_left_alone(kind, copies, unbroken, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(unbroken(kind, "one").folder, folder)
    before = (folder / RECORD).read_bytes()
    with pytest.raises(InputError, match=f"other data .fingerprint {unbroken(kind, 'one').fingerprint[:12]}"):
        run(SPECS[kind], folder=folder, data=copies["other"], quiet=True)
    assert (folder / RECORD).read_bytes() == before


@pytest.mark.parametrize("kind", BREAKABLE)
def test_a_run_broken_off_on_one_copy_is_not_gone_on_with_on_another(kind, copies, unbroken, tmp_path, stopped,
                                                                     monkeypatch):
    interrupt(kind, stopped, monkeypatch, 3, root=tmp_path, data=copies["one"])
    other = run(SPECS[kind], root=tmp_path, data=copies["other"], quiet=True)
    assert outcome(other) == outcome(unbroken(kind, "other"))
    assert other.fingerprint == unbroken(kind, "other").fingerprint
    one = run(SPECS[kind], root=tmp_path, data=copies["one"], quiet=True)
    assert outcome(one) == outcome(unbroken(kind, "one"))


@pytest.mark.parametrize("kind", BREAKABLE)
@pytest.mark.parametrize("other", ["full", "forgetting", "experts", "datadam", "continual", "search",
                                   "own, other data"])
def test_a_folder_with_anothers_unfinished_work_is_refused_and_left_alone(kind, other, copies, tmp_path, stopped,
                                                                          monkeypatch):
    interrupt(kind, stopped, monkeypatch, folder=tmp_path / "out", root=tmp_path, data=copies["one"])
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file() and p.suffix != ".json"}
    spec, copy = (SPECS[kind], "other") if other.startswith("own") else (SPECS[other], "one")
    if spec.name == SPECS[kind].name and copy == "one":
        spec = SPECS["random" if other != "random" else "full"]
    with pytest.raises(InputError, match="another run"):
        run(spec, folder=tmp_path / "out", root=tmp_path, data=copies[copy], quiet=True)
    assert {p: p.read_bytes() for p in before} == before


@pytest.mark.parametrize("kind", BREAKABLE)
def test_every_file_that_a_run_goes_on_from_says_whose_it_is(kind, copies, tmp_path, stopped, monkeypatch):
    """One by one, each is laid into the unfinished folder of the same run on other data, which then refuses it."""
    places = {copy: tmp_path / copy for copy in copies}
    for copy, place in places.items():
        interrupt(kind, stopped, monkeypatch, 3, folder=place, root=tmp_path / "runs", data=copies[copy])
    files = [p.relative_to(places["one"]) for p in places["one"].rglob("*") if p.is_file() and p.name[0] != "."]
    files = [name for name in files if name.suffix in (".pt", ".json", ".safetensors")]
    assert files
    for name in files:
        again = tmp_path / "again"
        shutil.copytree(places["other"], again)
        shutil.copyfile(places["one"] / name, again / name)
        with pytest.raises(InputError, match="another run"):
            run(SPECS[kind], folder=again, root=tmp_path / "runs", data=copies["other"], quiet=True)
        shutil.rmtree(again)


def test_work_left_by_a_version_that_did_not_say_whose_it_is_is_refused(copies, tmp_path):
    left = tmp_path / SPECS["random"].name
    left.mkdir()
    torch.save({"runs": [{"accuracy": 1.0}]}, left / "partial.pt")
    with pytest.raises(InputError, match="unknown instead of"):
        run(SPECS["random"], root=tmp_path, data=copies["one"], quiet=True)


def test_where_the_data_are_not_at_hand_the_record_of_that_name_is_what_there_is(copies, unbroken, tmp_path):
    record = unbroken("random", "one")
    assert find(SPECS["random"], record.folder.parent, tmp_path / "nowhere") == record


def test_an_evaluation_does_not_go_on_with_a_set_that_was_made_again(copies, tmp_path, monkeypatch):
    """The set of a distillation, deleted and made again from other bits, is another in the middle of an evaluation."""
    data, scored = copies["one"], []
    spec = Evaluate(SPECS["datadam"], "assignment", "MLP", seeds=2, epochs=1)
    real = evaluate.score

    def once(*arguments, **named):
        if scored:
            raise KeyboardInterrupt
        scored.append(1)
        return real(*arguments, **named)

    monkeypatch.setattr(evaluate, "score", once)
    with pytest.raises(KeyboardInterrupt):
        run(spec, root=tmp_path, data=data, quiet=True)
    monkeypatch.undo()
    record = find(SPECS["datadam"], tmp_path, data)
    changed = record.synthetic
    changed.images[0] += 1
    changed.save(record.folder / runs.SYNTHETIC)
    record.files = {}
    record.save()
    with pytest.raises(InputError, match="set "):
        run(spec, root=tmp_path, data=data, quiet=True)


def test_a_file_is_named_by_its_content_and_checked_when_it_is_opened(copies, unbroken, tmp_path):
    path = tmp_path / "set.safetensors"
    shutil.copyfile(unbroken("datadam", "one").folder / runs.SYNTHETIC, path)
    spec = Evaluate(File.of(path, "mnist"), "assignment", "MLP", seeds=1, epochs=1)
    shutil.copyfile(unbroken("kip", "one").folder / runs.SYNTHETIC, path)
    with pytest.raises(InputError, match="has changed since"):
        run(spec, root=tmp_path, data=copies["one"], quiet=True)


def test_a_set_from_other_data_is_not_scored_on_these(copies, unbroken, tmp_path):
    spec = Evaluate(File.of(unbroken("datadam", "one").folder / runs.SYNTHETIC, "mnist"), "assignment", "MLP", seeds=1)
    with pytest.raises(InputError, match="was not distilled from"):
        run(spec, root=tmp_path, data=copies["other"], quiet=True)


def test_a_checkpoint_of_another_kind_of_work_is_no_traceback(tmp_path):
    Checkpoint(tmp_path / "c.pt", {"run": "a"}).save({"other": 1})
    with pytest.raises(InputError, match="another run"):
        Checkpoint(tmp_path / "c.pt", {"run": "b"}).load()
    assert Checkpoint(tmp_path / "c.pt", {"run": "a"}).load() == {"other": 1}
