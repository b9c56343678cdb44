"""The hand-out's data sets, training loop and evaluation."""

import types
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import data

from ddkit.data import Dataset, Split, denormalise, load
from ddkit.foundation.errors import InputError, one_of, require, whole
from ddkit.foundation.randomness import stream
from ddkit.networks import Network
from ddkit.networks.looking import looking_at
from ddkit.synthetic.foreign import as_images, as_labels, distributions, numbers
from ddkit.training import Protocol, fit, logits, test
from ddkit.utils.augmentation import augmenting

BATCH = 256  # test images at a time


def pairs(images, labels) -> tuple[Tensor, Tensor]:
    """Images float32 [N, C, H, W] and their labels int64 [N] or float32 [N, classes], from tensors, arrays or lists;
    grey images may be [N, H, W].

    Raises:
        InputError: they are no such images or labels.
    """
    images, labels = as_images(images).detach(), as_labels(labels).detach()
    require(len(images) == len(labels), f"{len(images)} images and {len(labels)} labels do not belong together")
    return images[:, None] if images.ndim == 3 else images, labels


class TensorDataset(data.Dataset):
    """Images [N, C, H, W] and labels [N] as a data set, as ``pairs`` takes them; ``images`` and ``labels`` have them
    whole."""

    def __init__(self, images: Tensor, labels: Tensor):
        self.images, self.labels = pairs(images, labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.images)


class Part(TensorDataset):
    """A part of a data set, with torchvision's attributes: ``targets``, ``classes`` and ``data``, its pixels as bytes,
    [N, H, W] of grey images and [N, H, W, 3] of colour ones."""

    def __init__(self, split: Split, dataset: Dataset):
        super().__init__(split.images, split.labels)
        self.targets, self.classes = self.labels, list(dataset.classes)
        self._statistics = dataset.mean, dataset.std

    @property
    def data(self) -> Tensor | np.ndarray:
        pixels = (255 * denormalise(self.images, *self._statistics)).round().to(torch.uint8)
        return pixels[:, 0] if pixels.shape[1] == 1 else pixels.permute(0, 2, 3, 1).numpy()


def get_dataset(dataset: str, data_path: str | None = None, batch_size=BATCH, args=None):
    """Load a data set as the hand-out does.

    Args:
        dataset: as for ``data.load``, or the hand-out's spelling (``MNIST``, ``FashionMNIST``, ``CIFAR10``).
        batch_size: of the test images; the hand-out's ``args`` may stand here as well.
        args: of the hand-out's programs; whitening (``zca``) is refused.

    Returns:
        channel, im_size, num_classes, class_names, mean, std, dst_train, dst_test, testloader; ``dst_train``
        leaves out the tenth that ddkit keeps for validation.
    """
    if not isinstance(batch_size, int):
        batch_size, args = BATCH, batch_size if args is None else args
    require(getattr(args, "zca", False) in (False, "False", None), "ddkit does not whiten images (zca): leave it out")
    require(batch_size >= 1, f"batch_size must be at least 1, got {batch_size}")
    found = load(dataset.lower().replace("fashionmnist", "fashion_mnist"), data_path)
    train, test_set = Part(found.train, found), Part(found.test, found)
    return (found.channels, (found.size, found.size), len(found.classes), list(found.classes), list(found.mean),
            list(found.std), train, test_set, data.DataLoader(test_set, batch_size))


def epoch(mode: str, dataloader, net: nn.Module, optimizer, criterion, args=None,
          aug: bool = False) -> tuple[float, float]:
    """Pass over all batches once, training the network (``train``) or looking at it (``test``).

    ``aug`` augments the images as ``args`` say (``dsa`` with its strategy, or ``dc_aug_param``). Returns the mean
    loss and the accuracy in [0, 1], of batches in the mode they were passed in.
    """
    training = one_of(mode, ("train", "test"), "mode") == "train"
    args = _arguments(args)
    require(not training or optimizer is not None, "training needs an optimizer")
    device = _device(args, next(net.parameters()).device)
    net.to(device)
    change = augmenting(args) if aug else "none"
    generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
    total = right = seen = 0.0
    if training:
        net.train()
    for batch in dataloader:
        images, labels = (part.to(device) for part in batch[:2])
        images = images if change == "none" else change(images, generator)
        if training:
            answers = net(images)
            loss = criterion(answers, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        else:
            with looking_at(net), torch.no_grad():
                answers = net(images)
                loss = criterion(answers, labels)
        hard = labels if labels.ndim == 1 else labels.argmax(1)
        total, seen = total + loss.item() * len(images), seen + len(images)
        right += int((answers.argmax(1) == hard).sum())
    require(seen > 0, "there is no batch to pass")
    return total / seen, right / seen


def evaluate_synset(it_eval: int, net: Network, images_train: Tensor, labels_train: Tensor, testloader, args=None, *,
                    lr: float | None = None, epochs: int | None = None, batch: int | None = None,
                    strategy: str | None = None, seed: int = 0) -> tuple[Network, float, float]:
    """Train ``net`` in place on a synthetic set, a tenth of the learning rate in the second half, and test it.

    Args:
        it_eval: number of this evaluation; with ``seed`` it fixes the order of the images.
        images_train, labels_train: float32 [N, C, H, W] and int64 [N] (or distributions [N, classes]), as ``pairs``
            takes them.
        testloader: yields batches of test images and labels.
        args: of the hand-out's programs: lr_net, epoch_eval_train, batch_train, device, and augmentation by dsa,
            dsa_strategy and dsa_param, or by dc_aug_param.
        lr, epochs, batch, strategy: the same one by one, where there are no ``args``: 0.01, 1,000, 256 and none.

    Returns:
        The network, training accuracy and test accuracy, both in [0, 1].

    Raises:
        InputError: both ``args`` and its parts are given, or one of them cannot work; or labels are not of the
            network's classes, or rows that are no distributions.
        Diverged: the network's weights or answers are no longer finite.
    """
    args = _arguments(args)
    told = {"lr": lr, "epochs": epochs, "batch": batch, "strategy": strategy}
    given = [name for name, value in told.items() if value is not None]
    require(args is None or not given, f"args says it already: leave {', '.join(given)} out")
    wanted = _settings(args) if args is not None else {"lr": 0.01, "epochs": 1000, "batch": 256, "strategy": "none"} | {
        name: told[name] for name in given}
    images, labels = pairs(images_train, labels_train)
    require(labels.ndim == 1 or distributions(numbers("labels", labels_train)), "these rows of labels are no "
            "distributions, as learned logits and targets are not: score their set by ddkit.training.score("
            "synthetic.training_split(), ...), which knows what they mean")
    device = _device(args, images.device)
    net.to(device)
    how = Protocol("evaluate_synset", wanted["epochs"], lr=wanted["lr"], batch=wanted["batch"], schedule="half",
                   augmented=True)
    training, batches = Split(images.to(device), labels.to(device)), [pairs(*batch[:2]) for batch in testloader]
    require(len(batches) > 0, "testloader yields no test images: give it some")
    tested = Split(*(torch.cat(parts).to(device) for parts in zip(*batches, strict=True)))
    classes = logits(net, training.images[:1]).shape[1]
    hard, tested = _named(training, classes), _named(tested, classes)
    fit(net, training, how, stream(seed, f"evaluation order {it_eval}"), strategy=wanted["strategy"],
        title=f"network {it_eval}")
    return net, test(net, hard)["accuracy"], test(net, tested)["accuracy"]


def _named(part: Split, classes: int) -> Split:
    """The same images with their classes for labels, once these are seen to be some of the network's."""
    rows = part.labels.ndim == 2
    labels = part.labels.argmax(1) if rows else part.labels
    fit_in = bool((labels >= 0).all()) and bool((labels < classes).all())
    require(fit_in and (not rows or part.labels.shape[1] == classes),
            f"labels are of other classes than the {classes} that the network tells apart: build it for theirs")
    return replace(part, labels=labels)


def _arguments(args) -> object:
    """What the hand-out's programs pass as ``args``: a namespace, or a dict of the same."""
    args = types.SimpleNamespace(**args) if isinstance(args, dict) else args
    require(args is None or hasattr(args, "__dict__"), f"args is a namespace of settings, got {args!r}")
    return args


def _device(args, otherwise: torch.device) -> torch.device:
    wanted = getattr(args, "device", None)
    try:
        return otherwise if wanted is None else torch.device(wanted)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"unknown device {wanted!r}: take cpu or cuda") from error


def _settings(args) -> dict:
    """What ``args`` say of an evaluation, with the hand-out's defaults."""
    found = {"lr": getattr(args, "lr_net", 0.01), "epochs": getattr(args, "epoch_eval_train", 1000),
             "batch": getattr(args, "batch_train", 256)}
    require(isinstance(found["lr"], int | float), f"lr_net is a number, got {found['lr']!r}")
    whole(found["epochs"], 1, "epoch_eval_train")
    whole(found["batch"], 1, "batch_train")
    return found | {"strategy": augmenting(args)}
