"""Precision is a choice by name: what is computed shorter, what stays float32, and who refuses it."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

import ddkit
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.device import without_tf32
from ddkit.foundation.errors import InputError, Stopped
from ddkit.foundation.randomness import stream
from ddkit.methods import METHODS, presets
from ddkit.methods.loop import Callback
from ddkit.networks import build, precision
from ddkit.plots import tables
from ddkit.runs import run
from ddkit.training import PROTOCOLS, fit

NETWORKS = ("MLP", "ConvNetD2", "ConvNetD2BN", "ConvNetD2NNALMP", "LeNet", "AlexNet", "VGG11", "ResNet18",
            "ResNet18_AP")
SMALL = {"network": "ConvNetD2", "width": 8}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_answers_nearly_the_same_and_its_weights_and_gradients_stay_float32(name):
    draw = torch.randn(8, 3, 32, 32, generator=stream(0, "images"))
    exact, short = (build(name, 3, 10, 32, width=8, generator=stream(0, name), precision=p).eval()
                    for p in precision.PRECISIONS)
    one, other = exact(draw), short(draw)
    assert other.dtype == torch.float32 and not torch.equal(one, other)
    assert F.cosine_similarity(one, other).min() > 0.99
    assert [f.dtype for f in short.features(draw)][-1] == torch.float32
    F.cross_entropy(other, torch.arange(8)).backward()
    assert {p.dtype for p in short.parameters()} == {p.grad.dtype for p in short.parameters()} == {torch.float32}


def test_gradients_point_the_same_way(digits):
    images, labels = digits.train.images[:100], digits.train.labels[:100]
    found = []
    for name in precision.PRECISIONS:
        network = build("ConvNetD3", 1, 10, 28, width=32, generator=stream(0, "net"), precision=name)
        x = images.clone().requires_grad_()
        loss = F.cross_entropy(network(x), labels)
        weights = [block.conv.weight for block in network.blocks]
        found.append(torch.autograd.grad(loss, [x, *weights]))
    cosines = [float(F.cosine_similarity(a.flatten(), b.flatten(), 0)) for a, b in zip(*found, strict=True)]
    assert cosines[0] > 0.98 and min(cosines[1:]) > 0.998


@pytest.mark.parametrize("ask", [lambda: build("MLP", 1, 2, 8, precision="half"),
                                 lambda: ddkit.Evaluate(ddkit.Full("digits"), precision="float16").check(),
                                 lambda: ddkit.Distill("digits", precision="bf16").check(),
                                 lambda: dataclasses.replace(PROTOCOLS["standard"], precision="fp8")])
def test_an_unknown_precision_is_refused_with_the_two_there_are(ask):
    with pytest.raises(InputError, match=r"unknown precision '.*': choose one of bfloat16, float32"):
        ask()


def test_kernels_refuse_it():
    with pytest.raises(InputError, match="leave precision out"):
        presets.configure("kip", "course", {"precision": "bfloat16"})
    with pytest.raises(InputError, match="leave the precision out"):
        ddkit.Evaluate(ddkit.Full("digits"), "kernel", "NTK", precision="bfloat16").check()


def test_float32_names_no_run_anew_and_bfloat16_names_another():
    asked = ddkit.Evaluate(ddkit.RandomReal("digits", 1))
    assert dataclasses.replace(asked, precision="float32").name == asked.name
    short = dataclasses.replace(asked, precision="bfloat16")
    assert short.name != asked.name and "bfloat16" in short.name
    made = ddkit.Distill("digits")
    assert dataclasses.replace(made, precision="bfloat16").name != made.name
    assert dataclasses.replace(made, precision="bfloat16").config.precision == "bfloat16"
    assert dataclasses.replace(made, precision="float32").name == made.name
    as_option = dataclasses.replace(made, options=(("precision", "bfloat16"),))
    assert as_option.name == dataclasses.replace(made, precision="bfloat16").name


@pytest.mark.parametrize("method", [name for name in METHODS if "kip" not in name])
def test_a_stopped_distillation_in_bfloat16_ends_in_the_same_bits(method, tmp_path):
    few = {"trajectory": {"experts": 1, "expert_epochs": 3, "expert_span": 1, "first_start": 0, "last_start": 1,
                          "final_start": 1, "student_steps": 2, "image_lr": 10.0},
           "datadam": {"network_steps": 2, "real_batch": 20},
           "translative": {"translator": "identity", "inner_updates": 2, "real_batch": 30},
           "one_release": {"networks": 2}, "gradient": {"inner": 1, "outer": 2}}.get(method, {"real_batch": 30})
    few |= {"networks": 1} if method == "rfad" else {"pool": 1, "networks": 1} if method == "frepo" else {}
    preset = next(name for name in ("course", *METHODS[method].PRESETS) if name in METHODS[method].PRESETS)
    spec = ddkit.Distill("digits-0-1", method, preset, ipc=2, updates=4, precision="bfloat16",
                         options=tuple(sorted(few.items())), **SMALL)
    spec = dataclasses.replace(spec, init=next(iter(getattr(spec.config, "inits", None) or [spec.init])))
    whole = run(spec, root=tmp_path / "whole", quiet=True)

    class Stop(Callback):
        def on_update(self, synthetic, history):
            if history.updates == 2:
                raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Stopped)):
        run(spec, root=tmp_path / "stopped", callbacks=(Stop(),), quiet=True)
    again = run(spec, root=tmp_path / "stopped", quiet=True)
    assert torch.equal(again.synthetic.images, whole.synthetic.images)
    assert again.result["losses"] == whole.result["losses"] and "bfloat16" in str(again)


def test_an_evaluation_in_bfloat16_says_so_and_scores_like_float32(tmp_path):
    records = {name: run(ddkit.Evaluate(ddkit.RandomReal("digits", 10), "matched", "ConvNetD2", 8, seeds=2, epochs=40,
                                        precision=name), root=tmp_path, quiet=True) for name in precision.PRECISIONS}
    exact, short = (records[name].scores.mean for name in precision.PRECISIONS)
    assert abs(exact - short) < 0.05 and short > 0.6
    assert records["bfloat16"].result["protocol"]["precision"] == "bfloat16"
    assert "b (bfloat16)" in tables.scores({"a": records["float32"], "b": records["bfloat16"]})


@pytest.mark.parametrize("name", precision.PRECISIONS)
def test_a_stopped_evaluation_ends_in_the_same_bits(name, tmp_path, killed_in_epoch):
    spec = ddkit.Evaluate(ddkit.RandomReal("digits", 2), "standard", "ConvNetD1", 8, seeds=2, epochs=5, precision=name)
    whole = run(spec, root=tmp_path / "whole", quiet=True)
    killed_in_epoch(3)
    with pytest.raises(KeyboardInterrupt):
        run(spec, root=tmp_path / "stopped", quiet=True)
    again = run(spec, root=tmp_path / "stopped", quiet=True)
    assert [one["losses"] for one in again.scores.runs] == [one["losses"] for one in whole.scores.runs]
    assert [one["confusion"] for one in again.scores.runs] == [one["confusion"] for one in whole.scores.runs]


def test_training_in_bfloat16_is_training(digits):
    network = build("ConvNetD2", 1, 10, 28, width=16, generator=stream(0, "net"), precision="bfloat16")
    made = fit(network, digits.train, dataclasses.replace(PROTOCOLS["assignment"], epochs=3), stream(0, "order"),
               quiet=True)
    assert made.losses[-1] < 0.7 * made.losses[0]


def test_a_distillation_tells_it_too(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(precision, "_has_units", lambda: False)
    precision._tell.cache_clear()
    run(ddkit.Distill("digits-0-1", ipc=1, updates=1, precision="bfloat16", **SMALL), root=tmp_path)
    assert capsys.readouterr().err.count("slower than float32") == 1


def test_a_processor_without_units_is_told_once_and_works(monkeypatch, capsys, digits):
    monkeypatch.setattr(precision, "_has_units", lambda: False)
    precision._tell.cache_clear()
    for _ in range(2):
        precision.tell_if_slow("bfloat16", torch.device("cpu"))
    precision.tell_if_slow("float32", torch.device("cpu"))
    assert capsys.readouterr().err.count("slower than float32") == 1


def test_float32_is_float32_on_a_gpu_too_and_the_users_setting_comes_back(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = torch.backends.cudnn.allow_tf32
    with without_tf32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


def test_a_training_begun_before_there_was_a_choice_goes_on(digits, tmp_path, killed_in_epoch):
    how = dataclasses.replace(PROTOCOLS["assignment"], epochs=3)
    kept = Checkpoint(tmp_path / "fit.pt")

    def train():
        network = build("ConvNetD1", 1, 10, 28, width=4, generator=stream(0, "net"))
        return fit(network, digits.val, how, stream(0, "order"), checkpoint=kept, quiet=True).losses

    whole = train()
    killed_in_epoch(3)
    with pytest.raises(KeyboardInterrupt):
        train()
    state = kept.load()
    del state["protocol"]["precision"]
    kept.save(state)
    assert train() == whole
    killed_in_epoch(3)
    with pytest.raises(KeyboardInterrupt):
        train()
    how = dataclasses.replace(how, precision="bfloat16")
    with pytest.raises(InputError, match="checkpoint of another training run"):
        train()
