"""Sets as pictures: they hold the very pixels, and stay in their folder."""

import numpy as np
import pytest
import torch
from field_files import Y
from PIL import Image

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
