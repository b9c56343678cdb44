"""The runs that a ranking is made of, and the ranking as a table and as plain data."""

from dataclasses import dataclass

from tabulate import tabulate

from ddkit.applications.rankings.spec import RATES, Tuned
from ddkit.foundation.errors import one_of, require
from ddkit.runs import Record
from ddkit.specs import Full, RandomReal
from ddkit.specs.sources import MadeSet
from ddkit.training.fitting import PROTOCOLS
from ddkit.training.rankings import ARMS, Ranking

TRICKS = tuple(name.removeprefix("dcbench_") for name in PROTOCOLS if name.startswith("dcbench_") and PROTOCOLS[
    name].augmented)
_WORDS = {"hlr": "HLR, hard label recovery (less is better)", "ior": "IOR, improvement over random (more is better)",
          "lrs": "LRS, label-robust score", "ars": "ARS, augmentation-robust score"}
NOTES = (
    "HLR and IOR are differences of accuracies as shares; ± is the standard error over networks.",
    "LRS and ARS are .2689 for a set that is as good as what it is compared with; where all accuracies are high, as on "
    "MNIST, all sets lie close to it, so that HLR and IOR say more.",
    "The learning rate of every row but the full data, which has the assignment's, is chosen on validation data, from "
    "the same rates for the set and for random images; accuracies are those after the last epoch. The package "
    "ddranking 0.2.0 chooses rate and epoch on test data, takes rows of labels for logits, and puts percentages into "
    "the exponent, which is what its column shows of the same accuracies.",
    "Random images have their classes as labels.",
)


@dataclass(frozen=True)
class Training:
    """How the networks of a ranking are trained.

    Attributes:
        augmentation: that counts as the set's tricks: one of ``TRICKS``.
        network, width, seeds, epochs, rates, trials: as in ``Tuned``.
        full_epochs: on the full data, instead of the assignment's.
    """

    augmentation: str = "dsa"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None
    rates: tuple[float, ...] = RATES
    trials: int = 1
    full_epochs: int | None = None


def arms(source: MadeSet, at_random: RandomReal, soft: bool, how: Training) -> dict[str, Tuned]:
    """What is trained for a ranking, by the names of ``ARMS``.

    Args:
        source: the set.
        at_random: as many random real images.
        soft: whether the set's own labels are others than classes.
    """
    tricks = f"dcbench_{one_of(how.augmentation, TRICKS, 'augmentation')}"

    def tuned(source, protocol: str, hard: bool = False) -> Tuned:
        return Tuned(source, protocol, how.network, how.width, how.seeds, how.epochs, how.rates, how.trials, hard)

    full = Tuned(Full(source.dataset, source.size), "assignment", how.network, how.width, how.seeds, how.full_epochs,
                 rates=(PROTOCOLS["assignment"].lr,))
    found = {"full": full, "hard": tuned(source, "dcbench_none", hard=True), "chosen": tuned(source, tricks),
             "at_random": tuned(at_random, tricks), "plain": tuned(source, "dcbench_none"),
             "at_random_plain": tuned(at_random, "dcbench_none")}
    return {name: spec for name, spec in found.items() if soft or name != "hard"}


def random_beside(source: MadeSet, images: int, classes: int) -> RandomReal:
    """As many random real images as the set has.

    Raises:
        InputError: it has not as many of every class.
    """
    require(images % classes == 0, f"a ranking compares with as many random images of each class, and {images} images "
                                   f"of {classes} classes cannot be that: rank a set with as many of each")
    return RandomReal(source.dataset, images // classes, source.size)


def ranking(records: dict[str, Record], weight: float = 0.5) -> Ranking:
    """The ranking that the records of ``arms`` make."""
    return Ranking({name: record.scores for name, record in records.items()}, weight)


def as_dict(records: dict[str, Record], weight: float = 0.5) -> dict:
    """The four numbers with their errors, what they are made of, and what the published package makes of it."""
    found = ranking(records, weight)
    four = {name: {"value": getattr(found, name).value, "error": getattr(found, name).error} for name in _WORDS}
    made_of = {name: record.scores.summary() | {"rate": record.result["rate"], "run": record.name}
               for name, record in records.items()}
    return four | {"weight": weight, "ddranking_0.2.0": found.in_percentages, "made_of": made_of}


def table(records: dict[str, Record], weight: float = 0.5, style: str = "simple") -> str:
    """The four numbers, then what they are made of."""
    found = ranking(records, weight)
    theirs = {name: f"{value:.4g}" for name, value in found.in_percentages.items()}
    four = tabulate([(words, str(getattr(found, name)), theirs.get(name, "")) for name, words in _WORDS.items()],
                    ("", "here", "by ddranking 0.2.0's formula"), style, disable_numparse=True)
    rows = [(ARMS[name], record.result["training_images"], f"{record.result['rate']:g}", record.result["epochs"],
             str(record.scores)) for name, record in records.items()]
    made_of = tabulate(rows, ("trained on", "images", "rate", "epochs", "test accuracy"), style, disable_numparse=True,
                       colalign=("left", *("right",) * 3, "left"))
    first = next(iter(records.values()))
    return "\n\n".join([four, made_of, *NOTES, *(f"({note})" for note in first.notes)])
