"""3x3 convolutions with a quarter of the multiplications, for passes that need no gradient.

Winograd's minimal filtering F(4x4, 3x3), from Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
(arXiv:1509.09308): an output tile of 4x4 is ``Y = A^T [(G g G^T) * (B^T d B)] A`` for the filter g and the 6x6 input
tile d, where * is taken entry by entry. Summed over the input channels, the entries become 36 matrix products.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_B = torch.tensor([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
                   [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]])  # B^T
_G = torch.tensor([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]).double() / 24
_A = torch.tensor([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])  # A^T
_WIDE = 96  # channels from which the products outweigh the transforms


def suits(conv: nn.Module) -> bool:
    """Whether ``conv`` is a convolution that ``Winograd`` can stand for and that is faster so on a CPU."""
    return (isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3) and conv.padding == (1, 1)
            and conv.stride == conv.dilation == (1, 1) and conv.groups == 1 and conv.padding_mode == "zeros"
            and min(conv.in_channels, conv.out_channels) >= _WIDE)


class Winograd(nn.Module):
    """The same map as ``conv``, [N, C, H, W] to [N, O, H, W] in channels-last format, equal but for rounding."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        transform = _G.to(conv.weight.device)
        filters = torch.einsum("ka,lb,ocab->klco", transform, transform, conv.weight.detach().double())  # G g G^T
        self.filters = filters.flatten(0, 1).to(conv.weight.dtype)  # [36, C, O]
        self.bias = conv.bias

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        down, right = _windows(height, x), _windows(width, x)  # B^T for all tiles of a column or a row at once
        tiles = len(down) // 6, len(right) // 6
        x = torch.matmul(down, x.permute(0, 2, 3, 1).reshape(n, height, width * channels))
        x = torch.matmul(right, x.view(-1, width, channels))
        x = x.view(n, 6, tiles[0], 6, tiles[1], channels).permute(1, 3, 0, 2, 4, 5)
        x = torch.bmm(x.reshape(36, -1, channels), self.filters)
        out = _A.to(x)
        x = torch.matmul(out, torch.mm(out, x.view(6, -1)).view(4, 6, -1))
        x = x.view(4, 4, n, *tiles, -1).permute(2, 3, 0, 4, 1, 5)  # [N, tiles, 4, tiles, 4, O]
        x = x.reshape(n, 4 * tiles[0], 4 * tiles[1], -1)[:, :height, :width]
        if self.bias is not None:
            x += self.bias
        return x.permute(0, 3, 1, 2)


def _windows(size: int, like: Tensor) -> Tensor:
    """The matrix [6 * tiles, size] that applies B^T to every tile of ``size`` places padded by zeros."""
    tiles = -(-size // 4)
    rows = [F.pad(_B, (4 * i, 4 * (tiles - 1 - i))) for i in range(tiles)]  # [6, 4 * tiles + 2] each
    return torch.stack(rows, 1).flatten(0, 1)[:, 1 : size + 1].to(like)
