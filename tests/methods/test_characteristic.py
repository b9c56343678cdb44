"""Characteristic functions: distances against slow complex numbers and closed forms, and psi, which looks for them."""

import math

import pytest
import torch
import torch.nn.functional as F

from ddkit.foundation.randomness import stream
from ddkit.methods.matching import characteristic
from ddkit.methods.matching.characteristic import (
    Adversary,
    characteristic_distance,
    characteristic_rows,
    slope_in_frequencies,
)

CPU = torch.device("cpu")


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distance_of(real, synthetic, frequencies, amplitude=0.5):
    """Of embeddings [classes, n, D], all at once."""
    means = [torch.stack([characteristic_rows(x, frequencies).mean(0) for x in side]) for side in (real, synthetic)]
    return characteristic_distance(*means, amplitude)


class TestDistance:
    def test_at_frequency_zero_it_is_one_and_nothing_is_apart(self):
        rows = characteristic_rows(noise(7, 5), torch.zeros(3, 5, dtype=torch.float64))
        assert torch.equal(rows.mean(0), torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=torch.float64))

    def test_the_distance_equals_slow_complex_numbers(self):
        real, synthetic, frequencies = noise(2, 6, 5), noise(2, 3, 5, seed=1), noise(4, 5, seed=2)
        expected = 0.0
        for r, s in zip(real, synthetic, strict=True):
            for t in frequencies:
                one, other = (sum(complex(math.cos(a), math.sin(a)) for x in side
                                  for a in [float(t @ (x / x.norm()))]) / len(side) for side in (r, s))
                phase = 2 * (abs(one) * abs(other) - (one * other.conjugate()).real)
                expected += math.sqrt(0.3 * (abs(one) - abs(other)) ** 2 + 0.7 * phase) / len(frequencies)
        assert float(distance_of(real, synthetic, frequencies, amplitude=0.3)) == pytest.approx(expected, rel=1e-5)

    def test_of_equal_shares_it_is_the_distance_of_two_complex_numbers(self):
        one, other = noise(3, 8), noise(3, 8, seed=1)
        apart = torch.sqrt(((one - other)[:, :4] ** 2 + (one - other)[:, 4:] ** 2) / 2)
        torch.testing.assert_close(characteristic_distance(one, other), apart.mean(1).sum(), rtol=1e-6, atol=1e-6)

    def test_its_slope_is_the_numerical_one(self):
        one, other = noise(2, 8), noise(2, 8, seed=1).requires_grad_()
        assert torch.autograd.gradcheck(lambda x: characteristic_distance(one, x, 0.4), other)

    def test_another_phase_is_no_other_amplitude(self):
        """A shift of all features multiplies a characteristic function by numbers of size 1."""
        real, phases = noise(3, 8).unflatten(1, (2, 4)), noise(3, 4, seed=1)
        turned = torch.stack([real[:, 0] * phases.cos() - real[:, 1] * phases.sin(),
                              real[:, 0] * phases.sin() + real[:, 1] * phases.cos()], 1)
        of = [characteristic_distance(real.flatten(1), turned.flatten(1), amplitude) for amplitude in (1.0, 0.0)]
        assert float(of[0]) < 1e-5 and float(of[1]) > 0.1

    def test_at_low_frequencies_it_asks_where_the_means_lie_as_dm_does(self):
        real, synthetic, frequencies = noise(2, 6, 5), noise(2, 3, 5, seed=1), 1e-3 * noise(4, 5, seed=2)
        apart = F.normalize(real, dim=2).mean(1) - F.normalize(synthetic, dim=2).mean(1)  # [classes, D]
        expected = (apart @ frequencies.T).abs().mean(1).sum() * math.sqrt(0.7)
        found = distance_of(real, synthetic, frequencies, amplitude=0.3)
        assert float(found) == pytest.approx(float(expected), rel=1e-2)


class TestSlopeInFrequencies:
    @pytest.mark.parametrize("rows", [1, 2, 256])
    def test_it_is_that_of_all_embeddings_at_once(self, rows, monkeypatch):
        monkeypatch.setattr(characteristic, "ROWS", rows)
        real, synthetic, leaf = noise(2, 6, 5), noise(2, 3, 5, seed=1), noise(4, 5, seed=2).requires_grad_()
        (expected,) = torch.autograd.grad(distance_of(real, synthetic, leaf, 0.3), leaf)
        torch.testing.assert_close(slope_in_frequencies(real, synthetic, leaf, 0.3), expected)

    def test_it_is_the_numerical_one(self):
        real, synthetic, frequencies = noise(2, 6, 5), noise(2, 3, 5, seed=1), noise(4, 5, seed=2)
        slope = slope_in_frequencies(real, synthetic, frequencies)
        for place in ((0, 0), (3, 2)):
            nudge = torch.zeros_like(frequencies)
            nudge[place] = 1e-6
            numerical = (distance_of(real, synthetic, frequencies + nudge)
                         - distance_of(real, synthetic, frequencies - nudge)) / 2e-6
            assert float(slope[place]) == pytest.approx(float(numerical), rel=1e-5)


class TestPsi:
    def test_a_step_finds_frequencies_that_tell_more(self):
        """Of the same noise, after one small step: the distance has grown."""
        real, synthetic = noise(2, 6, 5).float(), noise(2, 3, 5, seed=1).float()
        psi = Adversary(8, 5, 1e-4, draws := stream(0, "frequencies"), CPU)
        same_noise, distances = draws.get_state(), []
        for _ in range(2):
            draws.set_state(same_noise)
            frequencies = psi.draw()
            distances.append(float(distance_of(real, synthetic, frequencies)))
            psi.climb(slope_in_frequencies(real, synthetic, frequencies))
        assert distances[1] > distances[0]

    def test_its_numbers_are_the_streams_alone_and_within_one(self):
        before = torch.get_rng_state()
        one, other = (Adversary(8, 5, 1e-3, stream(0, "frequencies"), CPU).draw() for _ in range(2))
        assert torch.equal(one, other) and float(one.abs().max()) < 1
        assert torch.equal(torch.get_rng_state(), before)
        assert not torch.equal(Adversary(8, 5, 1e-3, stream(1, "frequencies"), CPU).draw(), one)
