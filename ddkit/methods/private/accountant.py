"""How much a series of noisy sums tells of any one image: Renyi differential privacy of the sampled Gaussian.

What is released is (epsilon, delta)-private if one image more or less changes the probability of no outcome by more
than the factor e^epsilon, apart from a share delta. Of one sum over a Poisson batch (every image is in it with
probability q), whose terms have norms of at most R and whose noise has standard deviation sigma R, the divergence of
a whole order a is (Mironov, Talwar and Zhang, 2019)

    rdp(a) = 1 / (a - 1) log sum_{i = 0..a} binom(a, i) (1 - q)^(a - i) q^i exp((i^2 - i) / (2 sigma^2)).

It adds up over the sums, also where each depends on those before, and gives (Balle et al., AISTATS 2020)

    epsilon = min over a of steps rdp(a) - (log delta + log a) / (a - 1) + log((a - 1) / a).

Only whole orders are looked at. That is a bound all the same, and a loose one where the best order is close to 2:
opacus, which knows broken orders, finds a little less noise enough there.

Of a single sum of all images the exact cost is known (Balle and Wang, "Improving the Gaussian Mechanism", ICML 2018,
theorem 8): with Phi the normal distribution function, delta = Phi(1 / (2 sigma) - epsilon sigma) - e^epsilon
Phi(-1 / (2 sigma) - epsilon sigma).

Epsilon is of one run. Those of several runs on the same data, trials included, add up.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from ddkit.foundation.errors import require

HIGHEST = 256  # order
EXACT = 1e-6  # relative, of the sigma that is found
MOST_NOISE = 1e6  # sigma beyond which nothing is gained
MOST_EPSILON = 50.0  # of a single release


@lru_cache
def renyi(q: float, sigma: float) -> Tensor:
    """rdp(a) of one noisy sum for the orders 2 to 256, float64 [255].

    Args:
        q: probability of every image to be in the sum, above 0 and at most 1.
        sigma: the noise's standard deviation in units of the clipping norm, positive.
    """
    order = torch.arange(2, HIGHEST + 1, dtype=torch.float64)[:, None]
    i = torch.arange(HIGHEST + 1, dtype=torch.float64)
    rest = (order - i).clamp_min(0)
    logs = (torch.lgamma(order + 1) - torch.lgamma(i + 1) - torch.lgamma(rest + 1) + torch.special.xlog1py(rest, -q)
            + i * math.log(q) + i * (i - 1) / (2 * sigma**2))
    return logs.where(i <= order, -math.inf).logsumexp(1) / (order[:, 0] - 1)


def rdp_epsilon(q: float, sigma: float, steps: int, delta: float) -> float:
    """Epsilon of so many noisy sums; infinite without noise.

    Raises:
        InputError: q or delta is no probability, or sigma or the steps are negative.
    """
    require(0 < q <= 1, f"the sampling rate is above 0 and at most 1, got {q:g}")
    require(0 < delta < 1, f"delta is above 0 and below 1, got {delta:g}")
    require(sigma >= 0 and steps >= 0, f"sigma and steps must not be negative, got {sigma:g} and {steps}")
    if steps == 0:
        return 0.0
    if sigma == 0:
        return math.inf
    order = torch.arange(2, HIGHEST + 1, dtype=torch.float64)
    epsilon = (steps * renyi(q, sigma) - (math.log(delta) + order.log()) / (order - 1) + torch.log1p(-1 / order)).min()
    return max(0.0, float(epsilon))


def rdp_sigma(epsilon: float, q: float, steps: int, delta: float) -> float:
    """The least noise, in units of the clipping norm, with which so many noisy sums stay within epsilon.

    Raises:
        InputError: no noise is enough, or as for ``rdp_epsilon``.
    """
    require(steps >= 1 and epsilon > 0, f"epsilon must be positive and steps at least 1, got {epsilon:g} and {steps}")
    require(rdp_epsilon(q, MOST_NOISE, steps, delta) <= epsilon,
            f"no noise keeps {steps:,} steps within epsilon {epsilon:g} at delta {delta:g}: raise epsilon or delta, or "
            "make fewer steps")
    return _least(lambda sigma: rdp_epsilon(q, sigma, steps, delta) <= epsilon, 1e-3, MOST_NOISE)


def gaussian_delta(epsilon: float, sigma: float) -> float:
    """The delta of one noisy sum of all images at that epsilon, exactly."""
    def phi(x: float) -> float:
        return math.erfc(-x / math.sqrt(2)) / 2

    return phi(1 / (2 * sigma) - epsilon * sigma) - math.exp(epsilon) * phi(-1 / (2 * sigma) - epsilon * sigma)


def gaussian_sigma(epsilon: float, delta: float) -> float:
    """The least noise, in units of the largest norm, with which one noisy sum of all images stays within epsilon.

    Raises:
        InputError: epsilon is not positive, or above 50, where rounding would tell; or delta is no probability.
    """
    require(0 < epsilon <= MOST_EPSILON, f"the epsilon of a single release is above 0 and at most {MOST_EPSILON}, got "
                                         f"{epsilon:g}")
    require(0 < delta < 1, f"delta is above 0 and below 1, got {delta:g}")
    return _least(lambda sigma: gaussian_delta(epsilon, sigma) <= delta, 1e-3, MOST_NOISE)


def gaussian_epsilon(sigma: float, delta: float) -> float:
    """Epsilon of one noisy sum of all images; infinite where it is above 50, as without noise."""
    if sigma == 0 or gaussian_delta(MOST_EPSILON, sigma) > delta:
        return math.inf
    return _least(lambda epsilon: gaussian_delta(epsilon, sigma) <= delta, 1e-6, MOST_EPSILON)


def _least(enough: Callable[[float], bool], low: float, high: float) -> float:
    """The least number between these that is enough, where all above one are."""
    while high / low > 1 + EXACT:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
