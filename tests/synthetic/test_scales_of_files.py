"""On which scale pixels in files are: other scales than the normalised are recognised, and asked for or refused."""

from dataclasses import replace

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
    if pixels == "unit":
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


@pytest.mark.parametrize(("change", "told", "says"), [
    (lambda x, d: 784 * stretched(x, d), "unit", "from 0 to 784, which cannot be pixels in \\[0, 1\\] of digits"),
    (lambda x, d: 255 * stretched(x, d), "unit", "from 0 to 255, which cannot be pixels in \\[0, 1\\]"),
    (lambda x, d: 100 * x, "unit", "cannot be pixels in \\[0, 1\\]"),
    (lambda x, d: stretched(x, d), "bytes", "from 0 to 1, which cannot be pixels in 0..255"),
    (lambda x, d: 2 * stretched(x, d) - 1, "bytes", "from -1 to 1, which cannot be pixels in 0..255"),
    (lambda x, d: x, "bytes", "which cannot be pixels in 0..255"),
    (lambda x, d: 255 * stretched(x, d), "normalised", "from 0 to 255, which cannot be normalised pixels"),
    (lambda x, d: 255 * stretched(x, d) + 4 * torch.randn(x.shape, generator=seeded()), "normalised",
     "which cannot be normalised pixels")])
def test_a_scale_that_images_cannot_be_on_is_not_believed(digits, tmp_path, change, told, says):
    real = SyntheticSet.from_real(digits, 2, seeded())
    path = field_file(tmp_path / "res.pt", (change(real.images, digits).float(), real.labels))
    with pytest.raises(InputError, match=says) as refused:
        formats.open_set(path, digits, pixels=told)
    assert "\n" not in str(refused.value) and "--pixels" in str(refused.value)


@pytest.mark.parametrize(("change", "told", "back"), [
    (lambda x, d: (x - x.min()) / (x.max() - x.min()), "normalised", lambda y, d: y),  # faint, and never dark
    (lambda x, d: 30 * torch.randn(x.shape, generator=seeded()), "normalised", lambda y, d: y),  # nearly diverged
    (lambda x, d: x, "unit", lambda y, d: (y - 0.3054) / 0.3247),
    (lambda x, d: 2 * stretched(x, d) - 0.5, "unit", lambda y, d: (y - 0.3054) / 0.3247),  # overshoots [0, 1]
    (lambda x, d: 400 * stretched(x, d) - 60, "bytes", lambda y, d: (y / 255 - 0.3054) / 0.3247),
    (lambda x, d: 0.01 * stretched(x, d), "unit", lambda y, d: (y - 0.3054) / 0.3247)])
def test_a_scale_that_is_only_unlikely_is_believed(digits, tmp_path, change, told, back):
    real = SyntheticSet.from_real(digits, 2, seeded())
    images = change(real.images, digits)
    found = formats.open_set(field_file(tmp_path / "res.pt", (images, real.labels)), digits, pixels=told)
    torch.testing.assert_close(found.images, back(images, digits), atol=1e-5, rtol=1e-6)


def test_what_was_told_against_the_looks_is_said_and_what_agrees_is_not(digits, tmp_path, capsys):
    real = SyntheticSet.from_real(digits, 2, seeded())
    path = field_file(tmp_path / "res.pt", (stretched(real.images, digits), real.labels))
    formats.open_set(path, digits, pixels="unit")
    assert not capsys.readouterr().err
    formats.open_set(path, digits, pixels="normalised")
    assert "looks like pixels in [0, 1], and is taken for normalised pixels" in capsys.readouterr().err


def test_of_rows_that_are_no_pictures_any_scale_is_believed(digits, tmp_path):
    table = replace(digits, pictures=False)
    real = SyntheticSet.from_real(table, 2, seeded())
    path = field_file(tmp_path / "res.pt", (784 * stretched(real.images, digits), real.labels))
    read = formats.open_set(path, table, pixels="normalised").images
    assert torch.equal(read, 784 * stretched(real.images, digits))


@pytest.mark.parametrize("door", ["safetensors", "pt"])
def test_our_own_file_of_pixels_is_not_read_as_normalised(digits, tmp_path, door):
    made = SyntheticSet.from_real(digits, 2, seeded())

    def kept(images):
        other = replace(made, images=images)
        path = tmp_path / f"set.{door}"
        other.save(path) if door == "safetensors" else formats.export_pt(other, path)
        return path

    for factor, words in ((1, r"pixels in \[0, 1\]"), (255, r"pixels in 0\.\.255")):
        with pytest.raises(InputError, match=words):
            formats.open_set(kept(factor * made.pixels()), digits)
    with pytest.raises(InputError, match=r"0\.\.255"):
        formats.open_set(kept(255 * made.pixels()), digits, pixels="normalised")
    faint = 0.5 * made.pixels()
    assert torch.equal(formats.open_set(kept(faint), digits, pixels="normalised").images, faint)
    blurred = 0.2 * made.images
    assert torch.equal(formats.open_set(kept(blurred), digits).images, blurred)
