"""Expert trajectories: the weights of networks trained on the full data, epoch by epoch (MTT, Cazenavette et al. 2022).

A folder of experts holds one folder for each, and in it one safetensors file for each epoch: the flat weights after
it, with the accuracy on validation data. A reader loads single files, so that memory holds only the snapshots in use.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ddkit.data import Dataset
from ddkit.foundation.checkpoints import Checkpoint, same_identity
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import load_state, read_json, read_tensors, save_state, write_json, write_tensors
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.progress import say
from ddkit.foundation.randomness import stream
from ddkit.networks import Network, build_for, parse
from ddkit.networks.looking import has_statistics
from ddkit.networks.precision import Precision
from ddkit.training.difficulty import mean_score, subset
from ddkit.training.fitting import Protocol, fit, refresh_statistics, test
from ddkit.training.sharpness import require_radius

DONE, ORDER = "expert.json", "easiest_first.safetensors"
_STATISTIC = "statistics/"  # how the names of what is no weight begin in a snapshot: batch norm's running statistics


@dataclass(frozen=True)
class Plan(Knobs):
    """How experts are trained.

    ``sharpness`` and ``gap`` are those of flat trajectories (FTD, Du et al. 2023); with a ``difficulty`` training
    follows PAD's schedule of subsets.
    """

    network: Annotated[str, Knob("network of the experts, as for networks.build")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    experts: Annotated[int, Ge(1), Knob("how many")] = 10
    epochs: Annotated[int, Ge(1), Knob("length of each, with a snapshot after every epoch and before the first")] = 50
    lr: Annotated[float, Gt(0), Knob("of SGD, with neither momentum nor weight decay (MTT)")] = 0.01
    batch: Annotated[int, Ge(1), Knob("images in a step, augmented")] = 256
    sharpness: Annotated[float, Ge(0), Knob("radius of sharpness-aware minimisation; 0 for none", "rho")] = 0.0
    difficulty: Annotated[Literal["none", "el2n", "grand"], Knob("the score that orders the images")] = "none"
    judges: Annotated[int, Ge(1), Knob("networks whose scores are averaged")] = 3
    judge_epochs: Annotated[int, Ge(1), Knob("epochs of training after which they judge")] = 1
    half: Annotated[bool, Knob("store snapshots in half precision")] = False
    precision: Precision = "float32"
    gap: Annotated[float, Ge(0), Knob("weight of GSAM's step beside the radius", "alpha")] = 0.0

    def check(self) -> None:
        parse(self.network, self.width)
        require_radius(self)

    @property
    def protocol(self) -> Protocol:
        return Protocol("expert", self.epochs, lr=self.lr, momentum=0.0, weight_decay=0.0, batch=self.batch,
                        schedule="constant", augmented=True, sharpness=self.sharpness, gap=self.gap)

    def build(self, dataset: Dataset, generator: torch.Generator | None = None) -> Network:
        return build_for(dataset, self.network, self.width, generator, self.precision)

    def template(self, dataset: Dataset) -> Network:
        """A network of the experts' kind, whose weights are of no interest."""
        return self.build(dataset, stream(0, "template"))

    def bytes(self, dataset: Dataset) -> int:
        """What all snapshots take on disk."""
        network = self.template(dataset)
        weights, statistics = (sum(t.numel() for t in tensors) for tensors in (network.parameters(), network.buffers()))
        return self.experts * (self.epochs + 1) * (weights * (2 if self.half else 4) + 4 * statistics)


def check_space(folder: Path, plan: Plan, dataset: Dataset) -> str:
    """How much the experts will take, in words.

    Raises:
        InputError: the disk has not as much left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = plan.bytes(dataset), shutil.disk_usage(folder).free
    told = f"{plan.experts} experts of {plan.epochs} epochs take {needed / 2**20:,.1f} MiB in {folder}"
    require(needed < free, f"{told}, but only {free / 2**20:,.1f} MiB are free: free some, ask for fewer experts or "
                           "epochs, or store them in half precision")
    return told


def difficulty_order(folder: Path, plan: Plan, dataset: Dataset, seed: int, identity: dict | None = None,
                     quiet: bool = False) -> Tensor | None:
    """Indices of the training images, easiest first, by the plan's score (None without one); computed once.

    ``identity`` is what the order belongs to, as for ``checkpoints.Checkpoint``; that of another run is refused.
    """
    if plan.difficulty == "none":
        return None
    path = folder / ORDER
    if not path.exists():
        judges = []
        for number in range(plan.judges):
            judges.append(plan.build(dataset, stream(seed, f"judge {number}")))
            fit(judges[-1], dataset.train, replace(plan.protocol, epochs=plan.judge_epochs, sharpness=0.0, gap=0.0),
                stream(seed, f"judge {number} order"), strategy=dataset.strategy,
                title=f"judge of difficulty {number + 1} of {plan.judges}", quiet=quiet)
        scores = mean_score(plan.difficulty, judges, dataset.train)
        write_tensors(path, {"order": scores.argsort(stable=True), "scores": scores}, {"identity": identity or {}})
    return _read(path, identity)[0]["order"]


def train_expert(folder: Path, index: int, plan: Plan, dataset: Dataset, seed: int, easiest_first: Tensor | None,
                 identity: dict | None = None, quiet: bool = False) -> dict:
    """Train expert ``index``, or go on with it, or reload what came of it; experts depend on nothing but their number.

    ``identity`` is what they belong to, as for ``checkpoints.Checkpoint``; what another run left is refused.

    Returns:
        ``losses``, ``accuracies`` (validation, one per snapshot), ``seconds`` and ``rounding`` (the largest relative
        error of a stored snapshot).
    """
    place, whose = folder / f"expert-{index:02d}", (identity or {}) | {"expert": index}
    if (place / DONE).exists():
        return _told(place, whose)
    network = plan.build(dataset, stream(seed, f"expert {index}"))
    choose = None if easiest_first is None else lambda epoch: subset(easiest_first, epoch, plan.epochs)
    made = fit(network, dataset.train, plan.protocol, stream(seed, f"expert {index} order"),
               strategy=dataset.strategy, title=f"expert {index + 1} of {plan.experts}",
               checkpoint=Checkpoint(place / "checkpoint.pt", whose), choose=choose, quiet=quiet,
               watch=lambda epoch, net: _save_snapshot(place, epoch, net, plan, dataset, whose))
    return _finish(place, plan, made.losses, made.seconds, whose)


def _told(place: Path, whose: dict | None) -> dict:
    """What ``_finish`` wrote of an expert; None compares with nothing, as older files have no identity."""
    content = read_json(place / DONE)
    found = content.pop("identity", None)
    if whose is not None:
        same_identity(place / DONE, found, whose)
    return content


def _finish(place: Path, plan: Plan, losses: list[float], seconds: float, whose: dict) -> dict:
    notes = [_read(_snapshot(place, epoch), whose | {"epoch": epoch})[1] for epoch in range(plan.epochs + 1)]
    result = {"losses": losses, "seconds": seconds, "accuracies": [n["accuracy"] for n in notes],
              "rounding": max(n["rounding"] for n in notes)}
    write_json(place / DONE, result | {"identity": whose})
    return result


def _snapshot(place: Path, epoch: int) -> Path:
    return place / f"epoch-{epoch:03d}.safetensors"


def _save_snapshot(place: Path, epoch: int, network: Network, plan: Plan, dataset: Dataset, whose: dict) -> None:
    exact = parameters_to_vector(network.parameters()).detach().cpu()
    stored = exact.half() if plan.half else exact
    rounding = float((stored.float() - exact).norm() / exact.norm())
    accuracy = test(network, dataset.val)["accuracy"]
    notes = {"accuracy": accuracy, "rounding": rounding, "identity": whose | {"epoch": epoch}}
    statistics = {_STATISTIC + name: buffer for name, buffer in network.named_buffers()}
    write_tensors(_snapshot(place, epoch), {"weights": stored, **statistics}, notes)


def _read(path: Path, whose: dict | None = None) -> tuple[dict[str, Tensor], dict]:
    """Tensors and notes of a file, if it belongs to ``whose``; older ones do not say."""
    require(path.exists(), f"{path} is missing: delete its folder to train that expert again")
    tensors, notes = read_tensors(path)
    if whose is not None and "identity" in notes:
        same_identity(path, notes["identity"], whose)
    return tensors, notes


@dataclass(frozen=True)
class Trajectories:
    """Reads the snapshots of trained experts one by one.

    Attributes:
        folder: that the experts lie in.
        plan: that they were trained by.
        identity: of their run and data, as for ``checkpoints.Checkpoint``; None compares with nothing.
    """

    folder: Path
    plan: Plan
    identity: dict | None = None

    def weights(self, expert: int, epoch: int) -> Tensor:
        """The flat weights of an expert after ``epoch`` epochs, float32 [P].

        Raises:
            InputError: the snapshot is missing or damaged.
        """
        return self._tensors(expert, epoch)["weights"].float()

    def _tensors(self, expert: int, epoch: int) -> dict[str, Tensor]:
        whose = self.identity and self.identity | {"expert": expert, "epoch": epoch}
        return _read(_snapshot(self.folder / f"expert-{expert:02d}", epoch), whose)[0]

    def network(self, expert: int, epoch: int, dataset: Dataset) -> Network:
        """The expert as it was after ``epoch`` epochs.

        Raises:
            InputError: the snapshot belongs to another network.
        """
        network, device = self.template(dataset), dataset.train.images.device
        tensors = self._tensors(expert, epoch)
        vector_to_parameters(tensors["weights"].float().to(device), network.parameters())
        for name, buffer in network.named_buffers():
            require(_STATISTIC + name in tensors,
                    f"the snapshots in {self.folder} hold weights alone, without the running statistics that "
                    f"{self.plan.network} answers by: they can be matched, but not scored; train the experts again")
            buffer.copy_(tensors[_STATISTIC + name])
        return network

    def template(self, dataset: Dataset) -> Network:
        """A network that the snapshots' weights fit.

        Raises:
            InputError: they belong to another network.
        """
        network, weights = self.plan.template(dataset), self.weights(0, 0)
        expected = sum(p.numel() for p in network.parameters())
        require(len(weights) == expected, f"the snapshots in {self.folder} have {len(weights):,} weights, but "
                                          f"{self.plan.network} of width {self.plan.width} has {expected:,}: they "
                                          "belong to another network")
        return network

    @cached_property
    def accuracies(self) -> list[list[float]]:
        """Validation accuracy of every expert at every snapshot."""
        return [_told(self.folder / f"expert-{i:02d}", None)["accuracies"] for i in range(self.plan.experts)]

    @cached_property
    def difficulty(self) -> tuple[Tensor, Tensor]:
        """Indices of the training images, easiest first, and each image's score, both [N]."""
        content, _ = _read(self.folder / ORDER, self.identity)
        return content["order"], content["scores"]

    def export_buffer(self, path: str | Path, dataset: Dataset) -> None:
        """Write the field's buffer: a list of experts, each a list over epochs of lists of parameter tensors.

        It has no place for running statistics; those of batch norm go into a file beside it, ``PATH.statistics``, which
        ``import_buffer`` reads.
        """
        template = self.plan.template(dataset)
        shapes = [p.shape for p in template.parameters()]

        def unflatten(weights: Tensor) -> list[Tensor]:
            parts = weights.split([shape.numel() for shape in shapes])
            return [part.view(shape).clone() for part, shape in zip(parts, shapes, strict=True)]

        epochs = range(self.plan.epochs + 1)
        experts = range(self.plan.experts)
        if has_statistics(template):
            found = {f"{i}/{e}/{name}": buffer for i in experts for e in epochs
                     for name, buffer in self.network(i, e, dataset).named_buffers()}
            write_tensors(_statistics_beside(path), found)
            say(f"{path}: other programs get the weights alone, not the running statistics of {self.plan.network}, by "
                f"which it answers; they are in {_statistics_beside(path)}")
        save_state(Path(path), [[unflatten(self.weights(i, e)) for e in epochs] for i in experts])


def import_buffer(path: str | Path, folder: str | Path, plan: Plan, dataset: Dataset) -> Trajectories:
    """Turn the field's buffer file into a folder of experts; ``plan`` must name their network.

    Batch norm's running statistics come from the file beside it that ``export_buffer`` wrote; where there is none they
    are taken anew, in one pass over the training images, and that is said.

    Raises:
        InputError: the file could run code, is damaged, or holds another network's weights.
    """
    content = load_state(Path(path))
    network = plan.template(dataset)
    statistics = _statistics_of(path, network)
    shapes = [p.shape for p in network.parameters()]
    try:
        found = [[[torch.as_tensor(w).detach().float() for w in epoch] for epoch in expert] for expert in content]
        length = {len(expert) for expert in found}
    except TypeError as error:
        raise InputError(f"{path} is no list of experts' weights: export it again from the tool that made "
                         "it") from error
    require(found and len(length) == 1 and min(length) > 1, f"{path} must list experts with equally many snapshots")
    require(all([w.shape for w in epoch] == shapes for expert in found for epoch in expert),
            f"{path} holds the weights of another network than {plan.network} of width {plan.width} for {dataset.name}")
    plan = replace(plan, experts=len(found), epochs=length.pop() - 1)
    for index, expert in enumerate(found):
        place = Path(folder) / f"expert-{index:02d}"
        for epoch, weights in enumerate(expert):
            vector_to_parameters(torch.cat([w.flatten() for w in weights]), network.parameters())
            _set_statistics(network, statistics and statistics(index, epoch), dataset)
            _save_snapshot(place, epoch, network, plan, dataset, {"expert": index})
        _finish(place, plan, [], 0.0, {"expert": index})
    return Trajectories(Path(folder), plan)


def _statistics_beside(path: str | Path) -> Path:
    return Path(path).with_name(f"{Path(path).name}.statistics")


def _statistics_of(path: str | Path, network: Network) -> Callable[[int, int], dict[str, Tensor]] | None:
    """The running statistics that belong to a buffer, by expert and epoch; None where there are none to be had."""
    if not has_statistics(network):
        return None
    beside, names = _statistics_beside(path), [name for name, _ in network.named_buffers()]
    if not beside.exists():
        say(f"{path} holds no running statistics: those of batch norm are taken from the training images")
        return None
    found = read_tensors(beside)[0]

    def of(expert: int, epoch: int) -> dict[str, Tensor]:
        missing = [name for name in names if f"{expert}/{epoch}/{name}" not in found]
        require(not missing, f"{beside} does not belong to {path}: delete it, or export both again")
        return {name: found[f"{expert}/{epoch}/{name}"] for name in names}

    return of


def _set_statistics(network: Network, known: dict[str, Tensor] | None, dataset: Dataset) -> None:
    """Give the network the running statistics that are known, or those of the training images."""
    if known is None:
        refresh_statistics(network, dataset.train)
        return
    for name, buffer in network.named_buffers():
        buffer.copy_(known[name])
