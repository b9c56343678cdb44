"""Planes in the space of weights: what lies in one keeps its distances, the rest is counted as lost."""

import pytest
import torch

from ddkit.foundation.errors import InputError
from ddkit.training import planes
from ddkit.training.planes import Plane


def flat(n: int, seed: int = 0, weights: int = 50) -> torch.Tensor:
    """Points [n, weights] that all lie in one plane."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(2, weights, generator=generator)
    return torch.randn(weights, generator=generator) + torch.randn(n, 2, generator=generator) @ directions


def right_angled(plane: Plane) -> None:
    torch.testing.assert_close(plane.axes @ plane.axes.T, torch.eye(2), atol=1e-5, rtol=0)


def test_points_of_a_plane_keep_their_distances():
    points = flat(6)
    plane = Plane.of(points)
    right_angled(plane)
    torch.testing.assert_close(torch.cdist(plane.seen(points), plane.seen(points)), torch.cdist(points, points),
                               atol=1e-4, rtol=1e-4)
    assert plane.share(points) == pytest.approx(1, abs=1e-5)


def test_it_holds_the_most_variance_that_a_plane_can():
    points = torch.randn(9, 40, generator=torch.Generator().manual_seed(1))
    squares = torch.linalg.svdvals(points - points.mean(0)).square()
    assert Plane.of(points).share(points) == pytest.approx(float(squares[:2].sum() / squares.sum()), rel=1e-4)
    seen = Plane.of(points).seen(points)
    assert float(seen[:, 0].var()) > float(seen[:, 1].var())


def test_many_weights_are_taken_in_parts(monkeypatch):
    points = torch.randn(6, 41, generator=torch.Generator().manual_seed(5))
    whole = Plane.of(points)
    monkeypatch.setattr(planes, "_AT_ONCE", 10)
    torch.testing.assert_close(Plane.of(points).axes, whole.axes)


def test_which_way_its_directions_point_does_not_hang_on_the_order_of_points():
    points = torch.randn(7, 30, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(Plane.of(points.flip(0)).axes, Plane.of(points).axes, atol=1e-4, rtol=1e-4)


def test_three_points_keep_their_distances_and_the_second_is_straight_ahead():
    start, target, third = torch.randn(3, 60, generator=torch.Generator().manual_seed(3))
    plane = Plane.through(start, target, third)
    right_angled(plane)
    seen = plane.seen(torch.stack([start, target, third]))
    torch.testing.assert_close(torch.cdist(seen, seen), torch.cdist(*[torch.stack([start, target, third])] * 2),
                               atol=1e-4, rtol=1e-4)
    assert seen[0].norm() < 1e-5 and abs(float(seen[1, 1])) < 1e-4 and float(seen[1, 0]) > 0 < float(seen[2, 1])


@pytest.mark.parametrize("third", [0.0, 1.0, 0.5, -2.0])
def test_three_points_on_a_line_have_a_plane_as_well(third):
    start, way = torch.randn(2, 30, generator=torch.Generator().manual_seed(4))
    plane = Plane.through(start, start + way, start + third * way)
    right_angled(plane)
    x, y = plane.seen((start + third * way)[None])[0].tolist()
    assert x == pytest.approx(third * float(way.norm()), abs=1e-4) and y == pytest.approx(0, abs=1e-4)


def test_too_few_points_are_refused():
    with pytest.raises(InputError, match="at least 3 points"):
        Plane.of(flat(2))
    with pytest.raises(InputError, match="the same point"):
        Plane.through(torch.ones(4), torch.ones(4), torch.zeros(4))


def test_points_that_are_all_the_same_are_wholly_in_any_plane():
    plane = Plane.of(torch.ones(4, 10))
    assert plane.share(torch.ones(4, 10)) == 1 and bool(plane.seen(torch.ones(4, 10)).isfinite().all())
