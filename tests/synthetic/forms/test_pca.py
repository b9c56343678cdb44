"""Principal components: orthonormal, the projected steps of pixels, and pixels where there are all of them."""

import pytest
import torch
from small_forms import MNIST, SMALL, at, counted, descended, learned, noise, seeded, small

from ddkit.foundation.errors import InputError
from ddkit.synthetic.forms import configure, get
from ddkit.synthetic.forms.form import random_real


@pytest.mark.parametrize("ipc, options, components, images", [
    (1, {"components": 5}, 5, 62), (1, {"components": 8}, 8, 9), (10, {"components": 64}, 64, 42),
    (1, {}, 6, 39), (10, {}, 71, 30), (1, {"counted": False}, 26, 30),
    (1, {"components": 64, "counted": False}, 64, 12), (1, {"components": 784, "counted": False}, 784, 1),
])
def test_as_many_images_as_the_basis_leaves(ipc, options, components, images):
    assert counted("pca", MNIST, ipc, **options) == images
    basis = 784 * (components + 1) * options.get("counted", True)
    assert images == (7840 * ipc - basis) // (10 * components)


@pytest.mark.parametrize("counts", [True, False])
def test_the_size_has_the_basis_whether_the_budget_paid_for_it_or_not(counts, digits):
    form = get("pca").begin(configure("pca", {"components": 8, "counted": counts}), digits, 1, "real", seeded())
    size, count = form.size(), counted("pca", MNIST, 1, components=8, counted=counts)
    assert size.decoded == 10 * count and size.shared_bytes == 4 * 784 * 9
    assert size.bytes == 4 * (10 * count * 8 + 784 * 9) and (size.bytes > 31360) is not counts


@pytest.mark.parametrize("options, words", [({"components": 10}, "needs 34,896 bytes"),
                                            ({"components": 785}, "785 components of images of 784 numbers")])
def test_what_does_not_fit_is_a_sentence(options, words):
    with pytest.raises(InputError, match=words):
        counted("pca", MNIST, 1, **options)


def test_the_basis_is_orthonormal_and_as_good_as_any():
    images = noise(8, *SMALL.shape)
    form = at("pca", images, components=4)
    rows = form.fixed["components"].flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(4, dtype=torch.float64))
    centred = (images - images.mean(0)).flatten(1)
    left_out = torch.linalg.svdvals(centred)[4:].square().sum()
    torch.testing.assert_close((form.decode() - images).square().sum(), left_out)


def test_the_slope_in_latents_is_the_projected_slope_in_images():
    form, slope = small("pca"), noise(8, *SMALL.shape, seed=1)
    form.pull(slope, chunk=3)
    torch.testing.assert_close(form.parts["latents"].grad, slope.flatten(1) @ form.fixed["components"].flatten(1).T)


def test_of_all_components_steps_are_those_of_pixels():
    images, slopes = noise(8, *SMALL.shape), [noise(8, *SMALL.shape, seed=n) for n in range(1, 6)]
    found, wanted = (descended(learned(each), slopes, 0.3)
                     for each in (at("pca", images, components=64), at("pixels", images)))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_noise_varies_as_real_images_do(digits):
    begin, config = get("pca").begin, configure("pca", {"components": 20})
    real, drawn = (begin(config, digits, 10, init, seeded()) for init in ("real", "noise"))
    assert real.fixed["components"].equal(drawn.fixed["components"])
    ratio = drawn.parts["latents"].std(0) / real.parts["latents"].std(0)
    assert abs(float(ratio.mean()) - 1) < 0.03 and float((ratio - 1).abs().max()) < 0.4


def test_real_digits_are_begun_from_nearly(mnist):
    """Of the squares of 300 real images 6 % are missing at ten images per class (measured), with 71 components."""
    form = get("pca").begin(configure("pca", {}), mnist, 10, "real", seeded())
    images = random_real(mnist, 30, seeded())
    assert 0.05 < float((form.decode() - images).square().sum() / images.square().sum()) < 0.07
