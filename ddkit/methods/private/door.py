"""What private methods share: the knobs of their noise, the one door to the real images, and what went through it.

A set is private by how it is made: it begins from noise, all that is ever seen of real images comes through the door as
a sum of bounded terms with noise, and what is computed from that is as private. The set's origin says how many sums
were released and what they cost.

A run that was broken off goes on with the batches and the noise that it would have had: updates that were lost are made
again as the same bits, so that nobody sees anything new by them, and count once. (Where the same bits are not certain,
as on a GPU, what somebody watched of lost updates would be seen a second time under the same noise: begin such a run
anew.)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.methods.matching.classes import PoissonBatches
from ddkit.methods.method import Method
from ddkit.methods.private.accountant import rdp_epsilon, rdp_sigma
from ddkit.methods.private.mechanism import noisy
from ddkit.synthetic import SyntheticSet

SAID = (
    "epsilon holds for one image more or less in the training part, whose size is taken to be known; it is of this run "
    "alone, and what other runs, trials of rates among them, tell of the same data adds to it",
    "mean and std, by which images are normalised, are published constants of the data set: where they were computed "
    "from private images that is not accounted for",
    "that every class has as many images as are asked for is looked up, and a refusal would tell of it; no other count "
    "of a class is",
    "with noise 'seed' the run can be made again, and whoever knows its seed can take the noise away: set noise to "
    "secret for images that are really private; its generator is a fast one, not a cryptographic one",
    "the run's record names a fingerprint of all images, and an unfinished run keeps the state of its noise: give "
    "away the set alone",
)


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of the noise."""

    epsilon: Annotated[float | None, Gt(0), Knob("privacy of all that is released (null: what comes of sigma)")] = 10.0
    delta: Annotated[float, Gt(0), Lt(1), Knob("share of outcomes for which that does not hold")] = 1e-5
    sigma: Annotated[float | None, Ge(0), Knob("noise in units of the largest norm (null: what epsilon asks for)")
                     ] = None
    noise: Annotated[Literal["seed", "secret"], Knob("whether noise and batches follow from the run's seed, or from "
                                                     "a number that nobody is told")] = "seed"

    inits = ("noise",)

    def check(self) -> None:
        require((self.epsilon is None) != (self.sigma is None), "the noise follows from epsilon or is sigma: set one "
                "of the two to a number and the other to null")


class PrivateMethod(Method):
    """Base of private methods: ``enter`` first, then ``release`` whatever is to be known of the real images."""

    private = True

    def enter(self, dataset: Dataset, synthetic: SyntheticSet, rng: Callable, expected: int, releases: int,
              norm: float) -> None:
        """Open the door to ``dataset``, with the noise that so many ``releases`` of terms up to a ``norm`` ask for.

        Args:
            rng: as for ``Method.start``.
            expected: images in a release on average; all of them are in every one, if there are no more.

        Raises:
            InputError: the set begins from real images, or its form does; or no noise keeps so many releases within
                epsilon.
        """
        config = self.config
        require(synthetic.origin.get("init") == "noise", "a private set begins from noise, as any other start gives "
                "away the images that it begins from: set init to noise")
        require(not synthetic.form.reads_data, "this form takes from real images what noise is decoded with, which a "
                "private set would give away: choose pixels or another form")
        self.dataset, self.synthetic, self.norm, self.releases = dataset, synthetic, norm, releases
        self.streams = {name: randomness.secret() if config.noise == "secret" else rng(name)
                        for name in ("sampling", "noise")}
        self.real = PoissonBatches(dataset, expected, self.streams["sampling"])
        self._expected = expected
        self.sigma = config.sigma if config.epsilon is None else self.sigma_for(config.epsilon)
        synthetic.origin.pop("fingerprint", None)  # a hash of all real images, by which any one could be found out
        self._spend(0)

    def sigma_for(self, epsilon: float) -> float:
        """The noise with which all releases together stay within epsilon."""
        return rdp_sigma(epsilon, self.real.rate, self.releases, self.config.delta)

    def epsilon_of(self, releases: int) -> float:
        """What so many releases have cost; infinite without noise."""
        return rdp_epsilon(self.real.rate, self.sigma, releases, self.config.delta)

    def release(self, total_of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """A noisy mean: all that is ever seen of real images.

        Args:
            total_of: makes a sum, of any shape, of images and labels of a Poisson batch, of which each has a share of
                norm ``norm`` at most.

        Raises:
            InputError: all releases that epsilon allows are made.
        """
        allowed = self.config.epsilon
        require(allowed is None or self.spent < self.releases, f"epsilon {allowed} is spent by {self.releases:,} "
                "updates: ask for more of them from the beginning")
        self._spend(self.spent + 1)
        return noisy(total_of(*self.real.draw()), self.norm, self.sigma, self._expected, self.streams["noise"])

    def _spend(self, releases: int) -> None:
        """So many releases have been made; what they cost stands in the set's origin."""
        self.spent = releases
        epsilon = self.epsilon_of(releases)
        self.synthetic.origin["privacy"] = {
            "epsilon": epsilon if math.isfinite(epsilon) else None, "delta": self.config.delta, "sigma": self.sigma,
            "q": self.real.rate, "steps": releases, "clip": self.norm, "noise": self.config.noise}

    def told(self, **losses: float) -> dict[str, float]:
        """An update's losses, beside what was spent."""
        epsilon = self.synthetic.origin["privacy"]["epsilon"]
        return losses | ({} if epsilon is None else {"epsilon": epsilon})

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set and the data; how much was spent, too."""
        return {"spent": self.spent, "sigma": self.sigma, "optimiser": self.optimiser.state_dict(),
                "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.sigma = state["sigma"]
        self._spend(state["spent"])
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])
