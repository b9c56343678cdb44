"""On which scale pixels in files are: other scales than the normalised are recognised, and asked for or refused."""

import pytest
import torch
from field_files import field_file, seeded, stretched

from ddkit import data, runs
from ddkit.foundation.errors import InputError
from ddkit.synthetic import SyntheticSet, formats, pixel_scales

REFERENCE = sorted(runs.REFERENCE.glob("*/synthetic.safetensors"))


def whitened(images, dataset, epsilon=0.1):
    """ZCA, as the field's programs do it."""
    flat = dataset.train.images.flatten(1)
    centred = flat - flat.mean(0)
    vectors, values, _ = torch.linalg.svd(centred.T @ centred / (len(flat) - 1))
    matrix = vectors @ torch.diag((values + epsilon).rsqrt()) @ vectors.T
    return ((images.flatten(1) - flat.mean(0)) @ matrix).reshape(images.shape)


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.parent.name)
def test_shipped_sets_are_recognised_as_normalised_and_on_other_scales_are_not(path, request):
    shipped = SyntheticSet.load(path)
    images = shipped.images
    dataset = request.getfixturevalue("mnist" if shipped.origin["dataset"].startswith("mnist") else "polyps")
    assert pixel_scales.looks(images, dataset) == "normalised" and pixel_scales.resembles(images, dataset)
    pixels = stretched(images, dataset).clamp(0, 1)
    assert pixel_scales.looks(pixels, dataset) == "unit" and pixel_scales.looks(255 * pixels, dataset) == "bytes"


@pytest.fixture(scope="module")
def polyps():
    return data.load("mhist_like")


@pytest.mark.parametrize("ipc", [1, 2, 10])
@pytest.mark.parametrize("seed", range(3))
def test_real_images_and_noise_are_told_from_other_scales(digits, ipc, seed):
    real, noise = (SyntheticSet.begin(init, digits, ipc, seeded(seed)).images for init in ("real", "noise"))
    pixels = stretched(real, digits)
    for images, scale in ((real, "normalised"), (noise, "normalised"), (pixels, "unit"), (255 * pixels, "bytes"),
                          (2 * pixels - 1, "signed"), (whitened(real, digits), "whitened"), (1000 * noise, "unknown"),
                          (pixels + 0.02 * noise, "unit"), (255 * pixels + 4 * noise, "bytes")):
        assert pixel_scales.looks(images, digits) == scale


@pytest.mark.parametrize("pixels", ["unit", "bytes"])
@pytest.mark.parametrize("layout", ["pt", "datm"])
def test_other_scales_are_asked_for_and_converted_when_told(digits, tmp_path, pixels, layout):
    real = SyntheticSet.from_real(digits, 2, seeded())
    images = stretched(real.images, digits) * (255 if pixels == "bytes" else 1)
    if layout == "pt":
        path = field_file(tmp_path / "res.pt", (images, real.labels))
    else:
        path = tmp_path / "images_best.pt"
        torch.save(images, path)
        torch.save(real.labels, tmp_path / "labels_best.pt")
    with pytest.raises(InputError, match=f"--pixels {pixels}"):
        formats.open_set(path, digits)
    torch.testing.assert_close(formats.open_set(path, digits, pixels=pixels).images, real.images, atol=1e-5, rtol=0)
    assert torch.equal(formats.open_set(path, digits, pixels="normalised").images, images)
    with pytest.raises(InputError, match="unknown pixels"):
        formats.open_set(path, digits, pixels="inches")


@pytest.mark.parametrize(("change", "says"), [
    (lambda x, d: 2 * stretched(x, d) - 1, r"fill the range \[-1, 1\]"), (whitened, "look whitened"),
    (lambda x, d: 1e4 * x, "no scale known"), (lambda x, d: x.where(x < 1, float("nan")), "not finite")])
def test_scales_that_no_option_undoes_are_refused_by_name(digits, tmp_path, change, says):
    real = SyntheticSet.from_real(digits, 2, seeded())
    path = field_file(tmp_path / "res.pt", (change(real.images, digits), real.labels))
    with pytest.raises(InputError, match=says):
        formats.open_set(path, digits)


def test_images_without_the_data_sets_pattern_are_taken_and_said_to_be_without(digits, tmp_path, capsys):
    noise = SyntheticSet.from_noise(digits, 2, seeded())
    back = formats.open_set(field_file(tmp_path / "res.pt", (noise.images, noise.labels)), digits)
    assert torch.equal(back.images, noise.images) and "bright elsewhere" in capsys.readouterr().err
