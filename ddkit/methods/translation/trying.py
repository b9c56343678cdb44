"""What a translator is worth before it is adapted: held-out sets in networks that nobody has seen, with and without it.

A translator may do no more than change the tone of all images. So it is tried beside the best contrast and blur, two
numbers that are fitted on the sets that it learned from: what it does beyond that is its own merit.
"""

import statistics
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from ddkit.data import Dataset
from ddkit.foundation.randomness import stream
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.pretraining import Subset
from ddkit.methods.translation.regression import features, squared_error, weights_of
from ddkit.networks.translator import Translator

ONE, TRANSLATED, TONED = "one network", "translated", "contrast and blur"  # the arms of a trial
FITTED = 10  # of the subsets, that a tone is fitted on


class Tone(NamedTuple):
    """All images with so much of their contrast, and with ``blur`` of them blurred by a pixel; less than 0 sharpens."""

    contrast: float = 1.0
    blur: float = 0.0

    def __call__(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W], of that tone."""
        channels = images.shape[1]
        bell = torch.exp(-torch.arange(-3.0, 4.0).square() / 2)
        kernel = (bell[:, None] * bell / bell.sum() ** 2).to(images).expand(channels, 1, 7, 7)
        blurred = conv2d(pad(images, (3,) * 4, mode="replicate"), kernel, groups=channels)
        return self.contrast * (images + self.blur * (blurred - images))


TONES = tuple(Tone(contrast, blur) for contrast in (1.0, 0.7, 1.4) for blur in (0.0, -1.0, -0.5, 0.25, 0.5, 1.0))


@torch.no_grad()
def _losses(arms: list[Callable[[Tensor], Tensor]], subset: Subset, plan: TranslatorPlan, dataset: Dataset,
            random: torch.Generator, networks: int) -> list[float]:
    """Mean loss of a subset in ``networks`` fresh networks, its images changed by each arm."""
    real, wanted = subset.judges.of(dataset.train)
    changed, totals = [arm(subset.images) for arm in arms], [0.0] * len(arms)
    for _ in range(networks):
        judge = plan.fresh_network(dataset, random)
        rows = features(judge, real)
        for i, images in enumerate(changed):
            totals[i] += float(squared_error(rows, weights_of(judge, images, subset.targets), wanted))
    return [total / networks for total in totals]


def fit_tone(subsets: list[Subset], plan: TranslatorPlan, dataset: Dataset, seed: int, networks: int = 2) -> Tone:
    """That of ``TONES`` with the least mean loss on the first subsets, to four digits: a network with instance norm
    does not see contrast, which then stays as it is."""
    random = stream(seed, "tone")
    found = [_losses(TONES, subset, plan, dataset, random, networks) for subset in subsets[:FITTED]]
    means = [round(statistics.fmean(losses), 4) for losses in zip(*found, strict=True)]
    return TONES[means.index(min(means))]


def trial(translator: Translator, tone: Tone, subset: Subset, plan: TranslatorPlan, dataset: Dataset, seed: int,
          number: int, networks: int = 4) -> dict[str, float]:
    """Mean loss of a held-out subset in ``networks`` networks that nobody has seen, by arm."""
    arms = {ONE: lambda images: images, TRANSLATED: translator, TONED: tone}
    random = stream(seed, f"trial {number}")
    return dict(zip(arms, _losses(list(arms.values()), subset, plan, dataset, random, networks), strict=True))


def gain(trials: list[dict[str, float]], over: str = ONE, of: str = TRANSLATED) -> tuple[float, float]:
    """By how much the loss of one arm lies below another's, and the standard error, paired over at least two trials."""
    gains = [trial[over] - trial[of] for trial in trials]
    return statistics.fmean(gains), statistics.stdev(gains) / len(gains) ** 0.5


def told(result: dict) -> str:
    """The trials in a record of pre-training, in a sentence."""
    trials = result["trials"]
    if not trials:
        return "it was tried on no held-out classes"
    losses = ", ".join(f"{name} {statistics.fmean(trial[name] for trial in trials):.4f}" for name in trials[0])
    text = f"mean loss of {len(trials)} sets of held-out classes in fresh networks: {losses}"
    if len(trials) > 1:
        text += "; gain" + " and".join(" over {} {:.4f} +- {:.4f}".format(arm, *gain(trials, arm))
                                       for arm in (ONE, TONED)) + " (standard error)"
    return text
