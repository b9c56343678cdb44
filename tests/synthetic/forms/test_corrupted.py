"""Corrupted pixels: noise that no method moves, at its places alone, and pixels where there is none."""

import pytest
import torch
from small_forms import MNIST, at, counted, learned, noise, seeded

from ddkit.methods import get, presets
from ddkit.methods.loop import distill
from ddkit.synthetic import SyntheticSet, forms
from ddkit.synthetic.forms import configure


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_the_share_is_that_of_every_image_and_the_others_are_as_given(share):
    images = noise(8, 2, 8, 4, seed=1, dtype=torch.float32)
    form = at("corrupted", images, share=share)
    hidden = form.hidden.expand_as(images)
    assert form.hidden.flatten(1).sum(1).tolist() == [round(share * 32)] * 8
    assert torch.equal(form.decode()[~hidden], images[~hidden])
    assert share == 0 or not bool((form.decode()[hidden] == images[hidden]).any())
    assert share == 0 or not torch.equal(form.hidden[0], form.hidden[1])  # other places in each image
    assert form.size().bytes == images.numel() * 4


def test_without_noise_it_is_pixels_step_for_step(digits):
    sets = []
    for name, options in (("pixels", {}), ("corrupted", {"share": 0.0})):
        form = forms.begin(name, configure(name, options), digits, 2, "real", seeded())
        synthetic = SyntheticSet.of_form(form, digits, "real")
        distill(kip(), synthetic, digits, updates=5, seed=0)
        sets.append(synthetic)
    assert torch.equal(sets[0].start, sets[1].start) and torch.equal(sets[0].images, sets[1].images)
    assert counted("corrupted", MNIST, 10, share=0.9) == counted("pixels", MNIST, 10) == 10


def kip():
    return get("kip")(presets.configure("kip", "course", {"updates": 100, "real_batch": 50}))


def test_the_noise_is_the_same_to_the_bit_after_a_hundred_updates_and_in_its_file(digits, tmp_path):
    form = forms.begin("corrupted", configure("corrupted", {"share": 0.5}), digits, 1, "real", seeded())
    synthetic = SyntheticSet.of_form(form, digits, "real")
    distill(kip(), synthetic, digits, updates=100, seed=0)
    hidden = form.hidden
    assert torch.equal(synthetic.images[hidden], synthetic.start[hidden])
    assert bool(((synthetic.images != synthetic.start) & ~hidden).flatten(1).any(1).all())
    assert 0.9 < float(synthetic.images[hidden].std()) < 1.1
    synthetic.save(tmp_path / "set.safetensors")
    again = SyntheticSet.load(tmp_path / "set.safetensors")
    assert torch.equal(again.images, synthetic.images) and torch.equal(again.form.hidden, hidden)
    real = digits.train.images.flatten(1)
    assert not bool((torch.cdist(again.start.flatten(1), real) < 1).any())  # no image that it began from is in the file


def test_a_slope_in_hidden_pixels_goes_nowhere_and_elsewhere_as_it_is():
    """That of the learned pixels is the images' own, number by number; the noise gets none."""
    images, slope = (noise(8, 2, 8, 4, seed=seed, dtype=torch.float32) for seed in (1, 2))
    form = learned(at("corrupted", images, share=0.5), torch.float32)
    seen = ~form.hidden.expand_as(images)
    form.pull(slope)
    pulled = form.parts["pixels"].grad
    assert pulled.numel() == int(seen.sum()) and form.fixed["noise"].grad is None
    assert torch.equal(pulled.flatten(1).sort(1).values, slope[seen].view(8, -1).sort(1).values)
    form.parts["pixels"].grad = None
    form.pull(slope * ~seen)  # as if hidden pixels alone mattered
    assert not bool(form.parts["pixels"].grad.any())


def test_another_seed_hides_other_pixels():
    images = noise(8, 2, 8, 4, seed=1, dtype=torch.float32)
    one, same, other = (at("corrupted", images, seed=seed).hidden for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
