"""The runs and tables of texts whose words stand in order, before a network that reads them."""

from tabulate import tabulate

from ddkit.applications.texts import report
from ddkit.applications.texts.reread import Reread
from ddkit.applications.texts.spec import TfIdf
from ddkit.course.profiles import Profile
from ddkit.data.sources.texts.bbc_news_words import LENGTH
from ddkit.runs import Record
from ddkit.specs import Coreset, Distill, Evaluate, Full, RandomReal, Source

DATA, NETWORK, WIDTH, UPDATES = "bbc_news_words", "TextCNN", 32, 300
ALL, RANDOM, HERDING, DM, RFAD = report.ALL, report.RANDOM, "herding", "DM", "RFAD"
MEANS, COUNTED = "KIP on means, before the NTK", report.COUNTED
TITLE = "Words in order, before TextCNN"
NOTES = (
    f"But for the rows that say so, a text is its first {LENGTH} words in order, 50 numbers each, and a TextCNN of "
    f"width {WIDTH} is trained for {UPDATES} updates, whatever it is trained on. ± is the standard deviation over "
    "networks and, of DM and RFAD, over five sets (each by the mean of two networks of its own, of ten texts by "
    "one); of random texts over draws. DM and RFAD begin at random real texts and make 200 updates; their rates were "
    "chosen on validation texts, by one set each. A mean is of all words of an article.",
)


def distilled(method: str, ipc: int, seed: int, updates: int = 200) -> Distill:
    """``DM`` or ``RFAD`` on words in order."""
    name, preset, options = {
        DM: ("distribution", "dm", {"real_batch": 64, "image_lr": 0.3 if ipc == 1 else 3.0}),
        RFAD: ("rfad", "course", {"real_batch": 200, "networks": 2, "image_lr": 0.1, "learn_labels": False})}[method]
    return Distill(DATA, name, ipc=ipc, preset=preset, updates=updates, seed=seed,
                   options=options | {"network": NETWORK, "width": WIDTH})


def in_words(method: str) -> str:
    """The row of a method's sets, each of whose rows is replaced by its nearest word."""
    return f"{method}, as its nearest words"


def judged(ipc: int, seeds: int = 5, updates: int = 200) -> dict[int, dict[str, dict[int, Evaluate | Reread]]]:
    """The runs with so many texts of a class, and those of all texts, as 0 of them."""
    networks = 2 if ipc < 10 else 1
    made = {method: [distilled(method, ipc, seed, updates) for seed in range(seeds)] for method in (DM, RFAD)}
    few = {RANDOM: {0: _before_network(RandomReal(DATA, ipc), 5)}, HERDING: {0: _before_network(Coreset(DATA, ipc), 5)},
           **{method: {seed: _before_network(one, networks, networks * seed) for seed, one in enumerate(of)}
              for method, of in made.items()},
           **{in_words(method): {seed: Reread(one, network=NETWORK, width=WIDTH, seeds=networks, epochs=UPDATES,
                                              first_seed=networks * seed)
                                 for seed, one in enumerate(of)} for method, of in made.items()}}
    return {0: {ALL: {0: _before_network(Full(DATA), 2)}}, ipc: few}


def _before_network(source: Source, seeds: int, first_seed: int = 0) -> Evaluate:
    return Evaluate(source, "standard", NETWORK, WIDTH, seeds, updates=UPDATES, first_seed=first_seed)


def asked(profile: Profile) -> dict[int, dict[str, dict[int, Evaluate | Reread | TfIdf]]]:
    """The runs of lesson 17, as of ``report.asked``, with those of means and of counted words beside."""
    means, found = report.asked(profile), {}
    for ipc in report.PER_CLASS if means else ():
        found |= judged(ipc)
        found[ipc] |= {MEANS: means[ipc][report.DISTILLED], COUNTED: means[ipc][COUNTED]}
        found[0] |= {report.COUNTED_ALL: means[0][report.COUNTED_ALL]}
    return found


def table(records: dict[int, dict[str, dict[int, Record]]], style: str = "simple") -> str:
    """A row for what was trained on, by texts of a class."""
    return report.table(records, style, NOTES)


def reread(part: dict[str, dict[int, Record]]) -> dict[str, dict[int, Record]]:
    """Of these rows those of nearest words, by method."""
    return {method: part[in_words(method)] for method in (DM, RFAD) if in_words(method) in part}


def moved_table(records: dict[str, dict[int, Record]], style: str = "simple") -> str:
    """Words of each method's first set that were moved furthest to another's place, and how many keep their place."""
    rows, said = [], []
    for method, of in records.items():
        first, kept = next(iter(of.values())).result, [100 * record.result["kept"] for record in of.values()]
        rows += [(method, report.CLASSES[label], ", ".join(f"{before} → {now}" for before, now in pairs) or "none")
                 for label, pairs in zip(first["labels"], first["moved"], strict=True)]
        said += [f"{method}: in {len(kept)} sets {min(kept):.0f} to {max(kept):.0f} % of all rows are still nearest to "
                 "the word that they began as."]
    header = ("set", "class", "words that moved furthest, and what is nearest now")
    return "\n\n".join([tabulate(rows, header, style), *said])


def leads(part: dict[str, dict[int, Record]]) -> list[str]:
    """What DM and RFAD are ahead of what they are to be compared with, in a sentence each."""
    others = (RANDOM, HERDING, MEANS)
    return [line for method in (DM, RFAD) if method in part
            for line in report.leads({name: part[name] for name in (method, *others) if name in part}, method)]
