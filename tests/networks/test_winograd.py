"""Winograd's convolution: the same map as torch's own, at any size, and only where it is meant to be used."""

import pytest
import torch
from torch import nn

from ddkit.networks.winograd import Winograd, suits


@pytest.mark.parametrize("height, width", [(1, 1), (2, 7), (4, 4), (8, 8), (13, 9), (16, 17)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_equals_the_convolution_in_double_precision(height, width, bias):
    torch.manual_seed(0)
    conv = nn.Conv2d(5, 7, 3, padding=1, bias=bias).double()
    images = torch.randn(3, 5, height, width).double()
    with torch.inference_mode():
        torch.testing.assert_close(Winograd(conv)(images), conv(images), atol=1e-12, rtol=1e-12)


def test_in_single_precision_the_error_is_a_ten_thousandth_of_the_maps_spread():
    torch.manual_seed(0)
    conv = nn.Conv2d(128, 128, 3, padding=1)
    images = torch.randn(4, 128, 16, 16).relu().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        exact = nn.functional.conv2d(images.double(), conv.weight.double(), conv.bias.double(), padding=1)
        found = Winograd(conv)(images)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert (found - exact).abs().max() < 1e-4 * exact.std()


def test_only_wide_plain_convolutions_suit():
    assert suits(nn.Conv2d(128, 96, 3, padding=1))
    others = [nn.Conv2d(128, 128, 5, padding=2), nn.Conv2d(128, 128, 3), nn.Conv2d(128, 128, 3, padding=1, stride=2),
              nn.Conv2d(128, 128, 3, padding=1, groups=2), nn.Conv2d(32, 128, 3, padding=1), nn.ReLU()]
    assert not any(suits(other) for other in others)
