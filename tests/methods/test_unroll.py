"""Backpropagation through training: closed forms, both modes against each other, and both against numbers."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

from ddkit.course.demonstrations.through_training import graph_bytes
from ddkit.data import augment
from ddkit.foundation.errors import InputError
from ddkit.methods.matching.student import Batch, Student
from ddkit.methods.matching.unroll import MODES, Rule, along, unroll, visited
from ddkit.networks import build

STEPS = 5


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def double(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


RATES = {"one rate": number(0.3), "a rate each": number([0.3, 0.1, 0.4, 0.2, 0.5])}
MOMENTA = {"plain": None, "momentum": number(0.7), "a momentum each": number([0.5, 0.9, 0.0, 0.3, 0.8])}


@pytest.fixture
def problem():
    """A student, its start, six images with soft labels, five batches with augmentation, and real images' loss."""
    network = build("ConvNetD2", 1, 3, 8, width=3, generator=seeded()).double()
    student, start = Student(network), parameters_to_vector(network.parameters()).detach()
    generator = seeded(4)
    batches = [Batch(torch.randperm(6, generator=generator)[:4], augment.draw("crop_scale_rotate", 4, generator))
               for _ in range(STEPS)]
    real, classes = double(7, 1, 8, 8, seed=5), torch.arange(7) % 3
    return (student, start, double(6, 1, 8, 8, seed=2), double(6, 3, seed=3), batches,
            lambda weights: F.cross_entropy(student.logits(weights, real), classes))


def tensors(found):
    return [t for t in (found.images, found.labels, found.rate, found.momentum) if t is not None]


def close(one, other, tolerance=1e-10):
    assert one.loss == pytest.approx(other.loss, rel=tolerance)
    for a, b in zip(tensors(one), tensors(other), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()))


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("window", [None, (0, 5), (2, 2), (4, 1)], ids=str)
@pytest.mark.parametrize("within", [False, True])
def test_step_by_step_is_unrolled(problem, rates, momentum, window, within):
    *given, batches, outer = problem
    first, length = window or (0, STEPS)
    losses = {t: lambda weights, t=t: outer(weights) * t + weights.square().sum()
              for t in range(first + 1, first + length)} if within else {}
    one, other = (unroll(*given, batches, Rule(RATES[rates], MOMENTA[momentum]), outer, window=window, within=losses,
                         mode=mode) for mode in MODES)
    close(one, other)
    assert one.rate.shape == RATES[rates].shape and (one.momentum is None) == (momentum == "plain")
    if rates == "a rate each":
        outside = [t for t in range(STEPS) if not first <= t < first + length]
        assert (one.rate[outside] == 0).all() and (one.rate[first : first + length] != 0).all()


@pytest.mark.parametrize("rates", RATES)
def test_no_momentum_is_a_momentum_of_zero(problem, rates):
    *given, batches, outer = problem
    plain, zero = (unroll(*given, batches, Rule(RATES[rates], beta), outer) for beta in (None, number(0.0)))
    for a, b in zip((plain.images, plain.labels, plain.rate), (zero.images, zero.labels, zero.rate), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    # A velocity that no step keeps still says what keeping some of it would do.
    assert float(zero.momentum) != 0


def test_plain_steps_give_the_bits_of_the_formula(problem):
    student, start, images, labels, batches, _ = problem
    start, images, labels, rate = start.float(), images.float(), labels.float(), torch.tensor(0.3)
    student.network.float()
    end = start
    path = [start]
    for batch in batches:
        end = path[-1].clone().requires_grad_()
        path.append(end.detach() - rate * student.gradient(end, images, labels, batch, graph=False))
    end = path[-1].clone().requires_grad_()
    (slope,) = torch.autograd.grad(end.square().sum(), end)
    leaves = [images.clone().requires_grad_(), labels.clone().requires_grad_()]
    sums, of_rate = [torch.zeros_like(leaf) for leaf in leaves], torch.zeros(())
    for weights, batch in zip(path[-2::-1], reversed(batches), strict=True):
        value, (*parts, of_weights) = along(student, weights, leaves, labels, batch, slope)
        for total, part in zip(sums, parts, strict=True):
            total -= rate * part
        of_rate -= value
        slope = slope - rate * of_weights
    found = unroll(student, start, images, labels, batches, Rule(rate), lambda weights: weights.square().sum())
    assert found.images.equal(sums[0]) and found.labels.equal(sums[1]) and found.rate.equal(of_rate)
    assert visited(student, start, images, labels, batches, Rule(rate)).equal(torch.stack(path))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("momentum", MOMENTA)
def test_gradients_are_the_numerical_ones(problem, mode, momentum):
    student, start, images, labels, batches, outer = problem
    momentum, rates = MOMENTA[momentum], RATES["a rate each"]
    found = unroll(student, start, images, labels, batches, Rule(rates, momentum), outer, within={3: outer}, mode=mode)
    values = {"images": images, "labels": labels, "rate": rates, "momentum": momentum}

    def loss(**changed):
        now = values | changed
        path = visited(student, start, now["images"], now["labels"], batches, Rule(now["rate"], now["momentum"]))
        return float(outer(path[-1]) + outer(path[3]))

    def slope(name, place, by=1e-6):
        sides = []
        for sign in (1, -1):
            moved = values[name].clone()
            moved[place] += sign * by
            sides.append(loss(**{name: moved}))
        return (sides[0] - sides[1]) / (2 * by)

    assert found.loss == pytest.approx(loss(), rel=1e-12)
    places = {"images": [(0, 0, 3, 3), (2, 0, 4, 5), (5, 0, 1, 6)], "labels": [(0, 0), (3, 2)], "rate": [0, 2, 4]}
    if momentum is not None:
        places["momentum"] = [()] if momentum.ndim == 0 else [1, 4]
    for name, some in places.items():
        for place in some:
            got = float(getattr(found, name)[place])
            assert got == pytest.approx(slope(name, place), rel=1e-4, abs=1e-9), (name, place)


def test_a_window_of_all_steps_is_no_window_and_a_later_one_starts_where_the_steps_before_it_led(problem):
    student, start, images, labels, batches, outer = problem
    rule, given = Rule(number(0.3)), (student, start, images, labels, batches)
    close(unroll(*given, rule, outer), unroll(*given, rule, outer, window=(0, STEPS)), 0)
    reached = visited(student, start, images, labels, batches[:2], rule)[-1]
    close(unroll(*given, rule, outer, window=(2, 3)), unroll(student, reached, images, labels, batches[2:], rule,
                                                              outer), 0)


def test_the_mean_over_all_windows_is_the_gradient_of_their_mean_loss(problem):
    student, start, images, labels, batches, outer = problem
    rate, length = number(0.3), 2
    places = range(STEPS - length + 1)
    leaf, total = images.clone().requires_grad_(), 0.0
    for first in places:
        weights = visited(student, start, images, labels, batches[:first], Rule(rate))[-1].clone().requires_grad_()
        for batch in batches[first : first + length]:
            weights = weights - rate * student.gradient(weights, leaf, labels, batch)
        total = total + outer(weights) / len(places)
    found = sum(unroll(student, start, images, labels, batches, Rule(rate), outer, window=(first, length)).images
                for first in places) / len(places)
    torch.testing.assert_close(found, torch.autograd.grad(total, leaf)[0], rtol=1e-10, atol=1e-14)


# A linear model and the squared error have closed forms: W1 = W0 - (rate / n) X' (X W0 - Y).
D, CLASSES, N, REAL, RATE = 5, 3, 4, 9, 0.6


def linear():
    """A student of one linear layer, W [D, CLASSES] flat, that minimises half the squared error over n."""
    layer = torch.nn.Linear(D, CLASSES, bias=False).double()
    return Student(layer, lambda logits, labels: (logits - labels).square().sum() / (2 * len(logits)))


def flat(w):
    return w.T.flatten()  # as nn.Linear keeps it


def one_step(x, y, w0, mode):
    real, targets = double(REAL, D, seed=7), double(REAL, CLASSES, seed=8)
    student = linear()

    def outer(weights):
        return (student.logits(weights, real) - targets).square().sum() / (2 * REAL)

    found = unroll(student, flat(w0), x, y, [Batch(torch.arange(len(x)))], Rule(number(RATE)), outer, mode=mode)
    return found, real, targets


@pytest.mark.parametrize("mode", MODES)
def test_one_step_of_least_squares_from_zero_has_its_closed_form(mode):
    x, y = double(N, D, seed=1), double(N, CLASSES, seed=2)
    found, real, targets = one_step(x, y, torch.zeros(D, CLASSES, dtype=torch.float64), mode)
    slope = real.T @ (real @ (RATE / N * x.T @ y) - targets) / REAL
    torch.testing.assert_close(found.images, RATE / N * y @ slope.T, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found.labels, RATE / N * x @ slope, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found.rate, (slope * (x.T @ y)).sum() / N, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("points", [D, D - 1])
def test_as_many_orthonormal_points_as_dimensions_lead_from_anywhere_to_the_solution(points):
    solution, anywhere = double(D, CLASSES, seed=3), double(D, CLASSES, seed=4)
    x = (points / RATE) ** 0.5 * torch.linalg.qr(double(D, D, seed=5))[0][:points]
    end = visited(linear(), flat(anywhere), x, x @ solution, [Batch(torch.arange(points))], Rule(number(RATE)))[-1]
    left = float((end - flat(solution)).norm())
    assert left < 1e-12 if points == D else left > 0.1


def test_labels_and_rate_can_be_exchanged_under_the_cross_entropy_of_labels_as_they_stand(problem):
    student, start, images, labels, batches, _ = problem
    plain = Student(student.network, F.cross_entropy)
    one, other = (visited(plain, start, images, a * labels, batches, Rule(number(0.3 / a))) for a in (1.0, 4.0))
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(*(visited(student, start, images, a * labels, batches, Rule(number(0.3 / a)))[-1]
                                for a in (1.0, 4.0)))


def held(problem, mode, steps, momentum):
    *given, batches, outer = problem
    return graph_bytes(lambda: unroll(*given, batches[:1] * steps, Rule(number(0.1), MOMENTA[momentum]), outer,
                                      within={1: outer}, mode=mode))


@pytest.mark.parametrize("momentum", ["plain", "momentum"])
def test_the_graph_does_not_grow_with_the_steps_when_made_step_by_step(problem, momentum):
    few, many = (held(problem, "stepwise", steps, momentum) for steps in (2, 20))
    assert many < 1.2 * few  # Python lets go of a node now and then one step late
    assert held(problem, "unrolled", 20, momentum) > 5 * held(problem, "unrolled", 2, momentum)


@pytest.mark.parametrize("wrong, words", [
    ({"window": (3, 3)}, "does not lie within 5 steps"), ({"window": (-1, 2)}, "does not lie within"),
    ({"window": (2, 0)}, "does not lie within"), ({"within": {5: None}}, "after step 0 and before step 5"),
    ({"window": (2, 2), "within": {2: None}}, "after step 2 and before step 4"), ({"mode": "at once"}, "unknown mode"),
    ({"rule": Rule(number([0.1, 0.2]))}, "or 5 of each"),
    ({"rule": Rule(number(0.1), number([0.1, 0.2]))}, "or 5 of each")], ids=str)
def test_what_does_not_fit_the_steps_is_refused(problem, wrong, words):
    *given, batches, outer = problem
    with pytest.raises(InputError, match=words):
        unroll(*given, batches, **{"rule": Rule(number(0.1)), "outer": outer, **wrong})
