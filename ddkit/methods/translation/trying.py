"""What a translator is worth before it is adapted: held-out sets in networks that nobody has seen, with and without."""

import statistics

import torch

from ddkit.data import Dataset
from ddkit.foundation.randomness import stream
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.pretraining import Subset
from ddkit.methods.translation.regression import batch_loss
from ddkit.networks.translator import Translator


def trial(translator: Translator, subset: Subset, plan: TranslatorPlan, dataset: Dataset, seed: int, number: int,
          networks: int = 4) -> dict[str, float]:
    """Mean loss of a held-out subset in ``networks`` networks that nobody has seen, as it is and translated."""
    random, (images, targets) = stream(seed, f"trial {number}"), subset.judges.of(dataset.train)
    judges = [plan.fresh_network(dataset, random) for _ in range(networks)]
    with torch.no_grad():
        translated = translator(subset.images)
        losses = {name: sum(float(batch_loss(judge, given, subset.targets, images, targets)) for judge in judges)
                  for name, given in (("one network", subset.images), ("translated", translated))}
    return {name: total / networks for name, total in losses.items()}


def gain(trials: list[dict[str, float]], of: str = "translated", over: str = "one network") -> tuple[float, float]:
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
    return text + ("; gain {:.4f} +- {:.4f} (standard error)".format(*gain(trials)) if len(trials) > 1 else "")
