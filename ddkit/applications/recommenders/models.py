"""Who recommends: an autoencoder of infinite width, a linear one of closed form, and what is popular.

Each is fitted to the rows of some users, ``support``, and then scores all items for users whose rows it is given.
"""

import torch
from torch import Tensor

from ddkit.training.kernels import InfiniteNetwork, solve

KERNEL = InfiniteNetwork("NTK", 1)  # weights of standard deviation sqrt(2), biases .1, as in the paper
RIDGES = (1e-3, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # in units of the kernel's mean diagonal entry
WEIGHTS = (10.0, 50.0, 200.0, 500.0, 1000.0)  # of EASE's ridge, in events


def infinite(support: Tensor, query: Tensor, ridge: float) -> Tensor:
    """The infinity-AE (Sachdeva et al., "Infinite Recommendation Networks", NeurIPS 2022, eq. 3):

        K(query, support) (K(support, support) + lambda tr K / m I)^-1 support

    Args:
        support: rows [m, items] of the users that it is fitted to, 0 to 1.
        query: rows [n, items].

    Returns:
        [n, items], differentiable in the support; the kernel that is inverted is computed in float64.
    """
    exact = support.double()
    return KERNEL(query, support) @ solve(KERNEL(exact, exact), exact, ridge).to(query.dtype)


def ease(support: Tensor, query: Tensor, weight: float) -> Tensor:
    """EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, eq. 8), arguments as above: items
    are predicted from the other items, ``query B`` with ``B = I - P diag(1 / P_jj)``, ``P = (R^T R + weight I)^-1``."""
    eye = torch.eye(support.shape[1], dtype=support.dtype, device=support.device)
    inverse = torch.linalg.inv(support.T @ support + weight * eye)
    return query @ (eye - inverse / inverse.diagonal())


def popular(support: Tensor, query: Tensor) -> Tensor:
    """The same list for everybody: how many know an item."""
    return support.sum(0).expand(len(query), -1)
