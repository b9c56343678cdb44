"""Attention lab and augmentation bench: they show what the package computes, and every control counts."""

import numpy as np
import pytest
import torch

import ddkit
from ddkit.data import augment
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.datadam import attention_matching_loss
from ddkit.networks import build_for
from ddkit.plots.moving import Attending, Augmenting
from ddkit.plots.moving.moments import mosaic
from ddkit.widgets.attention_lab import AttentionLab
from ddkit.widgets.augmentation_bench import AugmentationBench

SMALL = {"network": "ConvNetD2", "width": 4, "updates": 3, "options": (("network_steps", 1),)}


@pytest.fixture(scope="module")
def digits():
    return ddkit.load("digits")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return {init: ddkit.run(ddkit.Distill("digits", ipc=3, init=init, **SMALL), root=root, quiet=True)
            for init in ("real", "noise")}


def test_the_terms_of_the_lab_are_those_of_the_loss(records, digits):
    lab = AttentionLab(records, digits)
    lab.seed.value, lab.power.value = 7, 3
    synthetic = records["real"].synthetic
    network = build_for(digits, "ConvNetD2", 4, stream(7, "attention lab"))
    real = torch.stack([digits.train.of_class(c)[:20] for c in range(10)])

    def features(images):
        with torch.no_grad():
            return [f.unflatten(0, (10, -1)) for f in network.features(images)]

    for side, images in (("start", synthetic.start), ("end", synthetic.images)):
        *maps, embedding = features(real.flatten(0, 1)), features(images)
        terms = {m.name: getattr(m, side) for m in lab.attending.losses(7, 3)}
        for index, name in enumerate(("block 1", "block 2")):
            # with the embedding's weight zero the loss is the map's term alone
            alone = attention_matching_loss(*([side[index], side[-1]] for side in (*maps, embedding)), lam=0, power=3)
            assert terms[name] == pytest.approx(float(alone), rel=1e-4)
        means = [side[-1].mean(1) for side in (*maps, embedding)]
        assert terms["embedding"] == pytest.approx(float((means[0] - means[1]).square().sum()), rel=1e-4)


@pytest.mark.parametrize("control, value, terms_too", [
    ("of", "noise", True), ("label", 4, False), ("seed", 5, True), ("block", 2, False), ("power", 8, True)])
def test_every_control_of_the_lab_changes_what_it_should(records, digits, control, value, terms_too):
    lab = AttentionLab(records, digits)
    before = lab.sheet.value, lab.terms.value
    getattr(lab, control).value = value
    assert lab.sheet.value != before[0] and (lab.terms.value != before[1]) == terms_too


def test_the_lab_rests_as_a_figure_of_what_is_seen(records, digits):
    lab = AttentionLab(records, digits)
    lab.label.value, lab.block.value = 3, 2
    figure = lab.figure()
    assert np.array_equal(figure.axes[0].images[0].get_array(), lab.attending.sheet(*lab.chosen))
    assert "Class 3, block 2" in " ".join(text.get_text() for text in figure.texts)


def test_the_lab_offers_the_blocks_of_the_network_of_the_distillation_chosen(digits, tmp_path):
    made = {f"D{blocks}": ddkit.run(ddkit.Distill("digits", ipc=1, **SMALL | {"network": f"ConvNetD{blocks}"}),
                                    root=tmp_path, quiet=True) for blocks in (2, 1, 3)}
    lab = AttentionLab(made, digits)
    lab.block.value = 2
    for name, blocks in (("D1", 1), ("D3", 3), ("D2", 2)):
        lab.of.value = name
        assert (lab.block.max, lab.block.disabled) == (blocks, blocks == 1)
        lab.block.value = blocks
        assert f"the attention of block {blocks} to them" in lab.says.value
        assert lab.terms.value.count(">block ") == blocks
        assert np.array_equal(lab.figure().axes[0].images[0].get_array(), lab.attending.sheet(0, blocks, 1, 0))


def test_the_lab_tells_of_a_set_that_is_gone_and_shows_nothing_else(records, digits, tmp_path):
    made = ddkit.run(ddkit.Distill("digits", ipc=1, **SMALL), root=tmp_path, quiet=True)
    lab = AttentionLab({"whole": records["real"], "gone": type(made).load(made.folder)}, digits)
    (made.folder / "synthetic.safetensors").unlink()
    lab.of.value = "gone"
    assert "holds no set" in lab.says.value and lab.sheet.value == lab.terms.value == ""
    lab.of.value = "whole"
    assert "Class 0" in lab.says.value and "<img" in lab.sheet.value


def test_the_lab_says_what_it_needs(digits):
    with pytest.raises(InputError, match="at least one distillation"):
        AttentionLab({}, digits)


OTHERS = {"AttentionLab": lambda record, data: AttentionLab({"right": record[0], "wrong": record[1]}, data),
          "AugmentationBench": lambda record, data: AugmentationBench(record[1].synthetic, data),
          "Attending": lambda record, data: Attending(record[1], data),
          "Augmenting": lambda record, data: Augmenting(record[1], data)}


@pytest.mark.parametrize("shown", OTHERS)
def test_images_of_other_data_are_refused(records, digits, shown, tmp_path):
    other = ddkit.run(ddkit.Distill("digits-3-4", ipc=3, **SMALL), root=tmp_path, quiet=True)
    with pytest.raises(InputError, match=f"is of other data .* than digits as given .*{digits.fingerprint[:12]}"):
        OTHERS[shown]((records["real"], other), digits)


def test_the_bench_shows_the_same_draw_on_both_sides(records, digits):
    synthetic = records["real"].synthetic
    bench = AugmentationBench(synthetic, digits)
    bench.operation.value, bench.label.value = "rotate", 2
    draw, ranges, label = bench.chosen
    sides = (digits.train.of_class(2)[:3], synthetic.images[synthetic.labels == 2][:3])
    rows = [row for side in sides for row in (side, augment.apply(side, draw, ranges))]
    pixels = (255 * ddkit.data.denormalise(torch.cat(rows), digits.mean, digits.std).clamp(0, 1)).round().byte()
    assert np.array_equal(bench.augmenting.sheet(draw, ranges, label), mosaic(pixels[:, 0].numpy(), 3))


@pytest.mark.parametrize("operation", augment.OPERATIONS)
def test_every_range_that_the_bench_offers_acts(records, digits, operation):
    bench = AugmentationBench(records["real"].synthetic, digits)
    bench.operation.value, bench.draw.value = operation, 3
    assert bench.acting and {c.description for c in bench.view.children[3].children} == set(bench.acting)
    for name in bench.acting:
        control, seen = bench.ranges[name], set()
        for end in (control.min, control.max):
            control.value = end
            seen.add(bench.sheet.value)
            assert name in bench.says.value
        assert len(seen) == (1 if name == "saturation" else 2)  # these images are grey


def test_at_the_fields_own_ranges_nothing_is_said_to_differ(records, digits):
    bench = AugmentationBench(records["real"].synthetic, digits)
    assert bench.chosen[1] == augment.FIELD and "Not the field's own" not in bench.says.value
    assert bench.operation.value in augment.parse(digits.strategy)
