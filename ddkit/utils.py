"""The course hand-out's names, a thin layer on ddkit, so that a student's own notebook keeps working.

``get_network``, ``get_dataset``, ``evaluate_synset``, ``DiffAugment``, ``ParamDiffAug`` and the network
classes take what the hand-out's take. New code reads better with ``ddkit.networks``, ``ddkit.data``,
``ddkit.training`` and ``ddkit.augment``.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from ddkit import augment
from ddkit.data import Split, load
from ddkit.errors import require
from ddkit.networks import MLP, VGG11, AlexNet, ConvNet, LeNet, Network, ResNet18, build
from ddkit.randomness import stream
from ddkit.training import Protocol, fit, test

__all__ = ["MLP", "VGG11", "AlexNet", "ConvNet", "DiffAugment", "LeNet", "ParamDiffAug", "ResNet18", "evaluate_synset",
           "get_dataset", "get_network"]


def get_network(model: str, channel: int, num_classes: int, im_size: tuple[int, int] = (32, 32), *, width: int = 128,
                seed: int | None = None) -> Network:
    """A freshly initialised network by name (``ConvNet``, ``ConvNetD1`` to ``D8``, ``...BN``, ``MLP``, ...).

    Args:
        im_size: height and width, equal; a single number works too.
        seed: of the initial weights; None draws from torch's global generator, as the hand-out does.

    Raises:
        InputError: unknown name, or an image that is not square or too small.
    """
    return build(model, channel, num_classes, _side(im_size), width=width,
                 generator=None if seed is None else stream(seed, "get_network"))


def get_dataset(dataset: str, data_path: str | None = None, batch_size: int = 256):
    """Load a data set as the hand-out does.

    Returns:
        channel, im_size, num_classes, class_names, mean, std, dst_train, dst_test, testloader; ``dst_train``
        leaves out the tenth that ddkit keeps for validation.
    """
    found = load(dataset.lower().replace("fashionmnist", "fashion_mnist"), data_path)
    train, test_set = (TensorDataset(part.images, part.labels) for part in (found.train, found.test))
    return (found.channels, (found.size, found.size), len(found.classes), list(found.classes), list(found.mean),
            list(found.std), train, test_set, DataLoader(test_set, batch_size))


def evaluate_synset(it_eval: int, net: Network, images_train: Tensor, labels_train: Tensor, testloader, *,
                    lr: float = 0.01, epochs: int = 1000, batch: int = 256, strategy: str = "none",
                    seed: int = 0) -> tuple[Network, float, float]:
    """Train ``net`` in place on a synthetic set, a tenth of the learning rate in the second half, and test it.

    Args:
        it_eval: number of this evaluation; with ``seed`` it fixes the order of the images.
        images_train, labels_train: float32 [N, C, H, W] and int64 [N] (or distributions [N, classes]).
        testloader: yields batches of test images and labels.
        strategy: augmentation, such as ``crop_scale_rotate``.

    Returns:
        The network, training accuracy and test accuracy, both in [0, 1].
    """
    how = Protocol("evaluate_synset", epochs, lr=lr, batch=batch, schedule="half", augmented=True)
    training = Split(images_train.detach(), labels_train)
    fit(net, training, how, stream(seed, f"evaluation order {it_eval}"), strategy=strategy, title=f"network {it_eval}")
    hard = training if labels_train.ndim == 1 else replace(training, labels=labels_train.argmax(1))
    batches = [test_batch[:2] for test_batch in testloader]
    images, labels = (torch.cat(parts).to(images_train.device) for parts in zip(*batches, strict=True))
    return net, test(net, hard)["accuracy"], test(net, Split(images, labels))["accuracy"]


@dataclass
class ParamDiffAug:
    """What the hand-out passes to ``DiffAugment``: whether all images share one draw."""

    Siamese: bool = False


def DiffAugment(x: Tensor, strategy: str = "", seed: int = -1, param: ParamDiffAug | None = None) -> Tensor:
    """Augment images [N, C, H, W] by one operation of ``strategy``, differentiably.

    Args:
        seed: the same seed gives the same augmentation, which makes two calls siamese; -1 draws a new one.
        param: with ``Siamese`` all images of the call share one draw.
    """
    require(x.ndim == 4, f"images must be [N, C, H, W], got {list(x.shape)}")
    if seed == -1:
        seed = int(torch.randint(2**31, ()))  # the hand-out's -1 means: from torch's global generator
    rows = 1 if param is not None and param.Siamese else len(x)
    return augment.apply(x, augment.draw(strategy, rows, stream(seed, "DiffAugment")))


def _side(im_size) -> int:
    sides = (im_size, im_size) if isinstance(im_size, int) else tuple(im_size)
    require(len(sides) == 2 and sides[0] == sides[1], f"images must be square, got im_size {im_size}")
    return sides[0]
