"""Experts: resumable to the bit, lazily read, stored as told, and exchanged with the field."""

import errno
import json
from functools import partial
from pathlib import Path

import joblib
import pytest
import torch
from torch.nn.utils import parameters_to_vector

from ddkit import runs
from ddkit.data import Split
from ddkit.foundation.errors import InputError
from ddkit.runs import run
from ddkit.specs import Experts
from ddkit.training import experts, fit, fitting
from ddkit.training.experts import Plan, Trajectories, check_space, difficulty_order, import_buffer, train_expert

PLAN = Plan("ConvNetD1", width=4, experts=2, epochs=3, lr=0.1, batch=6)


def train(folder, dataset, plan=PLAN, order=None, seed=0):
    for index in range(plan.experts):
        train_expert(folder, index, plan, dataset, seed, order, quiet=True)
    return Trajectories(folder, plan)


def everything(trajectories):
    plan = trajectories.plan
    return torch.stack([trajectories.weights(i, e) for i in range(plan.experts) for e in range(plan.epochs + 1)])


@pytest.fixture
def trained(tiny, tmp_path):
    return train(tmp_path / "experts", tiny)


def test_snapshots_are_the_weights_of_sgd_epoch_by_epoch(trained, tiny):
    network = PLAN.build(tiny, experts.stream(0, "expert 1"))
    torch.testing.assert_close(trained.weights(1, 0), parameters_to_vector(network.parameters()), rtol=0, atol=0)
    fit(network, tiny.train, PLAN.protocol, experts.stream(0, "expert 1 order"), strategy="crop_scale_rotate")
    torch.testing.assert_close(trained.weights(1, 3), parameters_to_vector(network.parameters()), rtol=0, atol=0)
    assert len({trained.weights(i, e).sum().item() for i in range(2) for e in range(4)}) == 8


def test_experts_learn_and_say_so(trained):
    assert all(len(a) == 4 and a[-1] > a[0] for a in trained.accuracies)


def test_a_killed_expert_resumes_to_the_same_bits(trained, tiny, tmp_path, killed_in_epoch):
    calls = killed_in_epoch(3)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "again", tiny)
    resumed = train(tmp_path / "again", tiny)
    assert len(calls) == 7  # two epochs, the killed one, the third again, and the second expert's three
    assert torch.equal(everything(resumed), everything(trained))


def test_finished_experts_are_reloaded(trained, tiny, monkeypatch):
    monkeypatch.setattr(experts, "fit", None)
    train(trained.folder, tiny)


def test_other_seeds_give_other_experts(trained, tiny, tmp_path):
    assert not torch.equal(everything(train(tmp_path / "other", tiny, seed=1)), everything(trained))


def test_memory_holds_one_snapshot(trained, monkeypatch):
    opened = []
    monkeypatch.setattr(experts, "read_tensors", lambda p, read=experts.read_tensors: opened.append(p.name) or read(p))
    trained.weights(0, 2)
    assert opened == ["epoch-002.safetensors"]


def test_half_precision_halves_the_files_and_reports_its_error_and_leaves_training_alone(trained, tiny, tmp_path):
    plan = Plan(**{**vars(PLAN), "half": True})
    half = train(tmp_path / "half", tiny, plan)
    exact, rounded = everything(trained), everything(half)
    errors = (rounded - exact).norm(dim=1) / exact.norm(dim=1)
    told = [json.loads((half.folder / f"expert-{i:02d}" / experts.DONE).read_text())["rounding"] for i in range(2)]
    assert 0 < max(told) < 1e-3 and max(told) == pytest.approx(float(errors.max()), rel=1e-3)
    assert plan.bytes(tiny) * 2 == PLAN.bytes(tiny) == exact.numel() * 4


def test_flat_experts_step_by_the_gradient_at_the_worst_place_nearby(tiny):
    plan = Plan("ConvNetD1", width=4, epochs=1, batch=1000, sharpness=0.5)
    network, reference = plan.build(tiny, experts.stream(0, "a")), plan.build(tiny, experts.stream(0, "a"))
    fit(network, tiny.train, fitting.replace(plan.protocol, augmented=False), experts.stream(0, "b"))

    def gradients():
        loss = torch.nn.functional.cross_entropy(reference(tiny.train.images), tiny.train.labels)
        return torch.autograd.grad(loss, list(reference.parameters()))

    uphill = gradients()
    length = sum(float(g.square().sum()) for g in uphill) ** 0.5
    before = [p.detach().clone() for p in reference.parameters()]
    with torch.no_grad():
        for weight, gradient in zip(reference.parameters(), uphill, strict=True):
            weight += 0.5 * gradient / length
    for start, gradient, weight in zip(before, gradients(), network.parameters(), strict=True):
        torch.testing.assert_close(weight, start - 0.01 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("radius, gap", [(0.3, 0.0), (0.3, 0.4), (0.0, 0.0)])
def test_on_a_quadratic_a_step_has_its_closed_form(tiny, radius, gap):
    x, start = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start = start[0]
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(5, 1, bias=False)).double()
    network[1].weight.data = start[None].clone()
    how = fitting.Protocol("step", 1, lr=0.1, momentum=0.0, weight_decay=0.0, schedule="constant", sharpness=radius,
                           gap=gap)
    fit(network, Split(x[:, None, None], torch.zeros(7, 1, dtype=torch.float64), squared=True), how,
        experts.stream(0, "b"), quiet=True)
    hessian = 2 * x.T @ x / 7
    here = hessian @ start
    there = hessian @ (start + radius * here / here.norm())
    across = here - there * (here @ there) / (there @ there)
    assert abs(float(across @ there)) < 1e-9
    torch.testing.assert_close(network[1].weight[0], start - 0.1 * (there - gap * across), rtol=1e-6, atol=1e-9)


def test_no_radius_is_plain_training_bit_for_bit_and_no_gap_is_the_radius_alone(tiny):
    def weights(**changes):
        plan = Plan("ConvNetD1", width=4, epochs=2, batch=9, **changes)
        network = plan.build(tiny, experts.stream(0, "a"))
        fit(network, tiny.train, plan.protocol, experts.stream(0, "b"), strategy="crop_scale_rotate", quiet=True)
        return torch.nn.utils.parameters_to_vector(network.parameters()).detach()

    assert weights(sharpness=0.0).equal(weights()) and not weights(sharpness=0.1).equal(weights())
    assert weights(sharpness=0.1, gap=0.0).equal(weights(sharpness=0.1))
    assert not weights(sharpness=0.1, gap=0.4).equal(weights(sharpness=0.1))


def test_a_gap_without_a_radius_is_refused():
    for kind in (partial(Plan), partial(fitting.Protocol, "a", 1)):
        with pytest.raises(InputError, match="set sharpness, or gap to 0"):
            kind(gap=0.4)


def test_filtered_experts_train_on_the_subsets_of_the_schedule(tiny, tmp_path, monkeypatch):
    plan = Plan("ConvNetD1", width=4, experts=1, epochs=10, batch=6, difficulty="el2n", judges=2, judge_epochs=1)
    order = difficulty_order(tmp_path, plan, tiny, 0, quiet=True)
    assert sorted(order.tolist()) == list(range(36))
    seen, real = [], fitting._epoch
    monkeypatch.setattr(fitting, "_epoch", lambda net, data, *rest: seen.append(len(data)) or real(net, data, *rest))
    trajectories = train(tmp_path, tiny, plan, order)
    assert seen == [27, 32, 36, 36, 32, 32, 29, 29, 29, 29]
    easiest_first, scores = trajectories.difficulty
    assert torch.equal(easiest_first, order) and (scores[order].diff() >= 0).all()


def test_a_buffer_of_the_field_goes_out_and_comes_back(trained, tiny, tmp_path):
    trained.export_buffer(tmp_path / "buffer.pt", tiny)
    content = torch.load(tmp_path / "buffer.pt", weights_only=True)
    shapes = [p.shape for p in PLAN.build(tiny).parameters()]
    assert len(content) == 2 and len(content[0]) == 4 and [w.shape for w in content[0][0]] == shapes
    back = import_buffer(tmp_path / "buffer.pt", tmp_path / "back", PLAN, tiny)
    assert torch.equal(everything(back), everything(trained)) and back.accuracies == trained.accuracies


@pytest.mark.parametrize("content", [[], [[]], {"a": 1}, 3, [[[torch.zeros(2)]], [[torch.zeros(2)] * 2]]])
def test_a_buffer_that_is_none_is_refused(tiny, tmp_path, content):
    torch.save(content, tmp_path / "buffer.pt")
    with pytest.raises(InputError):
        import_buffer(tmp_path / "buffer.pt", tmp_path / "back", PLAN, tiny)
    assert not (tmp_path / "back").exists()


def test_a_buffer_of_another_network_is_refused(trained, tiny, tmp_path):
    trained.export_buffer(tmp_path / "buffer.pt", tiny)
    other = Plan("ConvNetD1", width=5)
    with pytest.raises(InputError, match="another network than ConvNetD1 of width 5"):
        import_buffer(tmp_path / "buffer.pt", tmp_path / "back", other, tiny)
    with pytest.raises(InputError, match="belong to another network"):
        Trajectories(trained.folder, other).network(0, 0, tiny)


def test_a_cut_off_snapshot_is_named(trained):
    path = trained.folder / "expert-00" / "epoch-001.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"epoch-001\.safetensors is missing or damaged"):
        trained.weights(0, 1)


def test_a_full_disk_is_seen_before_training_and_survived_during_it(trained, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(experts.shutil, "disk_usage", lambda _: type("usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"take 0.0 MiB .* but only 0.0 MiB are free"):
        check_space(tmp_path / "new", PLAN, tiny)
    write = Path.write_bytes

    def full(self, content):
        if "epoch-002" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left on device"):
        train(tmp_path / "full", tiny)
    monkeypatch.setattr(Path, "write_bytes", write)
    assert not list((tmp_path / "full").rglob("*.tmp"))
    assert torch.equal(everything(train(tmp_path / "full", tiny)), everything(trained))


@pytest.mark.parametrize("changes", [{"experts": 0}, {"epochs": 0}, {"difficulty": "looks"}, {"network": "Convent"}])
def test_a_plan_that_cannot_work_is_refused(changes):
    with pytest.raises(InputError):
        Plan(**changes)


SPEC = Experts("digits", Plan("ConvNetD1", width=2, experts=2, epochs=1))


def test_a_record_tells_what_was_trained_and_what_it_takes(tmp_path, capsys):
    record = run(SPEC, root=tmp_path)
    assert "2 experts of 1 epochs take" in capsys.readouterr().err
    assert record.result["bytes"] == sum(4 * record.trajectories.weights(i, e).numel() for i in (0, 1) for e in (0, 1))
    assert record.trajectories.accuracies == record.result["accuracies"]
    assert runs.find(SPEC, tmp_path) == record


@pytest.mark.real_seed
def test_experts_trained_by_dask_are_the_same(tmp_path, one_thread):
    distributed = pytest.importorskip("distributed")
    alone = run(SPEC, root=tmp_path / "alone", quiet=True).trajectories
    with (distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as _,
          joblib.parallel_config(backend="dask")):
        together = run(SPEC, root=tmp_path / "together", quiet=True).trajectories
    assert torch.equal(everything(together), everything(alone))
