"""Lesson 13: what it compares in each profile, the gap that a translator should close, and what one changes."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ddkit.applications.few_shot import report as tables
from ddkit.applications.few_shot.arms import PRETRAINED, first_stage
from ddkit.applications.few_shot.judging import NETWORKS, Judges
from ddkit.applications.few_shot.spec import RATES, FewShot
from ddkit.course.profiles import Profile
from ddkit.data import Dataset
from ddkit.data.sources.glyphs import LIKE_DIGITS
from ddkit.foundation.randomness import stream
from ddkit.methods.translation.inner import OneNetwork
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.translative import one_network
from ddkit.methods.translation.trying import Tone, told
from ddkit.networks import build_for
from ddkit.runs import RECORD, Record, find, reloads_shipped, run, runs_root, shelves
from ddkit.runs.spec import Spec
from ddkit.specs import Full, Pretrain
from ddkit.training.scores import Scores

_QUICK = TranslatorPlan(width=8, subsets=6, fewest_classes=6, most_classes=10, most_ipc=1, real=20, inner_updates=20,
                        steps=40, judged=100, lr=2e-3, networks=1, channels=8, held_out=20, trials=4)
_LAPTOP = TranslatorPlan(width=16, held_out=20)  # width 32, its default, is dear for a laptop
_CHARACTERS = TranslatorPlan(width=16, subsets=30, steps=750, held_out=40, fewest_classes=10, most_ipc=2)
"""Of few images each, so that of a class few are there to distil and few to judge."""


@dataclass(frozen=True)
class Plan:
    """What the lesson compares in a profile.

    Attributes:
        target: whose images are distilled.
        translators: by what they learn from.
        comparisons: by images per class and by what was learned from; the first one of each has all arms.
        gate: on held-out classes of the first translator's data.
        claims: where else the first translator is tried as it is, by the claim that it stands for.
        variants: of its pre-training, tried on validation images, by what is changed.
    """

    target: Full
    translators: Mapping[str, Pretrain]
    comparisons: Mapping[int, Mapping[str, FewShot]]
    gate: FewShot
    claims: Mapping[str, FewShot]
    variants: Mapping[str, FewShot]

    @property
    def largest(self) -> FewShot:
        """The comparison with the most images per class."""
        return next(iter(self.comparisons[max(self.comparisons)].values()))


def plan(profile: Profile) -> Plan:
    """What the lesson compares."""
    target = Full(profile.dataset, profile.size)
    return _quick(target) if profile.name == "quick" else _whole(target, 16 if profile.name == "laptop" else 32)


def _quick(target: Full) -> Plan:
    learned = Pretrain("glyphs", _QUICK)
    asked = FewShot(target, learned, ipc=1, steps=(0, 5), rates=(0.003, 0.03), seeds=3, inner_updates=60)
    gate = replace(asked, of=Full("glyphs"), held_out=8)
    alone = _alone(asked)
    elsewhere = {"2 per class": replace(alone, ipc=2), "two classes": replace(alone, of=Full(f"{target.dataset}-4-9"))}
    return Plan(target, {"glyphs": learned}, {1: {"glyphs": asked}}, gate, elsewhere, {})


def _whole(target: Full, width: int) -> Plan:
    """What real data take; not at full scale, so that one processor core has it in an hour or two."""
    learned, characters = (Pretrain(name, replace(one, width=width))
                           for name, one in (("glyphs", _LAPTOP), ("omniglot", _CHARACTERS)))
    asked = FewShot(target, learned, ipc=1, steps=(0, 10, 30, 100, 300), rates=(*RATES, 0.3), others=("MLP", "LeNet"),
                    trained=(0, 100, 300))
    ten = replace(asked, ipc=10, others=(), trained=())
    others = {ipc: replace(one, pretraining=characters, arms=(PRETRAINED,)) for ipc, one in ((1, asked), (10, ten))}
    gate = FewShot(Full("glyphs"), learned, steps=(0, 10, 30), held_out=10, seeds=10)
    return Plan(target, {"glyphs": learned, "omniglot": characters},
                {ipc: {"glyphs": one, "omniglot": others[ipc]} for ipc, one in ((1, asked), (10, ten))},
                gate, _claims(asked), _variants(asked))


def _alone(asked: FewShot, **changes) -> FewShot:
    """The translator as it is, beside the one network's set."""
    return replace(asked, arms=(PRETRAINED,), steps=(0,), rates=RATES, others=(), trained=(), **changes)


def _claims(asked: FewShot) -> dict[str, FewShot]:
    name = asked.of.dataset
    left_out = replace(asked.pretraining, plan=replace(asked.pretraining.plan, left_out=",".join(LIKE_DIGITS)))
    return {"32 pixels": _alone(asked, of=Full(name, 32)), "5 per class": _alone(asked, ipc=5),
            "two classes": _alone(asked, of=Full(f"{name}-4-9")),
            "five classes": _alone(asked, of=Full(f"{name}-0-1-2-3-4")), "digits": _alone(asked, of=Full("digits")),
            "letters like digits left out": _alone(asked, pretraining=left_out)}


SHORT = "fewer steps on fewer sets"  # the variant that those after it differ from in one thing
_CHANGES = {SHORT: {}, "a rate of 0.002": {"lr": 2e-3},
            "tasks like the target": {"fewest_classes": 10, "most_classes": 10, "most_ipc": 1},
            "twice the channels": {"channels": 32}, "not residual": {"residual": False},
            "four networks a step": {"networks": 4}}


def _variants(asked: FewShot) -> dict[str, FewShot]:
    """The translator, and smaller ones that differ in one thing, on validation images."""
    small = replace(asked.pretraining.plan, subsets=20, steps=500, trials=0)
    changed = {name: replace(asked.pretraining, plan=replace(small, **own)) for name, own in _CHANGES.items()}
    return {"as it is": _alone(asked, part="val"), **{
        name: _alone(asked, part="val", pretraining=one) for name, one in changed.items()}}


def at_hand(asked: Mapping[str, FewShot], **where) -> dict[str, Record]:
    """The records of those comparisons that were made, here or by those who made ddkit; nothing is made.

    Args:
        where: ``root`` and ``data``, as for ``runs.find``.
    """
    found = {name: find(spec, **where) for name, spec in asked.items()}
    return {name: record for name, record in found.items() if record}


def by_name(spec: Spec, root: str | Path | None = None) -> Record | None:
    """The record of a run on drawn letters, if there is one, whatever letters are drawn here: another version of the
    library that draws draws others, on which it would be another run, and what was found stays true."""
    places = [runs_root(root), *(shelves() if reloads_shipped() else ())]
    folder = next((place / spec.name for place in places if (place / spec.name / RECORD).exists()), None)
    return folder and Record.load(folder)


def compared(profile: Profile, **where) -> tuple[Plan, dict[int, dict[str, Record]]]:
    """The comparisons of the profile that are at hand; where none is, those of the quick one, which are made.

    Returns:
        The plan that they are of, and by images per class the records by what was learned from.
    """
    wanted = plan(profile)
    found = {ipc: at_hand(asked, **where) for ipc, asked in wanted.comparisons.items()}
    found = {ipc: records for ipc, records in found.items() if next(iter(wanted.translators)) in records}
    if found:
        return wanted, found
    return _SMALL, {ipc: _made(asked, **where) for ipc, asked in _SMALL.comparisons.items()}


def pretrained(of: Plan, root: str | Path | None = None) -> dict[str, Record]:
    """The translators, by what they learned from: those at hand, the first of them in any case."""
    found = {name: by_name(one, root) for name, one in of.translators.items()}
    first, spec = next(iter(of.translators.items()))
    return {name: record for name, record in found.items() if record} or {first: run(spec, root=root, quiet=True)}


def gate(of: Plan, root: str | Path | None = None) -> Record:
    """The gate of a plan, if it is at hand, else a small one, which is made."""
    return by_name(of.gate, root) or run(_SMALL.gate, root=root, quiet=True)


def claims(of: Plan, **where) -> dict[str, Record]:
    """Where else the translator was tried, as far as that is at hand; else small trials, which are made."""
    return at_hand(of.claims, **where) or _made(_SMALL.claims, **where)


def variants(of: Plan, **where) -> dict[str, Record]:
    """The variants that are at hand."""
    return at_hand(of.variants, **where)


def by_rate(record: Record, arm: str) -> dict[float, float]:
    """The mean loss on validation images of an arm after the most steps, by rate, where its steps did not diverge."""
    own = [row for row in record.result["validation"] if row["arm"] == arm]
    most = max(row["met"] for row in own)
    return {row["rate"]: statistics.fmean(row["losses"]) for row in own
            if row["met"] == most and None not in row["losses"]}


def report(profile: Profile, style: str = "github", root: str | Path | None = None) -> str:
    """All that is at hand, as data/reference/README.md shows it."""
    wanted, found = compared(profile, root=root)
    learned, elsewhere = pretrained(wanted, root), at_hand(wanted.claims, root=root)
    parts = [f"Translators of networks of width {one.asked.plan.width}, pre-trained on {name}, in "
             f"{one.seconds / 60:.0f} minutes. Not adapted, {told(one.result)}." for name, one in learned.items()]
    if tried := by_name(wanted.gate, root):
        parts.append(f"On {wanted.gate.held_out} letters that it never saw, drawn anew for each set. "
                     f"{tables.Gate.of(tried)}")
    for ipc, records in found.items():
        parts += [f"{profile.dataset}, {ipc} per class", tables.table(records, style), tables.leads(records, style),
                  f"The same in loss\n\n{tables.leads(records, style, tables.LOSS)}",
                  "\n".join(f"- {tables.ahead(records, name, measure)}" for name in tables.pretrained_in(records)
                            for measure in (tables.ACCURACY, tables.LOSS))]
        if tables.has_trained(records):
            parts.append(f"The same by networks trained on the sets\n\n{tables.leads(records, style, tables.TRAINED)}")
    if elsewhere:
        parts += ["The translator as it is, elsewhere", tables.alone(elsewhere, style)]
    if tried := variants(wanted, root=root):
        parts += ["Variants of its pre-training, as they are, on validation images", tables.alone(tried, style)]
    return "\n\n".join(parts)


def _made(asked: Mapping[str, FewShot], **where) -> dict[str, Record]:
    return {name: run(spec, quiet=True, **where) for name, spec in asked.items()}


@dataclass(frozen=True)
class Distilled:
    """A set that is distilled in one network, at hand for experiments.

    Attributes:
        stage: its end.
        dataset: whose images it stands for.
        judges: networks that it never met.
    """

    stage: OneNetwork
    dataset: Dataset
    judges: Judges

    @classmethod
    def of(cls, asked: FewShot, dataset: Dataset, seed: int = 0) -> "Distilled":
        """The first stage of a comparison, and its judges."""
        first = first_stage(asked.distillation(dataset, PRETRAINED, 0, asked.rates[0], seed), dataset)
        network = asked.pretraining.plan
        return cls(first.stage, dataset, Judges.drawn(dataset, network.network, network.width, seed, "test"))

    @property
    def images(self) -> Tensor:
        return self.stage.images.detach()

    def judged(self, images: Tensor) -> dict[str, float]:
        """``accuracy`` and ``loss`` of other images with its targets."""
        return self.judges.judge(images, self.stage.targets.detach())


def gap(asked: FewShot, dataset: Dataset, updates: Sequence[int], seed: int = 0) -> dict[str, tuple[Scores, Scores]]:
    """How accurate a set is in its own network, and in each of as many fresh ones as judge, on its way there.

    Args:
        updates: after how many of them in the one network, the first stage, it is looked at.
    """
    first = replace(asked, inner_updates=max(updates)).distillation(dataset, PRETRAINED, 0, asked.rates[0], seed)
    random, own_plan = stream(seed, "evaluation network"), asked.pretraining.plan
    fresh = [build_for(dataset, own_plan.network, own_plan.width, random) for _ in range(NETWORKS)]
    stage = one_network(first.config, dataset, first.starting_set(dataset))
    judges = [Judges.of([network], dataset, "test") for network in (stage.network, *fresh)]
    found = {}
    for wanted in sorted(updates):
        while stage.done < wanted:
            stage.update()
        own, *others = ({"accuracy": judge.judge(stage.images.detach(), stage.targets.detach())["accuracy"]}
                        for judge in judges)
        found["the start" if wanted == 0 else f"{wanted} updates"] = Scores((own,)), Scores(tuple(others))
    return found


def toned(images: Tensor, changed: Tensor) -> tuple[Tensor, float]:
    """The nearest that brightness, contrast and blur of all images alike come to what was made of them, and the share
    of the squared change that they explain.

    Least squares of the change, [n, C, H, W], in three numbers: of the images, of the images blurred by a pixel, and of
    a constant.
    """
    change = (changed - images).flatten()
    columns = torch.stack([images.flatten(), Tone(blur=1.0)(images).flatten(), torch.ones_like(change)], 1).double()
    fitted = columns @ torch.linalg.lstsq(columns, change[:, None].double()).solution
    left = (change.double() - fitted[:, 0]).square().sum() / change.double().square().sum()
    return images + fitted[:, 0].view_as(images).to(images), 1 - float(left)


_SMALL = _quick(Full("digits"))
