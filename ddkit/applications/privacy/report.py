"""The tables of membership inference: how accurate, and how exposed, for every source side by side."""

import statistics
from collections.abc import Callable
from dataclasses import replace

from tabulate import tabulate

from ddkit.applications.base import trained_unlike
from ddkit.applications.privacy.membership import ACCUSED, Share, share
from ddkit.applications.privacy.spec import ATTACKS, Membership
from ddkit.course.profiles import Profile
from ddkit.methods.private.dp_sgd import PrivateTraining
from ddkit.runs import Record
from ddkit.specs import Distill, Full, RandomReal
from ddkit.training import PROTOCOLS
from ddkit.training.leads import Lead

NOTES = (
    "AUC: the probability that an attack scores a member above another image; .5 is guessing. ± is the standard "
    "deviation over models, each made from other members, and its twin from all the others: where one's members are "
    "easy the other's are hard, so that the mean over both is known more exactly.",
    "nearest: the share of the synthetic images whose nearest real image is a member, with its 95 % interval; .5 if "
    "nothing is memorised. Images of noise share a few nearest ones, so that their intervals are too narrow.",
    "shadows: the models by which LiRA knows an image, all but the attacked one and its twin; half have seen it.",
    "An attack that fails proves nothing: others may succeed. Only a noise whose epsilon is accounted for bounds them "
    "all.",
)


FULL, RANDOM, FROM_REAL, FROM_NOISE = "all members", "random real", "KIP from real", "KIP from noise"
DATADAM = "DataDAM from real"
NOISED, ONE_EACH, SGD = "KIP from real, nine pixels in ten hidden", "random real, one per class", "DP-SGD, epsilon 10"
# Images in question, models, epochs of the sets' networks and of those on all members, and KIP's updates and batch.
_SIZES = {"quick": (400, 6, 30, 40, 40, 100), "laptop": (10_000, 10, 300, 50, 300, 500),
          "full": (10_000, 16, None, 200, 8000, 2000)}
_SHORT = {"quick": {"updates": 20, "real_batch": 60}, "laptop": {"updates": 60}, "full": {}}  # of DP-SGD
# DataDAM and PSG; in the laptop profile they are short, and PSG has as many noisy sums of as many images as DP-KIP.
_MATCHED = {"laptop": {"network": "ConvNetD3", "width": 32, "updates": 100,
                       "options": {"real_batch": 64, "network_steps": 2}}, "full": {"updates": None, "options": ()}}
_NOISY = {"laptop": {"network": "ConvNetD3", "width": 8, "updates": 200, "options": {"real_batch": 200}}, "full": {}}
TWINS = 2  # models of a pair, made from complementary halves: the others are the shadows of either
MORE = 16  # shadows


def asked(profile: Profile) -> dict[str, Membership]:
    """The attacks of lesson 14, by what the networks were trained on; these are MLPs, the cheapest of the course's."""
    images, models, epochs, full_epochs, updates, batch = _SIZES[profile.name]
    data, size, ipc = profile.dataset, profile.size, profile.ipc
    common = Membership(RandomReal(data, ipc, size), images, models, "standard", "MLP", epochs=epochs)
    kip = Distill(data, "kip", "course", ipc, updates=updates, size=size, options={"real_batch": batch})
    sets = {RANDOM: common.of, FROM_REAL: kip, FROM_NOISE: replace(kip, init="noise"),
            ONE_EACH: RandomReal(data, 1, size)}
    if profile.name != "quick":
        sets[NOISED] = replace(kip, form="corrupted", form_options={"share": 0.9})
        sets[DATADAM] = replace(kip, method="datadam", **_MATCHED[profile.name])
    full = replace(common, of=Full(data, size), protocol="assignment", epochs=full_epochs)
    return {FULL: full, **{name: replace(common, of=of) for name, of in (sets | _private(profile)).items()},
            SGD: replace(full, protocol="standard", epochs=None, training=PrivateTraining(
                **_SHORT[profile.name]))}


def _private(profile: Profile) -> dict[str, Distill]:
    """Private sets, of one image per class: more of them are more noise."""
    kip = Distill(profile.dataset, "dp_kip", "course", 1, "noise", size=profile.size)
    if profile.name == "quick":
        return {"DP-KIP, epsilon 10": replace(kip, updates=20, options={"real_batch": 60, "epsilon": 10.0})}
    found = {f"DP-KIP, epsilon {epsilon:g}": replace(kip, options={"epsilon": epsilon}) for epsilon in (10.0, 1.0)}
    return found | {"private statistics, epsilon 10": replace(kip, method="one_release", updates=250),
                    "PSG, epsilon 10": replace(kip, method="private", **_NOISY[profile.name])}


def asked_with_more(profile: Profile) -> dict[str, Membership]:
    """Some of the same attacks where LiRA has sixteen shadows; none in the quick profile.

    Members are drawn pair by pair, so that the first models are those that ``asked`` has, made anew.
    """
    if profile.name == "quick":
        return {}
    rows = asked(profile)
    return {name: replace(rows[name], models=MORE + TWINS) for name in (FULL, RANDOM, FROM_REAL, FROM_NOISE)}


def every(profile: Profile) -> dict[str, dict[str, Membership]]:
    """All that lesson 14 asks for: its rows, and those with more shadows."""
    return {"rows": asked(profile), "more": asked_with_more(profile)}


def shadows(record: Record) -> int:
    """How many shadow models LiRA has for each attacked one."""
    return len(record.result["runs"]) - TWINS


def by_more(few: Record, many: Record) -> Lead:
    """How much LiRA's AUC grows by the shadows that the second record has more: pair by pair of twins where the models
    that both have are the same ones, whose networks then answer alike."""
    runs = [{run["seed"]: run for run in record.result["runs"]} for record in (few, many)]
    before, after = (_by_twins(record, lambda run: run["lira"]["auc"]) for record in (few, many))
    same = all(run["accuracy"] == runs[1][seed]["accuracy"] for seed, run in runs[0].items() if seed in runs[1])
    return Lead.of(after, before, paired=same)


def said_of_more(few: dict[str, Record], many: dict[str, Record]) -> list[str]:
    """A sentence for every row that has both."""
    said = []
    for name in (name for name in many if name in few):
        lead = by_more(few[name], many[name])
        which = f"of the same {TWINS * lead.seeds[0]} models" if lead.paired else "of other models"
        apart, above = "told apart" if lead.told_apart else "not told apart", above_guessing(many[name], "lira")
        caught, _ = spread(many[name], "lira", "0.01")
        said.append(f"{name}: with {shadows(many[name])} shadows in place of {shadows(few[name])}, LiRA's AUC {which} "
                    f"is {lead.gap:+.4f} ± {lead.error:.4f} higher, {apart}. Over all "
                    f"{len(many[name].result['runs'])} models it is {0.5 + above.gap:.3f} ± {above.error:.3f} "
                    f"(standard error over {above.seeds[0]} pairs of twins, as before), "
                    f"and {100 * caught:.1f} % of the members are caught where 1 % of the others are accused.")
    return said


def spread(record: Record, attack: str, measure: str) -> tuple[float, float]:
    """Mean and standard deviation of a measure of an attack over the models of a record."""
    values = [_measured(run[attack], measure) for run in record.result["runs"]]
    return statistics.fmean(values), statistics.stdev(values)


def above_guessing(record: Record, attack: str) -> Lead:
    """How far an attack's mean AUC is above one half, over the pairs of twins of a record."""
    return _above_half(_by_twins(record, lambda run: run[attack]["auc"]))


def _by_twins(record: Record, measured: Callable[[dict], float]) -> dict[int, float]:
    """The mean of every two models that were made from complementary halves, by pair.

    Where one twin's members are images that are easy for any network the other's are the hard ones, so that their
    measures err to opposite sides: pairs, not models, are independent.
    """
    runs = {run["seed"]: measured(run) for run in record.result["runs"]}
    return {seed // TWINS: statistics.fmean((value, runs[seed + 1])) for seed, value in runs.items()
            if seed % TWINS == 0}


def _above_half(values: dict[int, float]) -> Lead:
    return Lead.of(values, dict.fromkeys(values, 0.5), paired=True)


def private(records: dict[str, Record]) -> list[str]:
    """The rows that have an epsilon."""
    return [name for name, record in records.items() if record.result["runs"][0].get("epsilon")]


def held_against(records: dict[str, Record], name: str) -> dict[str, Lead]:
    """How far a private row leads its opponents, by their names: as few random images, which are not private at all,
    and DP-SGD at the same epsilon."""
    allowed = _epsilon(records[name])
    others = [other for other in (ONE_EACH, SGD) if other in records and other != name]
    return {other: Lead.points(records[name].scores, records[other].scores) for other in others
            if other != SGD or _epsilon(records[SGD]) == allowed}


def prices(records: dict[str, Record]) -> list[str]:
    """A sentence for each private row and opponent."""
    return [f"{name}: {records[name].scores}; against {other}: {lead.gap:+.1f} ± {lead.error:.1f} points. "
            f"{lead.verdict}" for name in private(records) for other, lead in held_against(records, name).items()]


def _measured(found: dict, measure: str) -> float:
    return found["caught"][measure] if measure in found["caught"] else found[measure]


def nearest(record: Record) -> Share | None:
    """Over the models of a record, the share of images whose nearest real one is a member; None of the full data."""
    counts = [run["nearest"] for run in record.result["runs"]]
    return None if None in counts else share(sum(counts), len(counts) * record.result["training_images"])


def nearest_above(record: Record) -> Lead | None:
    """How far the mean share of ``nearest`` is above one half, over the pairs of twins; None of the full data. (Images
    of one set need not be independent: those of noise are all nearest to the same few.)"""
    if nearest(record) is None:
        return None
    return _above_half(_by_twins(record, lambda run: run["nearest"] / record.result["training_images"]))


def table(records: dict[str, Record], style: str = "simple") -> str:
    """A row for each source: accuracy, both attacks, the nearest images."""
    measures = ["auc", *(f"{accused:g}" for accused in ACCUSED)]
    rows = []
    told = any("epsilon" in run for record in records.values() for run in record.result["runs"])
    for name, record in records.items():
        attacks = [_text(*spread(record, attack, measure), measure) for attack in ATTACKS for measure in measures]
        attacks.insert(len(measures), shadows(record))
        rows.append((name, record.result["training_images"], *[_epsilon(record)] * told, str(record.scores), *attacks,
                     str(nearest(record) or "")))
    heads = [f"{words}, AUC" if measure == "auc" else f"caught at {100 * float(measure):g} % (%)"
             for words in ATTACKS.values() for measure in measures]
    heads.insert(len(measures), "shadows")
    text = tabulate(rows, ("made from half of the images", "images", *["epsilon"] * told, "test accuracy", *heads,
                           "nearest"), style, disable_numparse=True)
    first = next(iter(records.values()))
    asked = f"{2 * first.result['members']:,} images in question; n models in a row, as beside the accuracy"
    unlike = trained_unlike({name: _training(record) for name, record in records.items()})
    return "\n\n".join([text, asked, *unlike, *NOTES, *(f"({note})" for note in first.notes)])


def _training(record: Record) -> str:
    """How a record's networks were trained, in words."""
    updates = f"{record.result['runs'][0]['updates']:,}"
    if record.asked.training:
        return f"{updates} noisy updates, not augmented"
    return f"{updates} updates, {'' if PROTOCOLS[record.asked.protocol].augmented else 'not '}augmented"


def _epsilon(record: Record) -> str:
    """What each model of a record has cost; nothing where no noise bounds it."""
    found = record.result["runs"][0].get("epsilon")
    return "none" if found is None else f"{found:.3g}"


def _text(mean: float, deviation: float, measure: str) -> str:
    return f"{mean:.3f} ± {deviation:.3f}" if measure == "auc" else f"{100 * mean:.1f} ± {100 * deviation:.1f}"
