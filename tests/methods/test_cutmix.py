"""CutMix: every pixel is one of two images', and the label counts how many."""

import pytest
import torch

from ddkit.foundation.randomness import stream
from ddkit.methods.matching.pool import cutmix, mixed


def numbered(count=5, height=7, width=4):
    """Images whose pixels all say which image they are of."""
    return torch.arange(1.0, count + 1)[:, None, None, None].expand(-1, 2, height, width).contiguous()


@pytest.mark.parametrize("seed", range(20))
def test_pixels_are_of_two_images_and_the_label_counts_them(seed):
    images, labels = numbered(), torch.arange(5)
    found, shares = cutmix(images, labels, 5, stream(seed, "cutmix"))
    assert torch.equal(images, numbered())  # the real images themselves are as they were
    for number, (image, share) in enumerate(zip(found, shares, strict=True)):
        counted = torch.bincount(image[0].long().flatten() - 1, minlength=5) / image[0].numel()
        torch.testing.assert_close(share, counted)
        assert torch.equal(image[0], image[1])
        pasted = image[0] != number + 1
        rows, columns = pasted.any(1), pasted.any(0)
        assert int(pasted.sum()) == int(rows.sum()) * int(columns.sum())  # a box


def test_a_label_of_two_classes_sums_to_one_and_of_one_class_stays():
    _, shares = cutmix(numbered(), torch.full((5,), 2), 3, stream(0, "cutmix"))
    torch.testing.assert_close(shares, torch.tensor([0.0, 0.0, 1.0]).expand(5, -1))


def test_boxes_reach_every_pixel_and_have_all_sizes():
    images, labels = numbered(2, 6, 6), torch.arange(2)
    seen, sizes, draws = torch.zeros(6, 6, dtype=torch.bool), set(), stream(0, "cutmix")
    for _ in range(300):
        pasted = cutmix(images, labels, 2, draws)[0][0, 0] != 1
        seen |= pasted
        sizes.add(int(pasted.sum()))
    assert seen.all() and {0, 1} <= sizes and max(sizes) > 18


@pytest.mark.parametrize("share, kinds", [(0.0, {1}), (1.0, {2}), (0.5, {1, 2})])
def test_the_share_of_batches_is_mixed(share, kinds):
    batches = [(numbered(), torch.arange(5))] * 30
    assert {labels.ndim for _, labels in mixed(batches, share, 5, stream(0, "cutmix"))} == kinds
