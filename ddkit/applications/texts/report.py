"""The runs and tables of texts: a few distilled vectors beside as many random texts, all texts, and counted words."""

from tabulate import tabulate

from ddkit.applications.base import pooled
from ddkit.applications.texts.spec import JUDGE, KERNEL, Spelt, TfIdf
from ddkit.course.profiles import Profile
from ddkit.data.sources.texts.bbc_news import CLASSES
from ddkit.runs import Record
from ddkit.specs import Coreset, Distill, Evaluate, Full, RandomReal
from ddkit.training.leads import Lead

ALL, DISTILLED, RANDOM, COUNTED = "all texts", "KIP", "random texts", "random texts, TF-IDF"
COUNTED_ALL = "all texts, TF-IDF"
PER_CLASS = (1, 10)
NOTES = (
    "But for TF-IDF a text is the mean of its words' vectors, 50 numbers, and the NTK answers, its ridge chosen on "
    "validation texts, as the regression's on counted words is. ± is the standard deviation over sets or draws.",
)


def kip(ipc: int, seed: int) -> Distill:
    """KIP on means of word vectors."""
    return Distill("bbc_news", "kip", ipc=ipc, updates=300, seed=seed, options={"real_batch": 1000})


def asked(profile: Profile) -> dict[int, dict[str, dict[int, Evaluate | TfIdf]]]:
    """The evaluations of lesson 17, by texts of a class (0: all), what is judged, and seed; none are quick."""
    if profile.name == "quick":
        return {}
    one, ten = (judged(ipc) for ipc in PER_CLASS)
    return one | ten


def judged(ipc: int, seeds: int = 5) -> dict[int, dict[str, dict[int, Evaluate | TfIdf]]]:
    """The evaluations with so many texts of a class, and those of all texts, as 0 of them."""
    few = {RANDOM: {0: Evaluate(RandomReal("bbc_news", ipc), JUDGE, KERNEL)},
           COUNTED: {0: TfIdf(ipc=ipc)},
           "herding": {0: Evaluate(Coreset("bbc_news", ipc), JUDGE, KERNEL)},
           DISTILLED: {seed: Evaluate(kip(ipc, seed), JUDGE, KERNEL) for seed in range(seeds)}}
    return {0: {ALL: {0: Evaluate(Full("bbc_news"), JUDGE, KERNEL)}, COUNTED_ALL: {0: TfIdf()}}, ipc: few}


def in_words(profile: Profile) -> dict[str, Spelt]:
    """What the first set of one text per class says, beside a herded one."""
    return {} if profile.name == "quick" else {"KIP": Spelt(kip(1, 0)), "herding": Spelt(Coreset("bbc_news", 1))}


def table(records: dict[int, dict[str, dict[int, Record]]], style: str = "simple",
          notes: tuple[str, ...] = NOTES) -> str:
    """A row for what was judged, by texts of a class."""
    rows = [(f"{ipc or 'all'}", name, str(pooled(of))) for ipc, part in records.items() for name, of in part.items()]
    text = tabulate(rows, ("texts of a class", "trained on", "test accuracy"), style, disable_numparse=True)
    said = pooled(next(iter(next(iter(records.values())).values()))).notes
    return "\n\n".join([text, *notes, *(f"({note})" for note in said)])


def words_table(records: dict[str, Record], style: str = "simple") -> str:
    """The nearest words of each row, and what the texts that are spelt of them are worth."""
    told = {name: zip(*(record.result[of] for of in ("labels", "nearest", "spelt")), strict=True)
            for name, record in records.items()}
    rows = [(name, CLASSES[label], ", ".join(nearest), " ".join(spelt))
            for name, of in told.items() for label, nearest, spelt in of]
    text = tabulate(rows, ("set", "class", "words near what sets it apart", "a text with nearly that mean"), style,
                    disable_numparse=True)
    worth = [f"{name}: {100 * record.result['vectors']:.1f} % by its vectors, {100 * record.result['texts']:.1f} % by "
             f"texts of {record.asked.words} words" for name, record in records.items()]
    return "\n\n".join([text, *worth])


def leads(part: dict[str, dict[int, Record]], distilled: str = DISTILLED) -> list[str]:
    """What distilled texts are ahead of the others with as many texts, in a sentence each."""
    found = {name: Lead.points(pooled(part[distilled]), pooled(of)) for name, of in part.items() if name != distilled}
    return [f"{distilled} against {name}: {lead.gap:+.1f} points. {lead.verdict}" for name, lead in found.items()
            if lead.error is not None]
