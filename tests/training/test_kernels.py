"""The closed-form kernels against finite networks and a computation by hand; the solver against another, and limits."""

import math

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from ddkit.data import Split
from ddkit.foundation.errors import InputError
from ddkit.networks import build
from ddkit.training import kernels
from ddkit.training.kernels import FeatureKernel, InfiniteNetwork, predict, regression_targets, relu_kernels, solve


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def finite_kernels(x, depth, width, draws, w_std, b_std):
    """NNGP and NTK of ``draws`` finite networks, each [draws, N, N], by the networks' outputs and gradients alone."""
    generator, found = torch.Generator().manual_seed(1), []
    sizes = [x.shape[1]] + [width] * depth
    for _ in range(draws):
        shapes = [*zip(sizes[1:], sizes, strict=False), (1, sizes[-1])]
        weights = [torch.randn(s, generator=generator).requires_grad_() for s in shapes]
        biases = [torch.randn(s[0], generator=generator).requires_grad_() for s in shapes]
        h = x.float()
        for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
            h = h.relu() if layer else h
            last = h
            h = w_std / math.sqrt(h.shape[1]) * h @ w.T + b_std * b
        # Over the last layer's weights the outputs' covariance is that of the last hidden layer.
        nngp = w_std**2 * last @ last.T / last.shape[1] + b_std**2
        rows = [torch.cat([g.flatten() for g in torch.autograd.grad(f, weights + biases, retain_graph=True)])
                for f in h[:, 0]]
        jacobian = torch.stack(rows)
        found.append((nngp.detach(), jacobian @ jacobian.T))
    return [torch.stack(side).double() for side in zip(*found, strict=True)]


@pytest.mark.parametrize(("depth", "width", "draws"), [(0, 1, 3), (1, 128, 300), (2, 512, 100), (3, 512, 150)])
def test_both_kernels_are_those_of_wide_finite_networks_within_monte_carlo_error(depth, width, draws):
    x = noise(4, 6)
    x[1] = -x[0] + 0.1 * x[1]  # angles from small to nearly pi
    x[2] = x[0] + 0.1 * x[2]
    expected = relu_kernels(x, x, depth, 1.3, 0.4)
    for closed, samples in zip(expected, finite_kernels(x, depth, width, draws, 1.3, 0.4), strict=True):
        error = samples.std(0) / math.sqrt(draws)
        assert float(error.max() / closed.abs().max()) < 0.02, "too few draws to prove anything"
        # Four standard errors, and the bias of a finite width, which is of the order of depth / width.
        assert ((samples.mean(0) - closed).abs() <= 4 * error + 2 * depth / width * closed.abs().max() + 1e-5).all()


def test_two_points_by_hand():
    x, z, sixty = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.5, math.sqrt(3) / 2]]], dtype=torch.float64)
    nngp, ntk = relu_kernels(x, z, 1, math.sqrt(2), 0)  # at a right angle
    assert nngp.item() == pytest.approx(1 / math.pi, abs=1e-15) and ntk.item() == pytest.approx(1 / math.pi, abs=1e-15)
    nngp, ntk = relu_kernels(x, x, 1, math.sqrt(2), 0)
    assert (nngp.item(), ntk.item()) == pytest.approx((1, 2), abs=1e-15)
    nngp, ntk = relu_kernels(x, sixty, 1, math.sqrt(2), 0)
    by_hand = (math.sqrt(3) / 2 + math.pi / 3) / math.pi
    assert (nngp.item(), ntk.item()) == pytest.approx((by_hand, by_hand + 1 / 3), abs=1e-15)
    nngp, ntk = relu_kernels(x, -x, 1, math.sqrt(2), 1)  # the bias makes opposite points orthogonal: 2 (-1 / 2) + 1
    assert (nngp.item(), ntk.item()) == pytest.approx((2 / math.pi + 1,) * 2, abs=1e-15)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("kind", ["NTK", "NNGP"])
def test_a_kernel_is_symmetric_positive_definite_and_differentiable_where_images_differ(kind, depth):
    kernel, x, z = InfiniteNetwork(kind, depth), noise(5, 1, 3, 3), noise(3, 1, 3, 3, seed=1)
    k = kernel(x, x)
    torch.testing.assert_close(k, k.T)
    assert torch.linalg.eigvalsh(k).min() > 0
    torch.testing.assert_close(kernel(x, z), kernel(z, x).T)
    assert torch.autograd.gradcheck(lambda a, b: kernel(a, b), (x.requires_grad_(), z.requires_grad_()))
    assert torch.autograd.gradcheck(lambda a: kernel(a, a), (x,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identical_opposite_and_black_images_have_finite_kernels_and_gradients(dtype):
    one = noise(1, 20, dtype=dtype)
    x = torch.cat([one, one, -one, torch.zeros_like(one)]).requires_grad_()
    for b_std in (0.0, 0.1):
        nngp, ntk = relu_kernels(x, x, 2, b_std=b_std)
        assert torch.equal(ntk[0, 0], ntk[0, 1]) and torch.equal(nngp[0], nngp[1])
        [gradient] = torch.autograd.grad(ntk.sum() + nngp.sum(), x)
        assert ntk.isfinite().all() and gradient.isfinite().all()


def test_float32_kernels_are_accurate_enough_to_predict_with():
    x, z = noise(50, 784), noise(20, 784, seed=1)
    exact, single = (InfiniteNetwork()(x.to(d), z.to(d)).double() for d in (torch.float64, torch.float32))
    assert float((exact - single).abs().max()) < 1e-5


@pytest.mark.parametrize(("name", "kind", "depth"), [("NTK", "NTK", 1), ("NNGP", "NNGP", 1), ("NTKD3", "NTK", 3),
                                               ("NTKD0", "NTK", 0)])
def test_names_of_infinite_networks(name, kind, depth):
    assert InfiniteNetwork.named(name) == InfiniteNetwork(kind, depth)


@pytest.mark.parametrize("name", ["ConvNetD3", "NTKD", "ntk", "MLP", ""])
def test_other_names_are_not_infinite(name):
    assert InfiniteNetwork.named(name) is None


@pytest.mark.parametrize("ridge", [0.0, 1e-6, 0.1])
def test_the_solver_is_kernel_ridge_regression(ridge):
    x, t, y = noise(30, 8), noise(7, 8, seed=1), noise(30, 3, seed=2)
    kernel = InfiniteNetwork()
    k = kernel(x, x)
    other = KernelRidge(alpha=ridge * float(k.diagonal().mean()), kernel="precomputed").fit(k.numpy(), y.numpy())
    expected = other.predict(kernel(t, x).numpy())
    np.testing.assert_allclose(predict(kernel, t, x, solve(k, y, ridge)).numpy(), expected, rtol=1e-7, atol=1e-9)


def test_the_solver_is_differentiable_and_computes_in_float64():
    x, y = noise(5, 4).requires_grad_(), noise(5, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: solve(InfiniteNetwork()(a, a), b, 1e-3), (x, y))
    assert solve(torch.eye(2), torch.ones(2, 3)).dtype == torch.float64


def test_a_kernel_beyond_float32_is_still_solved():
    x = noise(2, 10).repeat_interleave(10, 0) + 1e-5 * noise(20, 10, seed=1)  # two tight clusters
    ridged = InfiniteNetwork("NNGP")(x, x) + 1e-9 * torch.eye(20)
    assert torch.linalg.cholesky_ex(ridged.float()).info > 0
    torch.testing.assert_close(ridged @ solve(ridged, noise(20, 2), 0), noise(20, 2), rtol=1e-5, atol=1e-5)


def repeated():
    x = noise(6, 4)
    x[3] = x[1]
    return InfiniteNetwork()(x, x)


@pytest.mark.parametrize(("k", "targets", "ridge", "says"), [
    (repeated(), torch.ones(6, 2), 0.0, "image that is there twice"),
    (noise(5, 2) @ noise(5, 2).T, torch.ones(5, 2), 0.0, "not positive definite with ridge 0: raise the ridge"),
    (-torch.eye(3), torch.ones(3, 2), 1e-6, "not positive definite"),
    (torch.eye(3), torch.ones(4, 2), 1e-6, r"labels must be \[3, classes\]"),
    (torch.eye(3), torch.ones(3), 1e-6, r"labels must be \[3, classes\]"),
    (torch.ones(3, 2), torch.ones(3, 2), 1e-6, "square"),
    (torch.eye(3), torch.ones(3, 2), -1.0, "ridge must not be negative"),
    (torch.full((3, 3), math.nan), torch.ones(3, 2), 1e-6, "NaN or infinite"),
])
def test_what_cannot_be_solved_is_refused_in_one_sentence(k, targets, ridge, says):
    with pytest.raises(InputError, match=says) as refused:
        solve(k, targets, ridge)
    assert "\n" not in str(refused.value) and ". " not in str(refused.value)


def test_identical_images_can_be_solved_with_a_ridge_and_share_their_weight():
    weights = solve(repeated(), torch.ones(6, 2), 1e-6)
    torch.testing.assert_close(weights[1], weights[3])


@pytest.mark.parametrize("chunk", [1, 7, 19, 1000])
def test_predictions_in_chunks_equal_the_whole_and_never_hold_more_rows(chunk):
    images, support, weights = noise(19, 1, 4, 4), noise(5, 1, 4, 4, seed=1), noise(5, 3, seed=2)
    rows = []

    def watched(x, z):
        rows.append(len(x))
        return InfiniteNetwork()(x, z)

    whole = InfiniteNetwork()(images, support) @ weights
    torch.testing.assert_close(predict(watched, images, support, weights, chunk), whole, rtol=1e-12, atol=1e-12)
    assert max(rows) <= chunk and sum(rows) == 19


def test_the_feature_kernel_is_the_mean_product_of_embeddings(digits):
    networks = [build("ConvNetD3", 1, 10, 28, width=8, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    x, z = digits.train.images[:6], digits.train.images[6:10]
    expected = sum(n.features(x)[-1].double() @ n.features(z)[-1].double().T for n in networks) / (3 * 8 * 16)
    kernel = FeatureKernel(networks)
    torch.testing.assert_close(kernel(x, z), expected.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(kernel.features(x), kernel.detached_features(x), rtol=1e-4, atol=1e-5)
    assert kernel.features(x).requires_grad and not kernel.detached_features(x).requires_grad


def test_targets_have_mean_zero_unless_they_were_learned():
    images = torch.zeros(2, 1, 2, 2)
    hard = regression_targets(Split(images, torch.tensor([0, 2])), 4)
    assert hard.tolist() == [[0.75, -0.25, -0.25, -0.25], [-0.25, -0.25, 0.75, -0.25]]
    soft = regression_targets(Split(images, torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0, 1]])), 4)
    assert soft.tolist() == [[0.25, 0.25, -0.25, -0.25], [-0.25, -0.25, -0.25, 0.75]]
    learned = torch.tensor([[3.0, -1.0], [0.5, 0.0]])
    assert regression_targets(Split(images, learned, squared=True), 2).equal(learned.double())


def test_inputs_of_other_sizes_have_no_kernel():
    with pytest.raises(InputError, match="common kernel"):
        relu_kernels(torch.ones(2, 3), torch.ones(2, 4), 1)
    for wrong in ({"kind": "RBF"}, {"depth": -1}, {"w_std": 0.0}):
        with pytest.raises(InputError):
            kernels.InfiniteNetwork(**wrong)
