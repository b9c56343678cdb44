"""What a form makes of the loss's slope in its images: numbers, adjoints, the fastest direction."""

import pytest
import torch
from small_forms import NAMES, SMALL, at, learned, noise, small

from ddkit.synthetic.forms.steepness import steepness

STRAIGHT = ("bytes",)  # whose slope is not that of what is decoded, by intention
LINEAR = {"bases": ("bases", "coefficients"), "frequencies": ("coefficients",), "pca": ("latents",),
          "hallucinators": ("bases", "encoder", "scale", "shift", "decoder")}  # in each of these parts, with an offset


@pytest.mark.parametrize("name", [name for name in NAMES if name not in STRAIGHT])
def test_the_slope_in_the_parts_is_the_numerical_one(name):
    form = small(name)
    names = list(form.parts)

    def decode(*parts):
        form.parts = dict(zip(names, parts, strict=True))
        return form.decode()

    parts = tuple(form.parts.values())
    assert torch.autograd.gradcheck(decode, parts, eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("name, part", [(name, part) for name, parts in LINEAR.items() for part in parts])
def test_pulling_is_the_adjoint_of_decoding(name, part):
    """<J u, v> = <u, J^T v>, where J u is a difference of decoded images, however large u is."""
    form = small(name)
    before, u, v = form.decode().detach(), noise(*form.parts[part].shape, seed=1), noise(8, *SMALL.shape, seed=2)
    form.pull(v)
    pulled = form.parts[part].grad
    moved = form.copy()
    moved.parts[part] += 3 * u
    assert ((moved.decode() - before) * v).sum().item() == pytest.approx(3 * (u * pulled).sum().item(), rel=1e-9)


@pytest.mark.parametrize("name", [*LINEAR, "decoder"])
def test_no_direction_moves_the_images_faster_than_in_pixels(name):
    """The largest eigenvalue of J J^T, of the whole matrix J, times the part's rate is the rate of pixels."""
    form = small(name)
    for part, rate in form.rates(0.5).items():
        def decode(value, part=part):
            form.parts = form.parts | {part: value}
            return form.decode().flatten()

        jacobian = torch.autograd.functional.jacobian(decode, form.parts[part].detach()).flatten(1)
        assert float(torch.linalg.matrix_norm(jacobian, 2)) ** 2 * rate == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("name", ["bases", "hallucinators", "decoder"])
def test_signed_steps_move_pixels_as_far_as_in_pixels(name):
    """The mean square of a pixel's way, over all signs, is that of the rows of the whole derivative."""
    form = small(name)
    for part, rate in form.rates(0.5, signed=True).items():
        def decode(value, part=part):
            form.parts = form.parts | {part: value}
            return form.decode().flatten()

        jacobian = torch.autograd.functional.jacobian(decode, form.parts[part].detach()).flatten(1)
        assert rate * float(jacobian.square().sum(1).mean().sqrt()) == pytest.approx(0.5, rel=0.3)


def test_the_largest_eigenvalue_is_found_in_few_products():
    for size in (3, 7, 60):
        matrix = noise(90, size)
        wanted = float(torch.linalg.matrix_norm(matrix, 2)) ** 2
        found = steepness(lambda part, matrix=matrix: matrix @ part.sin(), torch.zeros(size, dtype=torch.float64))
        assert found == pytest.approx(wanted, rel=1e-9 if size < 9 else 0.05)
    assert steepness(lambda part: 0 * part, noise(7)) == 1


@pytest.mark.parametrize("name", ["bases", "frequencies", "pca", "bytes"])
def test_constant_images_stay_constant(name):
    """Images of one grey each, other greys for other images: in and out, whatever a form leaves out."""
    grey = torch.tensor([-0.5, 0.1, 0.8, 0.0, 1.2, 0.3, -0.2, 0.4])[:, None, None, None].expand(8, *SMALL.shape)
    options = {"bases": {"number": 2}, "frequencies": {"kept": 5}, "pca": {"components": 2}}.get(name, {})
    found = at(name, grey.contiguous(), **options).decode()
    assert (found - found[..., :1, :1]).abs().max() < 1e-5
    assert (found - grey).abs().max() < (0.5 / 255 / 0.2 + 1e-5 if name == "bytes" else 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_form_of_shorter_numbers_decodes_what_that_of_longer_ones_does(name):
    form = small(name)
    long = form.decode().detach()
    assert (learned(form, torch.float32).decode() - long).abs().max() < (2e-2 if name in STRAIGHT else 1e-5)
