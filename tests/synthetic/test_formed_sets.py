"""Sets of every form, whichever there are: what methods ask of them, and files."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from every_form import NAMES, begun
from PIL import Image

from ddkit.foundation.errors import InputError
from ddkit.foundation.files import read_tensors, write_tensors
from ddkit.synthetic import SyntheticSet, formats
from ddkit.synthetic.forms import FORMS


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture
def formed(digits, name) -> SyntheticSet:
    """A set that has begun, and whose form is learned from."""
    return SyntheticSet.of_form(begun(name, digits), digits, "real")


@pytest.fixture
def moved(formed) -> SyntheticSet:
    """It, after a step down some slope."""
    step(formed)
    return formed


def step(synthetic: SyntheticSet) -> None:
    for parameter in synthetic.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.SGD(synthetic.groups(0.5), momentum=0.5)
    optimiser.zero_grad(set_to_none=True)
    leaf = synthetic.leaf()
    (leaf - leaf.detach().roll(2, dims=3)).square().sum().backward()
    synthetic.pull(leaf.grad)
    optimiser.step()
    synthetic.constrain()
    for parameter in synthetic.parameters():
        parameter.requires_grad_(False)


def test_a_leaf_is_of_the_images_and_its_gradient_reaches_the_parameters(formed):
    leaf = formed.leaf()
    assert leaf.is_leaf and leaf.requires_grad and leaf.equal(formed.images)
    slope = torch.randn(leaf.shape, generator=seeded())
    (leaf * slope).sum().backward()
    wanted = torch.autograd.grad((formed.images * slope).sum(), formed.parameters())
    formed.pull(leaf.grad, chunk=7)
    for parameter, right in zip(formed.parameters(), wanted, strict=True):
        assert torch.allclose(parameter.grad, right, rtol=1e-4, atol=1e-4 * float(right.abs().max()))


@pytest.mark.parametrize("form", ["bases", "decoder", "hallucinators"])
def test_adam_moves_decoded_images_about_as_far_as_pixels(form, digits):
    """And not ten thousand times less, as bases at the rates of gradient descent."""
    moved = []
    formed = SyntheticSet.of_form(begun(form, digits), digits, "real")
    for made in (SyntheticSet.from_real(digits, 1, seeded()), formed):
        parameters = [parameter.requires_grad_(True) for parameter in made.parameters()]
        optimiser, before = torch.optim.Adam(made.groups(0.02, signed=True)), made.images.detach().clone()
        for _ in range(5):
            for parameter in parameters:
                parameter.grad = None
            images = made.images.detach()
            made.pull(images - images.roll(1, dims=3))
            optimiser.step()
        moved.append(float((made.images.detach() - before).square().mean().sqrt()))
    assert 0.2 < moved[1] / moved[0] < 10


def test_each_part_has_its_rate_and_learned_labels_their_own(formed):
    groups = formed.groups(0.5)
    assert [group["lr"] for group in groups] == list(formed.form.rates(0.5).values())
    assert all(a is b for a, b in zip([p for g in groups for p in g["params"]], formed.parameters(), strict=True))
    formed.learn_labels(torch.zeros(len(formed.labels), 10), "logits")
    *parts, labels = formed.groups(0.5, 0.25)
    assert labels == {"params": [formed.labels], "lr": 0.25} and len(parts) == len(groups)
    formed.pull(torch.zeros_like(formed.images), torch.ones(len(formed.labels), 10))
    formed.pull(torch.zeros_like(formed.images), torch.ones(len(formed.labels), 10))
    assert formed.labels.grad.eq(2).all()


def test_a_set_knows_its_size_and_how_far_its_decoded_images_moved(digits, formed, name):
    before, size = formed.images.detach().clone(), formed.size
    assert formed.moved == 0 and formed.start.equal(before)
    assert size == formed.form.size() and formed.ipc == size.decoded // 10 and len(formed.images) == size.decoded
    assert formed.stored_ipc == pytest.approx(size.bytes / (4 * 10 * 784))
    step(formed)
    assert formed.moved == pytest.approx(float((formed.images - before).norm())) and formed.moved > 0
    assert formed.start.equal(before) and formed.size == size


def test_a_set_before_distillation_decodes_as_it_began_and_takes_as_much(moved):
    before = moved.undistilled()
    assert before.images.equal(moved.start) and before.moved == 0 and before.size == moved.size
    assert type(before.form) is type(moved.form)
    kept = moved.images.clone()
    step(before)
    assert moved.images.equal(kept) and moved.undistilled().images.equal(moved.start)


def test_a_copy_stays_as_it_is(moved):
    copied, images = moved.copy(), moved.images.clone()
    step(moved)
    assert copied.images.equal(images) and not moved.images.equal(images) and copied.size == moved.size
    assert copied.start_form is None or copied.start_form is not moved.start_form


def test_other_images_than_the_form_decodes_make_no_set_of_it(formed, name):
    if name == "pixels":
        return
    with pytest.raises(InputError, match="form"):
        replace(formed, images=formed.images + 1)
    with pytest.raises(InputError, match="pixels"):
        formed.images = formed.images + 1
    assert replace(formed, images=formed.images + 1, form=None).form.size().decoded == len(formed.images)


def test_other_images_to_begin_from_are_what_the_form_makes_of_them(digits, formed):
    wanted = SyntheticSet.from_noise(digits, 1, seeded()).images[:1].expand_as(formed.images) * 0
    size = formed.size
    formed.begin_at(wanted, seeded())
    assert formed.moved == 0 and formed.start.equal(formed.images) and formed.size == size
    assert (formed.images - wanted).norm() < 0.5 * len(wanted) ** 0.5 * 28


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("labels", [False, True])
def test_a_saved_set_comes_back_bit_for_bit_and_learns_on_alike(tmp_path, moved, packed, labels):
    if labels:
        moved.learn_labels(torch.randn(len(moved.labels), 10, generator=seeded()), "logits")
    moved.save(tmp_path / "set.safetensors", packed=packed)
    back = SyntheticSet.load(tmp_path / "set.safetensors")
    for one, other in ((back, moved), (back.undistilled(), moved.undistilled())):
        assert one.images.equal(other.images) and one.start.equal(other.start) and one.labels.equal(other.labels)
        assert one.size == other.size and type(one.form) is type(other.form)
    assert back.moved == moved.moved and back.meaning == moved.meaning
    step(back)
    step(moved)
    assert torch.allclose(back.images, moved.images, atol=0.05)  # of bytes the file holds the levels alone
    back.save(tmp_path / "again.safetensors", packed=packed)
    again = SyntheticSet.load(tmp_path / "again.safetensors")
    assert again.images.equal(back.images)


def test_the_parts_in_a_file_take_what_the_size_says(tmp_path, moved, name):
    moved.save(tmp_path / "set.safetensors")
    tensors, description = read_tensors(tmp_path / "set.safetensors")
    assert tensors["images"].equal(moved.images) and tensors["start"].equal(moved.start)
    kept = {n: t for n, t in tensors.items() if n.startswith("form.")} if name != "pixels" else {"": tensors["images"]}
    assert sum(t.numel() * t.element_size() for t in kept.values()) == moved.size.bytes
    assert ("form" in description) == (name != "pixels")


@pytest.mark.parametrize("harm", ["parts", "version", "kind", "missing", "shape", "config"])
def test_a_file_whose_form_is_damaged_is_refused(tmp_path, moved, name, harm):
    if name == "pixels":
        return
    moved.save(tmp_path / "set.safetensors")
    tensors, description = read_tensors(tmp_path / "set.safetensors")
    form, part = description["form"], f"form.{next(iter(moved.form.parts))}"
    if harm == "parts":
        tensors[part] = tensors[part] // 2 + 3
    elif harm == "missing":
        del tensors[part]
    elif harm == "shape":
        tensors[part] = tensors[part].flatten()[:3]
    else:
        form |= {"version": {"version": 7}, "kind": {"form": "spam"}, "config": {"config": {"spam": 1}}}[harm]
    write_tensors(tmp_path / "set.safetensors", tensors, description)
    with pytest.raises(InputError, match="damaged or no set"):
        SyntheticSet.load(tmp_path / "set.safetensors")


def test_the_fields_files_hold_the_decoded_images(tmp_path, digits, moved):
    formats.export_pt(moved, tmp_path / "set.pt")
    data = torch.load(tmp_path / "set.pt", weights_only=True)["data"]
    assert data[-1][0].equal(moved.images) and data[-1][1].equal(moved.labels)
    back = formats.open_set(tmp_path / "set.pt", digits)
    assert back.images.equal(moved.images) and back.size == moved.size and back.moved == moved.moved
    paths = formats.export_png(moved, tmp_path / "png", quiet=True)
    pixels = torch.stack([torch.from_numpy(np.array(Image.open(path))) for path in paths])
    assert (pixels / 255 - moved.pixels()[:, 0]).abs().max() <= 0.5 / 255 + 1e-6


def test_pixels_are_what_they_were_given_and_what_autograd_adds_to(digits):
    images = SyntheticSet.from_real(digits, 1, seeded()).images
    made = replace(SyntheticSet.from_real(digits, 1, seeded()), images=images)
    assert made.images is images and made.parameters()[0] is images and made.leaf().data_ptr() == images.data_ptr()
    slope = torch.randn(images.shape, generator=seeded())
    images.requires_grad_(True)
    made.pull(slope)
    assert images.grad.data_ptr() == slope.data_ptr()
    made.pull(slope)
    assert images.grad.equal(2 * slope)


def test_forms_are_named_as_their_files_are():
    assert "pixels" in FORMS and not any("_" in name for name in FORMS)


def test_images_that_differ_from_the_decoded_by_rounding_alone_are_those_of_the_form(moved):
    """As after a way from one processor to another."""
    if moved.form.name == "pixels":
        pytest.skip("pixels decode to themselves")
    images = moved.images
    assert replace(moved, images=images + 1e-5, form=moved.form).images.equal(images)
    for others in (images + 0.1, images + 0.01, images[1:], images.roll(1, dims=3)):
        with pytest.raises(InputError, match="these are other images than the form decodes"):
            replace(moved, images=others, start=others, labels=moved.labels[:len(others)], form=moved.form)


def test_a_file_may_hold_images_that_a_gpu_decoded_with_ten_bits(moved, tmp_path):
    if moved.form.name == "pixels":
        pytest.skip("pixels decode to themselves")
    moved.save(tmp_path / "set")
    tensors, description = read_tensors(tmp_path / "set")
    for change, read in ((5e-3, True), (0.05, False)):
        write_tensors(tmp_path / "changed", tensors | {"images": tensors["images"] + change}, description)
        if read:
            assert SyntheticSet.load(tmp_path / "changed").images.equal(SyntheticSet.load(tmp_path / "set").images)
        else:
            with pytest.raises(InputError, match="decodes other images than it holds"):
                SyntheticSet.load(tmp_path / "changed")


def test_a_gpu_decodes_with_all_bits_of_float32(moved, monkeypatch):
    seen = []
    for name in ("conv2d", "conv_transpose2d"):
        real = getattr(F, name)
        monkeypatch.setattr(F, name, lambda *given, real=real, **named: (
            seen.append(torch.backends.cudnn.allow_tf32), real(*given, **named))[1])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert torch.backends.cudnn.allow_tf32 and moved.images.isfinite().all()
    assert not any(seen) and bool(seen) == (moved.form.name in ("decoder", "hallucinators"))


def test_a_packed_file_holds_the_parts_alone_and_comes_back_to_the_same_bits(moved, tmp_path):
    moved.save(tmp_path / "plain")
    moved.save(tmp_path / "packed", packed=True)
    held, _ = read_tensors(tmp_path / "packed")
    assert ("images" in held) == ("start" in held) == (moved.form.name == "pixels")
    plain, packed = (SyntheticSet.load(tmp_path / name) for name in ("plain", "packed"))
    for what in ("images", "labels", "start"):
        assert getattr(packed, what).equal(getattr(plain, what))
    assert packed.undistilled().images.equal(plain.undistilled().images) and packed.size == plain.size
