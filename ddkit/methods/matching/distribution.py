"""Distribution matching: DM (Zhao and Bilen, WACV 2023), CAFE (Wang et al., CVPR 2022), IDM and NCFM in their parts.

Real and synthetic images of a class should look alike to networks that nobody trained for it. DM compares the mean
embeddings of each class on a fresh network for every update:

    L = sum over classes c of |mean e(T_c) - mean e(S_c)|^2.

CAFE compares the maps of all blocks as well, and has real embeddings classified by the synthetic classes' means. IDM
(Zhao et al., CVPR 2023) keeps a pool of networks that are trained on real images a little, and asks that the synthetic
images be classified. NCFM (Wang et al., CVPR 2025) compares characteristic functions in place of means, at frequencies
that are drawn or looked for. KFS and IT-GAN (both 2022) are DM on sets of another form: codes and small decoders, and
latents of a fixed decoder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Tensor

from ddkit.data import Dataset, augment
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.methods.matching.characteristic import (
    Adversary,
    characteristic,
    characteristic_means,
    slope_in_frequencies,
)
from ddkit.methods.matching.classes import (
    ClassBatches,
    Match,
    View,
    at_most,
    chunked_means,
    squared_distance,
    together,
)
from ddkit.methods.matching.pool import NetworkPool, at_random
from ddkit.methods.method import Method, Preset
from ddkit.networks import Network, build_for
from ddkit.networks.bigbatch import embeddings, images_per_backward
from ddkit.networks.looking import looking_at
from ddkit.networks.precision import Precision
from ddkit.synthetic import SyntheticSet
from ddkit.training import logits


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of distribution matching."""

    updates: Annotated[int, Ge(1), Knob("of the synthetic set")] = 20000
    shallow_weight: Annotated[float, Ge(0), Knob("of the maps of all blocks but the last")] = 0.0
    deep_weight: Annotated[float, Ge(0), Knob("of the map of the last block")] = 0.0
    frequencies: Annotated[int, Ge(0), Knob("at which characteristic functions are compared (0: means are)")] = 0
    amplitude: Annotated[float, Ge(0), Le(1), Knob("share of the amplitudes in that; the rest is the phases'")] = 0.5
    sampling_lr: Annotated[float, Ge(0), Knob("learning rate of the network that picks the frequencies, to tell real "
                                              "from synthetic images (0: they are drawn from a normal "
                                              "distribution)")] = 0.0
    start_weight: Annotated[float, Ge(0), Knob("of the images' squared distance from their start, a mean for each "
                                               "class", "lambda")] = 0.0
    centre_weight: Annotated[float, Ge(0), Knob("of the cross-entropy of real images by the synthetic class means",
                                                "beta")] = 0.0
    class_weight: Annotated[float, Ge(0), Knob("of the synthetic images' cross-entropy, times the network's accuracy "
                                               "on its last real batch in per cent")] = 0.0
    pool: Annotated[int, Ge(1), Knob("networks at once, one of which is drawn for an update")] = 1
    renewed: Annotated[int, Ge(1), Knob("updates after which a new network comes and the oldest leaves")] = 1
    network_steps: Annotated[int, Ge(0), Knob("steps that a network is trained by on real images after its update")] = 0
    network_lr: Annotated[float, Gt(0), Knob("of its SGD")] = 0.01
    network_momentum: Annotated[float, Ge(0), Knob("of its SGD")] = 0.9
    network_decay: Annotated[float, Ge(0), Knob("of its weights")] = 5e-4
    network_batch: Annotated[int, Ge(1), Knob("real images in a step of it")] = 256
    image_lr: Annotated[float, Gt(0), Knob("learning rate of the images")] = 1.0
    image_momentum: Annotated[float, Ge(0), Knob("of the images' SGD")] = 0.5
    loss_scale: Annotated[float, Gt(0), Knob("factor on the loss, which multiplies the rate")] = 1.0
    real_batch: Annotated[int, Ge(1), Knob("real images of each class in an update (all, if there are fewer)")] = 256
    synthetic_batch: Annotated[int, Ge(0), Knob("synthetic images of each class in an update, at random if there are "
                                                "more (0: all)")] = 0
    augmented: Annotated[bool, Knob("siamese augmentation, one draw per class")] = True
    network: Annotated[str, Knob("network to match on")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    memory_mib: Annotated[int, Ge(1), Knob("for the activations of real images", unit="MiB")] = 64
    synthetic_memory_mib: Annotated[int, Ge(1), Knob("for those of synthetic images and their gradients",
                                                     unit="MiB")] = 512
    precision: Precision = "float32"

    def check(self) -> None:
        require(not (self.frequencies and (self.shallow_weight or self.deep_weight or self.centre_weight)),
                "characteristic functions are of embeddings alone: set frequencies to 0, or the weights of maps and "
                "centres")
        require(not self.sampling_lr or self.frequencies > 1, "a network that picks frequencies needs two of them or "
                "more: set frequencies, or sampling_lr to 0")
        require(not self.class_weight or self.network_steps, "the weight of the synthetic images' cross-entropy is "
                "multiplied by the accuracy of trained networks: set network_steps, too")


_REAL = "the method starts from real images: set init"
_NCFM = {"frequencies": 1024, "loss_scale": 300.0, "image_lr": 0.1, "pool": 20, "renewed": 50, "network_steps": 5}
_NCFM_NOTES = (
    "1,024 frequencies (the code: 4,096), SGD on the images (AdamW), one image for each stored one (four: the form "
    "multi-formation), no calibration by a trained network",
    "networks come from a pool that is trained meanwhile; the code draws between a network's first and last state")
PRESETS = {
    "dm": Preset({}, ("the image learning rate is 10 for 100 images per class and more: set image_lr", _REAL)),
    "cafe": Preset(
        {"updates": 2000, "shallow_weight": 0.1, "deep_weight": 1.0, "centre_weight": 0.01, "image_lr": 0.1,
         "augmented": False, "renewed": 10, "network_steps": 10, "network_momentum": 0.0, "network_decay": 0.0},
        ("the paper's loops end when accuracies no longer change; here a network serves ten updates and is trained by "
         "ten steps after each", "it is trained on real images; the paper trains it on the synthetic ones",
         "the image learning rate stays; the code halves it three times",
         "maps are those after each block's activation, before pooling", "the method starts from noise: set init")),
    "idm": Preset(
        {"class_weight": 0.5, "pool": 100, "renewed": 30, "network_steps": 10, "image_lr": 0.2},
        ("without the partitioning of images, which is the form multi-formation: every stored image is one image",
         "the network that was drawn is trained after its update; the code trains two others",
         "the weight of the class term is 0.1 for fifty images per class",
         "the accuracy is that on the network's last batch; the code has a running one", _REAL)),
    "ncfm": Preset(
        _NCFM,
        ("frequencies are drawn anew for every update, as in the code's settings for CIFAR; the paper's maximisation "
         "is the preset ncfm_max",
         *_NCFM_NOTES, _REAL)),
    "ncfm_max": Preset(
        {**_NCFM, "sampling_lr": 1e-4},
        ("as in the code: psi's three linear layers as wide as the embedding, with batch norm, leaky ReLU of 0.2 and "
         "tanh at the end, and its step after that of the images along the same loss",
         "other than in the code: psi takes one step of Adam at 1e-4 an update for all classes (the code: one of SGD "
         "at 1e-3 for each class; Adam at 1e-3 outruns the images in short runs), and makes every frequency of noise "
         "of its own (the code repeats each 16 times)",
         *_NCFM_NOTES, _REAL)),
    "kfs": Preset(
        {"synthetic_batch": 50},
        ("there is no official code: sizes, decoders and rates are ours",
         "of each class 50 of the images that codes and decoders make take part in an update, so that its cost does "
         "not grow with their number",
         "decoders are learned with the codes, and begin as those of an autoencoder of real images", _REAL),
        form=("decoder", {})),
    "itgan": Preset(
        {"start_weight": 0.01, "synthetic_batch": 50},
        ("in small: the fixed decoder is linear, the principal components of real images; the paper's is a BigGAN, "
         "which it counts in no budget",
         "the paper's latents stand for the whole training set; here as many as the budget pays for, 50 of each class "
         "in an update",
         "the images are kept near their start as they are; the paper's term and its weight were not seen in code",
         _REAL),
        form=("pca", {})),
    "course": Preset(
        {"updates": 1500, "image_lr": 10.0, "real_batch": 64, "width": 32},
        ("DM: 1,500 updates at a rate of 10, chosen on validation data of MNIST, with 64 real images of each class and "
         "networks of width 32, so that a processor core needs minutes; the paper makes 20,000 at a rate of 1, with "
         "256 and width 128", _REAL)),
}


@torch.inference_mode()
def _shapes(network: Network, image: Tensor) -> list[torch.Size]:
    with looking_at(network):
        return [feature.shape for feature in network.features(image)]


class DistributionMatching(Method):
    """One update of the synthetic set by distribution matching."""

    Config = Config
    PRESETS = PRESETS

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """The set with its copies, and the networks; activations are passed in chunks that fit."""
        require_memory(32 * images * pixels + 8 * weights * config.pool,
                       f"a set of {images:,} images and {config.pool} networks", "ask for fewer of them")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams."""
        config = self.config
        self.dataset, self.synthetic = dataset, synthetic
        named = ["networks", "choice", "sampling", "augmentation", "frequencies", "training", "training augmentation"]
        named += ["sampling network"] * bool(config.sampling_lr) + ["picks"] * bool(config.synthetic_batch)
        self.streams = {name: rng(name) for name in named}
        self.strategy = dataset.strategy if config.augmented else "none"
        self.real = ClassBatches(dataset, config.real_batch, self.streams["sampling"])
        self.optimiser = torch.optim.SGD(synthetic.groups(config.image_lr), momentum=config.image_momentum)
        self.classes = len(dataset.classes)
        template, image = self._build(torch.Generator()), dataset.train.images[:1]
        *shallow, _deep, embedding = _shapes(template, image)
        weights = [config.shallow_weight] * len(shallow) + [config.deep_weight, 1.0]
        self.counted = [(place, weight) for place, weight in enumerate(weights) if weight]
        self.dimension = embedding[1]
        self.adversary = Adversary(config.frequencies, self.dimension, config.sampling_lr,
                                   self.streams["sampling network"], image.device) if config.sampling_lr else None
        self.chunk = images_per_backward(template, image, config.synthetic_memory_mib)
        self.pool = NetworkPool(partial(self._build, self.streams["networks"]), config.pool, config.network_lr,
                                config.network_momentum, config.network_decay, self.chunk)
        self.accuracies: list[float] = []  # of each network in the pool, on its last real batch, from 0 to 1
        self.done = 0

    def _build(self, generator: torch.Generator) -> Network:
        return build_for(self.dataset, self.config.network, self.config.width, generator, self.config.precision)

    def update(self) -> dict[str, float]:
        """One step on the images, and the training of the network that it was taken on."""
        config = self.config
        if self.done % config.renewed == 0:
            self.pool.renew()
            self.accuracies = [*self.accuracies, 0.0][-config.pool :]
        number = int(torch.randint(len(self.pool), (), generator=self.streams["choice"]))
        network = self.pool.network(number)
        draw = augment.draw(self.strategy, self.classes, self.streams["augmentation"])  # a row for each class
        real = augment.apply_in_parts(self.real.draw(), draw, self.chunk)
        images, picks = self.synthetic.leaf(), self._picks()
        seen = images if picks is None else images.detach()[picks].requires_grad_()
        losses = {"loss": self._match(network, real, seen, draw)}
        if config.class_weight:
            losses["classes"] = self._classify(network, seen, draw, 100 * config.class_weight * self.accuracies[number])
        if config.start_weight:
            losses["start"] = self._stay(seen, picks)
        self._step(images, seen.grad, picks)
        if config.network_steps:
            self._train(number)
        self.done += 1
        return losses

    def _picks(self) -> Tensor | None:
        """Which images take part in an update, int64 [classes * n], sorted by class; None for all."""
        synthetic, most = self.synthetic, self.config.synthetic_batch
        if not most or synthetic.ipc <= most:
            return None
        members = torch.arange(self.classes * synthetic.ipc, device=synthetic.labels.device).split(synthetic.ipc)
        return torch.cat([at_most(of_class, most, self.streams["picks"]) for of_class in members])

    def _step(self, images: Tensor, slope: Tensor, picks: Tensor | None) -> None:
        """One step of the synthetic set, of which some images [N, C, H, W] have a slope."""
        if picks is not None:
            slope = torch.zeros_like(images).index_copy_(0, picks, slope)
        self.optimiser.zero_grad(set_to_none=True)
        self.synthetic.pull(slope, chunk=self.chunk)
        self.optimiser.step()
        self.synthetic.constrain()

    def _match(self, network: Network, real: Tensor, images: Tensor, draw: augment.Draw | None) -> float:
        """Add the loss's gradient to that of the images, a leaf [classes * n, C, H, W]; returns the loss.

        ``real`` is augmented, ``images`` are not.
        """
        config = self.config
        frequencies = self._frequencies(real.device) if config.frequencies else None
        view, compare = self._means() if frequencies is None else characteristic(frequencies, config.amplitude)
        felt = self._embedded(network, real) if config.centre_weight or self.adversary else None
        if self.adversary:
            target = [characteristic_means(felt, frequencies)]
        else:
            target = chunked_means(network, real, self.classes, view, config.memory_mib)
        loss = partial(compare, target)
        if config.centre_weight:
            loss = self._with_centres(loss, felt.flatten(0, 1))
        match = Match(view, self.classes, loss, config.loss_scale, self.chunk, config.memory_mib)
        found = match.backward(network, images, draw)
        if self.adversary:
            seen = self._embedded(network, augment.apply_in_parts(images.detach(), draw, self.chunk))
            self.adversary.climb(slope_in_frequencies(felt, seen, frequencies, config.amplitude))
        return found

    def _embedded(self, network: Network, images: Tensor) -> Tensor:
        """Embeddings [classes, n, D], without a graph."""
        return embeddings(network, images, self.config.memory_mib).unflatten(0, (self.classes, -1))

    def _means(self) -> tuple[View, Callable]:
        """The view on what has a weight, and the distance of its means."""
        places, weights = zip(*self.counted, strict=True)
        maps_count = len(places) > 1  # where they do not, none is kept while the next is computed
        view = View(lambda f: f.flatten(1) if maps_count or f.ndim == 2 else None,
                    lambda features: [features[place] for place in places])
        return view, partial(squared_distance, weights=list(weights))

    def _frequencies(self, device: torch.device) -> Tensor:
        """New ones [m, D]."""
        if self.adversary:
            return self.adversary.draw()
        shape = (self.config.frequencies, self.dimension)
        return torch.randn(shape, generator=self.streams["frequencies"]).to(device)

    def _with_centres(self, loss: Callable, seen: Tensor) -> Callable:
        """A loss, and the cross-entropy of real embeddings [classes * n, D] by their products with the class means."""
        labels = torch.arange(self.classes, device=seen.device).repeat_interleave(len(seen) // self.classes)
        weight = self.config.centre_weight
        return lambda means: loss(means) + weight * F.cross_entropy(seen @ means[-1].T, labels, reduction="sum")

    def _classify(self, network: Network, images: Tensor, draw: augment.Draw | None, weight: float) -> float:
        """Add the gradient of the cross-entropy, summed over the classes' means, times ``weight``; returns it."""
        total, each = 0.0, len(images) // self.classes
        labels = torch.arange(self.classes, device=images.device).repeat_interleave(each)
        chunk = together(network, len(images), self.chunk)
        for start in range(0, len(images), chunk):
            part = slice(start, start + chunk)
            own = images[part].detach().requires_grad_()
            answers = network(augment.apply(own, augment.part_of(draw, len(images), part)))
            loss = F.cross_entropy(answers, labels[part], reduction="sum") / each
            (weight * loss).backward(inputs=[own])
            images.grad[part] += own.grad
            total += loss.item()
        return total

    def _stay(self, images: Tensor, picks: Tensor | None) -> float:
        """Add the gradient of the images' squared distance from their start, a mean for each class; returns it."""
        start = self.synthetic.start if picks is None else self.synthetic.start[picks]
        apart, weight = images.detach() - start, self.config.start_weight * self.classes / len(images)
        images.grad += 2 * weight * apart
        return float(weight * apart.square().sum())

    def _train(self, number: int) -> None:
        """Some steps of a network on real images, and its accuracy on the last of them."""
        config, train = self.config, self.dataset.train
        batches = list(at_random(train.images, train.labels, config.network_steps, config.network_batch, self.strategy,
                                 self.streams["training"], self.streams["training augmentation"]))
        self.pool.train(number, batches)
        if config.class_weight:
            images, labels = batches[-1]
            right = logits(self.pool.network(number), images).argmax(1) == labels.cpu()
            self.accuracies[number] = float(right.float().mean())

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set and the data."""
        adversary = {"adversary": self.adversary.state_dict()} if self.adversary else {}
        return {"done": self.done, "pool": self.pool.state_dict(), "accuracies": list(self.accuracies),
                "optimiser": self.optimiser.state_dict(), "streams": randomness.states(self.streams), **adversary}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.done, self.accuracies = state["done"], list(state["accuracies"])
        self.pool.load_state_dict(state["pool"])
        if self.adversary:
            self.adversary.load_state_dict(state["adversary"])
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])


METHOD = DistributionMatching
