"""DataDAM: dataset distillation with attention matching (Sajedi et al., ICCV 2023, arXiv:2310.00093).

For each of K random networks, T times: match the class-wise mean attention maps and embeddings of
real and synthetic images by zeta_S steps on the images, then train the network for zeta_theta steps
on the synthetic set. Written from the paper's equations.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.data import Dataset, augment
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.methods.matching.classes import ClassBatches, Match, View, chunked_means, squared_distance
from ddkit.methods.method import Method, Preset
from ddkit.networks import build_for
from ddkit.networks.bigbatch import images_per_backward, loss_backward
from ddkit.networks.precision import Precision, exact
from ddkit.synthetic import SyntheticSet

STEEP = 16  # power beyond which the largest feature of an image is made 1 first
SMALLEST_NORM = 1e-20  # of an attention map that is still divided by; far above what float32 cannot hold


def attention_map(features: Tensor, power: float = 4, nonnegative: bool = False) -> Tensor:
    """Spatial attention of feature maps (paper, eq. 2): ``A = vec(sum over channels of |f|^p)``, normalised.

    Args:
        features: [n, ch, H, W].
        power: p >= 1; larger values favour the most active places.
        nonnegative: promises that no feature is negative, as after a ReLU, which saves a copy of them.

    Returns:
        [n, H*W], each row of Euclidean norm 1 (a map that is zero everywhere stays zero).
    """
    require(features.ndim == 4, f"features must be [n, ch, H, W], got {list(features.shape)}")
    require(power >= 1, f"the power must be at least 1, got {power}")
    magnitude = features if nonnegative else features.abs()
    if power > STEEP:  # which float32 could not hold; the norm takes the factor out again
        magnitude = exact(magnitude)
        magnitude = magnitude / magnitude.detach().amax((1, 2, 3), keepdim=True).clamp_min(SMALLEST_NORM)
    magnitude = magnitude if power == 1 else exact(magnitude).pow(power)
    total = magnitude.sum(1, dtype=torch.float32 if magnitude.dtype == torch.bfloat16 else None)
    return F.normalize(total.flatten(1), dim=1, eps=SMALLEST_NORM)


def attention_matching_loss(real: list[Tensor], synthetic: list[Tensor], lam: float = 0.01,
                            power: float = 4) -> Tensor:
    """The loss of DataDAM (paper, eq. 3 to 5), summed over classes c and maps l:

        L = sum_c [ sum_l |mean A_l(real_c) - mean A_l(syn_c)|^2 + lam |mean e(real_c) - mean e(syn_c)|^2 ]

    Args:
        real, synthetic: the maps to match, each [classes, n, ch, H, W], and last the embedding
            [classes, n, D]; n may differ between the two. In the method these are the maps of all
            blocks but the last, which the embedding stands for.
        lam: weight of the embeddings' term.
        power: p of the attention maps.

    Returns:
        A scalar.
    """
    require(len(real) == len(synthetic) and len(real) >= 1, "real and synthetic must list the same maps")
    return matching_loss(class_means(real, power), class_means(synthetic, power), lam)


def class_means(features: list[Tensor], power: float, nonnegative: bool = False) -> list[Tensor]:
    """Mean attention map [classes, H*W] of every map in the list, then the mean embedding [classes, D]."""
    *maps, embedding = features
    attention = [attention_map(m.flatten(0, 1), power, nonnegative).unflatten(0, m.shape[:2]).mean(1) for m in maps]
    return [*attention, embedding.mean(1)]


def matching_loss(real: list[Tensor], synthetic: list[Tensor], lam: float) -> Tensor:
    """The loss from the class means of both sides, as ``class_means`` gives them."""
    real, synthetic = ([means[-1], *means[:-1]] for means in (real, synthetic))
    return squared_distance(real, synthetic, [lam] + [1.0] * (len(real) - 1))


def attention_view(power: float, nonnegative: bool) -> View:
    """What DataDAM compares: attention of all maps but the last, and the embedding in its place."""
    return View(lambda f: attention_map(f, power, nonnegative) if f.ndim == 4 else f, _all_but_last_map)


def _all_but_last_map(features: list[Tensor]) -> list[Tensor]:
    *maps, _last, embedding = features
    return [*maps, embedding]


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of DataDAM, in the symbols of the course's Table 1."""

    networks: Annotated[int, Ge(1), Knob("random initialisations", "K")] = 100
    iterations: Annotated[int, Ge(1), Knob("rounds of matching and training for each of them", "T")] = 10
    image_lr: Annotated[float, Gt(0), Knob("learning rate of the images", "eta_S")] = 0.1
    image_steps: Annotated[int, Ge(1), Knob("updates of the images in a round", "zeta_S")] = 1
    network_lr: Annotated[float, Gt(0), Knob("learning rate of the network", "eta_theta")] = 0.01
    network_steps: Annotated[int, Ge(0), Knob("updates of the network in a round", "zeta_theta")] = 50
    lam: Annotated[float, Ge(0), Knob("weight of the embeddings' term", "lambda")] = 0.01
    power: Annotated[float, Ge(1), Knob("of the attention maps", "p")] = 4
    real_batch: Annotated[int, Ge(1), Knob("real images of each class in an update (all, if there are fewer)")] = 256
    image_momentum: Annotated[float, Ge(0), Knob("of the images' SGD")] = 0.0
    loss_scale: Annotated[float, Gt(0), Knob("factor on the loss, which multiplies eta_S")] = 1.0
    augmented: Annotated[bool, Knob("siamese augmentation, one draw per class")] = True
    network: Annotated[str, Knob("network to match on")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    memory_mib: Annotated[int, Ge(1), Knob("for the activations of real images", unit="MiB")] = 64
    synthetic_memory_mib: Annotated[int, Ge(1), Knob("for those of synthetic images and their gradients",
                                                     unit="MiB")] = 512
    precision: Precision = "float32"

    @property
    def updates(self) -> int:
        """Image updates of a whole run: K * T * zeta_S."""
        return self.networks * self.iterations * self.image_steps


PRESETS = {
    "course": Preset(
        {"power": 1, "loss_scale": 3000.0},
        ("Table 1 is read as: for each of K fresh networks, T times, zeta_S image updates, then zeta_theta network "
         "steps",
         "the last training of a network is left out, because the network is renewed right after it",
         "the table names no p: 1, as in the official code (the paper says 4)",
         "the table names no factor on the loss (the official code has 100); with eta_S 0.1 the images then hardly "
         "move, so it is 3000, chosen on validation data",
         "the network is matched with instance norm and trained by plain SGD on the synthetic set, not augmented"),
        {"mhist": Preset(
            {"networks": 200, "real_batch": 128, "network": "ConvNetD7"},
            ("of Table 1's second row: K = 200, mini-batches of 128 images of each class and, from the sheet, "
             "ConvNet-7, which needs 128 pixels or more; its 50 images per class have to be asked for (ipc)",)),
         "mhist_like": Preset(
            {"networks": 200, "real_batch": 128, "network": "ConvNetD4"},
            ("of Table 1's second row: K = 200 and mini-batches of 128 images of each class; its 50 images per "
             "class have to be asked for (ipc); a ConvNet-4, because the stand-in is smaller than MHIST",))},
    ),
    "paper": Preset(
        {"networks": 8000, "iterations": 1, "network_steps": 0, "image_lr": 1.0, "image_momentum": 0.5, "power": 4,
         "real_batch": 64},
        ("the paper prints p = 4, instance norm and 8,000 updates; its code has p = 1, batch norm, the loss "
         "multiplied by 100 and 20,000 updates",
         "the paper uses an image learning rate of 1, and 10 for many images per class: set image_lr for those",
         "the course's Table 1 trains each network between updates; the paper takes a fresh one for every update"),
    ),
    "official_code": Preset(
        {"networks": 20000, "iterations": 1, "network_steps": 0, "image_lr": 1.0, "image_momentum": 0.5, "power": 1,
         "real_batch": 64, "loss_scale": 100.0, "network": "ConvNetD3BN"},
        ("the code has p = 1, batch norm, the loss multiplied by 100 and 20,000 updates; the paper prints p = 4, "
         "instance norm and 8,000",
         "the code raises the image learning rate to 10 for many images per class: set image_lr for those",
         "batch norm sees each side's whole batch, all classes in one pass, as in the code; so synthetic_memory_mib "
         "makes no chunks"),
    ),
}


class DataDAM(Method):
    """One update of the synthetic set by attention matching."""

    Config = Config
    PRESETS = PRESETS

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """The set, its start, gradient, momentum and copies; activations are passed in chunks that fit."""
        require_memory(32 * images * pixels, f"a set of {images:,} images", "ask for fewer images per class")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams."""
        self.dataset, self.synthetic = dataset, synthetic
        self.streams = {name: rng(name) for name in ("networks", "sampling", "augmentation", "training")}
        self.strategy = dataset.strategy if self.config.augmented else "none"
        self.real = ClassBatches(dataset, self.config.real_batch, self.streams["sampling"])
        self.optimiser = torch.optim.SGD(synthetic.groups(self.config.image_lr), momentum=self.config.image_momentum)
        self.done = 0
        self._renew_network()
        self.chunk = images_per_backward(self.network, dataset.train.images[:1], self.config.synthetic_memory_mib)

    def update(self) -> dict[str, float]:
        """One step on the images, after the network's renewal or training where the schedule asks for it."""
        config = self.config
        if self.done and self.done % (config.iterations * config.image_steps) == 0:
            self._renew_network()
        elif self.done and self.done % config.image_steps == 0:
            self._train_network()
        draw = augment.draw(self.strategy, len(self.dataset.classes), self.streams["augmentation"])  # a row for each
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._match(augment.apply_in_parts(self.real.draw(), draw, self.chunk), draw)
        self.optimiser.step()
        self.synthetic.constrain()
        self.done += 1
        return {"loss": loss}

    def _match(self, real: Tensor, draw: augment.Draw | None) -> float:
        """Add the loss's gradient to that of the synthetic set; returns the loss."""
        config, classes, images = self.config, len(self.dataset.classes), self.synthetic.leaf()
        view = attention_view(config.power, self.network.nonnegative)
        target = chunked_means(self.network, real, classes, view, config.memory_mib)
        match = Match(view, classes, partial(matching_loss, target, lam=config.lam), config.loss_scale, self.chunk,
                      config.memory_mib)
        loss = match.backward(self.network, images, draw)
        self.synthetic.pull(images.grad, chunk=self.chunk)
        return loss

    def _renew_network(self) -> None:
        self.network = build_for(self.dataset, self.config.network, self.config.width, self.streams["networks"],
                                 self.config.precision)
        self.network_optimiser = torch.optim.SGD(self.network.parameters(), self.config.network_lr)

    def _train_network(self) -> None:
        images, labels = self.synthetic.images.detach(), self.synthetic.labels
        for _ in range(self.config.network_steps):
            order = torch.randperm(len(images), generator=self.streams["training"])[: self.config.real_batch]
            batch = order.to(images.device)
            self.network_optimiser.zero_grad(set_to_none=True)
            loss_backward(self.network, images[batch], labels[batch], self.chunk)
            self.network_optimiser.step()

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set and the data."""
        return {"done": self.done, "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(),
                "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.done = state["done"]
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])


METHOD = DataDAM
