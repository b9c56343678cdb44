"""The runs and tables of backdoors."""

from dataclasses import replace
from statistics import fmean

from tabulate import tabulate

from ddkit.applications.backdoor.spec import MEASURES, Backdoor, measured
from ddkit.course import kernels
from ddkit.course.profiles import Profile
from ddkit.runs import Record
from ddkit.specs import Source
from ddkit.training.scores import in_percent

NOTES = (
    "Called the target: of the test images of other classes, those that networks name so; without the square it is an "
    "ordinary mistake. ± is half the 95 % interval of the mean over networks (Student's t) that were trained on one "
    "set, so that it says nothing of other sets; random real images are drawn anew for each.",
    "Brightness: of the square's place, 1 is white. Rank: of the true class and place among all, by how much brighter "
    "the set is there than clean real images; 1 is found at first sight.",
)
SHARES = (0.0, 0.01, 0.05, 0.2)
_UPDATES = {"quick": (10, 40), "laptop": (100, 400), "full": (1000, None)}  # of DataDAM and of KIP
_EPOCHS = {"quick": 100, "laptop": 500, "full": None}


def sources(profile: Profile) -> dict[str, Source]:
    """What lesson 16 makes of poisoned data. Sets are made anew for every share, so that DataDAM takes fewer real
    images in an update than the course's, and both fewer updates."""
    own, updates = profile.name != "full", _UPDATES[profile.name]
    lighter = {"real_batch": 64, "network_steps": 2} if own else {}
    return {"random real": profile.random(), "DataDAM": profile.distill("real", lighter, updates=updates[0]),
            "KIP": replace(kernels.kip(profile, profile.ipc), updates=updates[1])}


def asked(profile: Profile) -> dict[str, dict[float, Backdoor]]:
    """The backdoors of lesson 16, by what is made of the poisoned data and the share that is; networks are of the
    smallest kind, but in the full profile."""
    network, width = (profile.network, profile.width) if profile.name == "full" else ("MLP", 128)
    common = Backdoor(profile.random(), network=network, width=width, seeds=profile.seeds,
                      epochs=_EPOCHS[profile.name])
    shares = SHARES if profile.name != "quick" else (0.0, 0.2)
    return {name: {share: replace(common, of=source, share=share) for share in shares}
            for name, source in sources(profile).items()}


def table(records: dict[str, dict[float, Record]], style: str = "simple") -> str:
    """A row for each source and share: accuracy, what is called the target, and what can be seen."""
    rows = [(name, f"{100 * share:g}", f"{100 * record.result['of_target']:.0f}", in_percent(record.scores),
             *(in_percent(measured(record, measure)) for measure in MEASURES), *_seen(record))
            for name, of in records.items() for share, record in of.items()]
    heads = ("made of poisoned data", "poisoned (%)", "of the target's (%)", "test accuracy (%)",
             *(f"called the target, {words} (%)" for words in MEASURES.values()),
             "brightness, target's", "others'", "clean real", "rank")
    text = tabulate(rows, heads, style, disable_numparse=True)
    first = next(iter(next(iter(records.values())).values()))
    counts = f"n = {len(first.result['runs'])} networks in each row"
    return "\n\n".join([text, counts, *NOTES, *(f"({note})" for note in first.notes)])


def _seen(record: Record) -> list[str]:
    """Means over networks, which saw one set, or images drawn anew."""
    found = [run["seen"] for run in record.result["runs"]]
    bright = [f"{fmean(one[name] for one in found):.2f}" for name in ("target", "others", "real")]
    return [*bright, f"{fmean(one['rank'] for one in found):,.0f}"]
