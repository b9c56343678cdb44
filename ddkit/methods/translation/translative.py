"""Few-shot distillation (Liu and Wang, ICCV 2023): one fixed network, then a translator instead of many networks.

First the images and targets are distilled in one fixed network, where one pass over the real images is enough
(``regression``). Then they are translated, S = G(S'), and G is adapted for a few steps, each in fresh networks:

    omega <- omega - eta grad L(G_omega(S'); theta', T).

Without a translator the same steps are made on the images themselves; with no step at all it is distillation in one
network. How many networks met the real images, 1 + steps * networks, stands in the set's origin.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.methods.falling import fall_as_cosine
from ddkit.methods.method import Method, Preset
from ddkit.methods.translation.inner import OneNetwork
from ddkit.methods.translation.plan import TranslatorPlan, as_text, from_text
from ddkit.methods.translation.regression import Statistics, batch_loss, centred
from ddkit.networks.precision import Precision
from ddkit.networks.translator import Translator, bytes_to_train
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.budget import MET
from ddkit.training.kernels import CHUNK

_OF_THE_PLAN = {"network": "network", "width": "width", "fixed": "fixed", "subsets": "subsets",
                "steps": "pretraining_steps", "channels": "channels", "left_out": "left_out", "precision": "precision"}
"""Knobs of the translator's plan, and what they are called among the method's, which has others of some names."""


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of few-shot distillation."""

    updates: Annotated[int, Ge(1), Knob("in all; those beyond inner_updates are steps of adaptation")] = 530
    inner_updates: Annotated[int, Ge(1), Knob("of images and targets in the fixed network", "T")] = 500
    image_lr: Annotated[float, Gt(0), Knob("of Adam, on the images; falls to zero as a cosine", "alpha")] = 0.02
    target_lr: Annotated[float, Ge(0), Knob("of Adam, on the targets")] = 0.005
    translator: Annotated[Literal["none", "random", "identity", "pre-trained"],
                          Knob("what is adapted: the images themselves, or a translator of that start")] = "pre-trained"
    networks: Annotated[int, Ge(1), Knob("fresh ones in each step")] = 1
    real_batch: Annotated[int, Ge(1), Knob("real images in a step")] = 500
    adapt_lr: Annotated[float, Gt(0), Knob("of Adam, on the translator, or on the images where there is none; falls to "
                                           "zero as a cosine", "eta'")] = 5e-4
    adapt_target_lr: Annotated[float, Ge(0), Knob("of Adam, on the targets in these steps")] = 0.002
    pretrained_on: Annotated[str, Knob("the data set that the translator learned from")] = "glyphs"
    pretraining_seed: Annotated[int, Ge(0), Knob("of that run")] = 0
    subsets: Annotated[int, Ge(1), Knob("small sets that it learned from")] = TranslatorPlan.subsets
    pretraining_steps: Annotated[int, Ge(1), Knob("that it learned for")] = TranslatorPlan.steps
    channels: Annotated[int, Ge(1), Knob("of its blocks")] = TranslatorPlan.channels
    left_out: Annotated[str, Knob("classes that it never saw, by their names, separated by commas")] = ""
    pretrained_size: Annotated[int | None, Ge(1), Knob("side length of the images that it learned from (None: as "
                                                       "here)", unit="pixels")] = None
    pretrained_with: Annotated[str, Knob("further knobs of its plan, as name=value with commas between")] = ""
    fixed: Annotated[int, Ge(0), Knob("seed of the fixed network")] = TranslatorPlan.fixed
    network: Annotated[str, Knob("of the fixed and of the fresh networks")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 32
    precision: Precision = "float32"

    def check(self) -> None:
        require(self.updates >= self.inner_updates,
                f"{self.inner_updates} updates are made in the fixed network before the set is translated, so that "
                f"{self.updates} in all are too few: raise updates, or lower inner_updates")
        require(self.translator == "pre-trained" or (self.pretrained_with == "" and self.pretrained_size is None),
                "pretrained_with and pretrained_size are of a translator that was pre-trained, not of "
                f"'{self.translator}': leave them out")
        _ = self.plan_of_translator  # which checks its own knobs

    @property
    def steps(self) -> int:
        """Of adaptation: k."""
        return self.updates - self.inner_updates

    @property
    def plan_of_translator(self) -> TranslatorPlan:
        """How the translator was, or would be, pre-trained."""
        return TranslatorPlan(**{name: getattr(self, own) for name, own in _OF_THE_PLAN.items()},
                              **from_text(self.pretrained_with, tuple(_OF_THE_PLAN)))

    @property
    def pretraining(self) -> tuple[str, TranslatorPlan, int, int | None] | None:
        """Data set, plan, seed and side length of the pre-training whose weights are wanted; None where none are."""
        wanted = self.translator == "pre-trained"
        return (self.pretrained_on, self.plan_of_translator, self.pretraining_seed, self.pretrained_size
                ) if wanted else None

    @staticmethod
    def begun_with(dataset: str, plan: TranslatorPlan, seed: int, size: int | None) -> dict:
        """The knobs that name such a pre-training."""
        return {own: getattr(plan, name) for name, own in _OF_THE_PLAN.items()} | {
            "pretrained_on": dataset, "pretraining_seed": seed, "pretrained_size": size,
            "pretrained_with": as_text(plan, tuple(_OF_THE_PLAN)), "translator": "pre-trained"}


_OURS = ("the translator is residual with a last convolution of zeros and group norm (the paper: batch norm; the rest "
         "is in its supplement)", "targets start as one-hot - 1 / classes with a ridge of 1e-6; no margin term, no "
         "augmentation", "the paper calls it a single network and meets 1,001 of them: here they are counted",
         "the paper disagrees with itself: in equation 3 networks are trained by the real data, which leaves the set "
         "out; the algorithm translates labels as well and nests the two stages, the text does neither; some 15 times "
         "faster is one cell of ten; one baseline has two values (57.9 and 58.8)",
         "the paper's baseline of fresh networks stops after 4,000 of FRePo's 500,000 steps, its down-sampled sets are "
         "held against pixels, and its hours leave pre-training out")
PRESETS = {
    "laptop": Preset({}, ("500 updates in the fixed network and 30 steps (the paper: 3,000 and 1,000), Adam at rates "
                          "that fall to zero", "pre-training on 60 small sets of drawn letters for 1,500 steps (the "
                          "paper: 5,000 of ImageNet, 200,000 steps)", *_OURS)),
    "paper": Preset({"inner_updates": 3000, "image_lr": 1e-3, "target_lr": 1e-3, "updates": 4000, "adapt_lr": 1e-4,
                     "subsets": 5000, "pretraining_steps": 200_000, "width": 128},
                    ("on letters, where the paper has ImageNet's classes", *_OURS)),
}


def one_network(config: Config, dataset: Dataset, synthetic: SyntheticSet,
                statistics: Statistics | None = None) -> OneNetwork:
    """The first stage, from the images of ``synthetic`` and its classes.

    Args:
        statistics: of the real images in the fixed network, if they are known already.
    """
    fixed, train, classes = config.plan_of_translator.fixed_network(dataset), dataset.train, len(dataset.classes)
    known = statistics or Statistics.of(fixed, train.images, centred(train.labels, classes))
    return OneNetwork(fixed, known, synthetic.images.detach().clone(), centred(synthetic.predicted, classes),
                      config.image_lr, config.target_lr, config.inner_updates)


class Translative(Method):
    """One update in the fixed network, or one step of adaptation in fresh ones.

    Attributes:
        pretrained: the weights of the translator, by name, where one is wanted.
        begun: the first stage, as ``one_network`` begins it, if it was made already: what follows goes on from there.
    """

    Config = Config
    PRESETS = PRESETS
    validation = "kernel"
    pretrained: dict[str, Tensor] | None = None
    begun: OneNetwork | None = None

    @classmethod
    def check_form(cls, form: str) -> None:
        require(form == "pixels", f"a translator writes whole images, which form '{form}' cannot store: leave the form "
                                  "at pixels")

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        require_memory(12 * config.real_batch * pixels + 32 * images * (pixels + images + CHUNK) + 16 * weights
                       + (config.translator != "none") * bytes_to_train(config.channels, images, pixels),
                       f"{config.real_batch:,} real and {images:,} synthetic images in a step",
                       "take a smaller real_batch, or fewer channels of the translator")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Pass the real images through the fixed network, once."""
        config = self.config
        self.dataset, self.synthetic, self.classes = dataset, synthetic, len(dataset.classes)
        self.streams = {name: rng(name) for name in ("networks", "sampling", "translator")}
        synthetic.learn_labels(centred(synthetic.predicted, self.classes), "targets")
        plan = config.plan_of_translator
        self.inner = self.begun.again() if self.begun else one_network(config, dataset, synthetic)
        self.translator = self._translator(plan)
        learned = [self.inner.images] if self.translator is None else list(self.translator.parameters())
        self.optimiser = torch.optim.Adam([{"params": learned, "rate": config.adapt_lr},
                                           {"params": [self.inner.targets], "rate": config.adapt_target_lr}])
        self.adapted = 0
        if self.begun:
            self._show()

    def _translator(self, plan: TranslatorPlan) -> Translator | None:
        kind, random = self.config.translator, self.streams["translator"]
        if kind == "none":
            return None
        if kind != "pre-trained":
            return plan.translator(self.dataset, kind, random)
        translator = plan.untrained(self.dataset, random)
        translator.load_state_dict(self.pretrained)
        return translator

    def update(self) -> dict[str, float]:
        """One update in the fixed network, or, when those are made, one step of adaptation."""
        loss = self.inner.update() if self.inner.done < self.config.inner_updates else self._adapt()
        self._show()
        return {"loss": loss}

    def _adapt(self) -> float:
        config, total = self.config, 0.0
        fall_as_cosine(self.optimiser, self.adapted, config.steps)
        self.optimiser.zero_grad(set_to_none=True)
        learned = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        for _ in range(config.networks):
            loss = self._loss() / config.networks
            if not math.isfinite(loss.item()):
                return math.nan
            loss.backward(inputs=learned)
            total += loss.item()
        self.optimiser.step()
        self.adapted += 1
        return total

    def _loss(self) -> Tensor:
        """That of the translated set in a fresh network, on a batch of real images."""
        train, config = self.dataset.train, self.config
        picks = torch.randint(len(train), (min(config.real_batch, len(train)),), generator=self.streams["sampling"])
        picks = picks.to(train.images.device)
        fresh = config.plan_of_translator.fresh_network(self.dataset, self.streams["networks"])
        return batch_loss(fresh, self._translated(), self.inner.targets, train.images[picks],
                          centred(train.labels[picks], self.classes))

    def _translated(self) -> Tensor:
        return self.inner.images if self.translator is None else self.translator(self.inner.images)

    @torch.no_grad()
    def _show(self) -> None:
        """Let the set be what the loss sees: that of the fixed network until its updates are made, then translated."""
        translates = self.inner.done >= self.config.inner_updates
        self.synthetic.images.copy_(self._translated() if translates else self.inner.images)
        self.synthetic.labels.copy_(self.inner.targets)
        self.synthetic.origin[MET] = 1 + self.adapted * self.config.networks

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the data."""
        return {"inner": self.inner.state_dict(), "adapted": self.adapted,
                "translator": self.translator and self.translator.state_dict(),
                "optimiser": self.optimiser.state_dict(), "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.inner.load_state_dict(state["inner"])
        self.adapted = state["adapted"]
        if self.translator:
            self.translator.load_state_dict(state["translator"])
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])
        self._show()


METHOD = Translative
