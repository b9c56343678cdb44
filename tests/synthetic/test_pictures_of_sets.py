"""Sets as pictures: they hold the very pixels, and stay in their folder."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from field_files import Y, seeded
from PIL import Image

from ddkit.foundation.errors import InputError
from ddkit.synthetic import SyntheticSet, formats


@pytest.mark.parametrize("channels", [1, 3])
def test_pngs_hold_the_very_pixels(tiny, tmp_path, channels):
    levels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8).repeat(1, channels, 1, 1)[[0, 1, 2, 3, 0, 1]]
    mean, std = (0.1307,) * channels, (0.3081,) * channels
    images = (levels / 255 - 0.1307) / 0.3081
    synthetic = SyntheticSet(images, Y, images.clone(), mean, std, tiny.classes)
    paths = formats.export_png(synthetic, tmp_path / "png")
    assert [str(p.relative_to(tmp_path / "png")) for p in paths] == [
        f"{name}/{i:03d}.png" for name in ("up", "mid-dle", "down") for i in range(2)]
    for path, level in zip(paths, levels, strict=True):
        read = np.atleast_3d(np.asarray(Image.open(path)))
        assert np.array_equal(read, level.permute(1, 2, 0).numpy())


def test_pictures_lie_among_no_others(tiny, tmp_path):
    three, two = (SyntheticSet.from_real(tiny, ipc, seeded()) for ipc in (3, 2))
    first = formats.export_png(two, tmp_path)
    assert formats.export_png(two, tmp_path) == first
    formats.export_png(three, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    with pytest.raises(InputError, match=r"002\.png is no picture of this set"):
        formats.export_png(replace(two, images=-two.images), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("names", [("..", "../../x", "/etc"), ("", ".", "a\0b"), ("a/b", "a-b", "A-B"),
                                   ("x" * 300, "x" * 301, "y"), ("c:\\x", "con\n", " .hidden ")])
def test_pictures_stay_in_their_folder_whatever_the_classes_are_called(tmp_path, names):
    images = torch.zeros(6, 1, 8, 8)
    synthetic = SyntheticSet(images, Y, images.clone(), (0.5,), (0.25,), names)
    paths = formats.export_png(synthetic, tmp_path / "png")
    assert {path.parent.parent for path in paths} == {tmp_path / "png"} and len(set(paths)) == 6
    assert len({path.parent.name.casefold() for path in paths}) == 3
    assert not any(part in ("..", ".", "") for path in paths for part in path.parts[-2:])
    assert set(tmp_path.rglob("*.png")) == set(paths)
