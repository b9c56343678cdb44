"""Networks by the field's names, such as ``ConvNetD4BN``, built, or only sketched, and given their first weights."""

import math
import re

import torch
from torch import nn

from ddkit.data import Dataset
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.memory import require_memory
from ddkit.networks.blocks import Network
from ddkit.networks.nets import MLP, VGG11, AlexNet, ConvNet, LeNet, ResNet18, TextCNN
from ddkit.networks.precision import PRECISIONS

FAMILIES = {"MLP": MLP, "ConvNet": ConvNet, "LeNet": LeNet, "AlexNet": AlexNet, "VGG11": VGG11, "ResNet18": ResNet18}
READERS = {"TextCNN": TextCNN}  # of words in order
WIDE = ("ConvNet", *READERS)  # as wide as one likes
SUFFIXES = {"": "instance", "IN": "instance", "BN": "batch", "LN": "layer", "GN": "group", "NN": "none"}
ACTIVATION_SUFFIXES = {"": "relu", "AR": "relu", "AL": "leakyrelu", "AS": "sigmoid",
                       "ASwish": "swish"}
POOLING_SUFFIXES = {"": "avg", "AP": "avg", "MP": "max", "NP": "none"}
SMALLEST = 8  # pixels
_TRAINED = 16  # bytes that a weight takes in training: itself, its gradient, and two moments
_NAME = re.compile(r"(MLP|ConvNet|LeNet|AlexNet|VGG11|ResNet18|TextCNN)(?:D([1-8]))?([BILGN]N)?"
                   r"(ASwish|A[RLS])?([AMN]P|_AP)?$")


def build(name: str, channels: int, classes: int, size: int, *, width: int = 128,
          generator: torch.Generator | None = None, precision: str = "float32") -> Network:
    """Build and initialise a network by the field's name, drawing only from ``generator``.

    Args:
        name: ``MLP``, ``ConvNet``, ``LeNet``, ``AlexNet``, ``VGG11`` or ``ResNet18``; a ConvNet takes a depth
            ``D1`` to ``D8`` (default 3), and ConvNet, VGG11 and ResNet18 a norm ``BN``, ``IN``, ``LN``, ``GN``
            or ``NN`` (none; default instance norm), as in ``ConvNetD4BN``; after these a ConvNet takes an activation
            ``AR`` (ReLU), ``AL`` (leaky ReLU) or ``AS`` (sigmoid) and a pooling ``AP`` (average), ``MP`` (max) or
            ``NP`` (none), as in ``ConvNetD4BNALMP``. ``TextCNN`` reads words in order.
        channels, classes, size: of the images, which are [N, channels, size, size]; of texts ``size`` is the numbers of
            a word.
        width: channels of each ConvNet block, or TextCNN convolution (other networks have fixed widths).
        generator: source of the initial weights; None draws from torch's global generator.
        precision: that it computes in, as in ``precision.Precision``; its weights are float32 in any case.

    Raises:
        InputError: unknown name or precision, or images too small for this network.
    """
    one_of(precision, PRECISIONS, "precision")
    network = initialise(sketch(name, channels, classes, size, width).to_empty(device="cpu"), generator)
    return network.in_precision(precision)


def sketch(name: str, channels: int, classes: int, size: int, width: int = 128) -> Network:
    """The network without its weights, on torch's meta device, once it is seen that they can be had.

    Raises:
        InputError: unknown name, images too small for this network, or more weights than there is memory to train.
    """
    family, options = parse(name, width)
    require(channels >= 1 and classes >= 2, f"a network needs at least 1 channel and 2 classes, got {channels} and "
                                            f"{classes}")
    try:
        require(size >= SMALLEST, "images are too small")
        with torch.device("meta"):
            network = family(channels, classes, size, **options)
    except InputError as error:
        raise InputError(f"{name} cannot take {size}x{size} images ({error}): the smallest it takes is "
                         f"{_smallest(family, channels, classes, options)} pixels") from error
    except (RuntimeError, OverflowError, TypeError) as error:  # numbers beyond what torch can count
        raise InputError(f"{name} of width {width} on {size}x{size} images has more weights than can be counted: ask "
                         "for less") from error
    weights = sum(p.numel() for p in network.parameters())
    require_memory(_TRAINED * weights, f"training {name} of width {width} with its {weights:,} weights",
                   "take a smaller width or another network")
    return network


def sketch_for(dataset: Dataset, name: str, width: int) -> Network:
    """``sketch`` the network for a data set's images and classes: an error, if it cannot be."""
    _require_fit(dataset, name)
    return sketch(name, dataset.channels, len(dataset.classes), dataset.size, width)


def _require_fit(dataset: Dataset, name: str) -> None:
    """Raise InputError unless the network is for square images and they are, or for words in order and they may be."""
    channels, height, width = dataset.train.images.shape[1:]
    reads, fewest = parse(name)[0] in READERS.values(), max(TextCNN.WINDOWS)
    texts = channels == 1 and width != height >= fewest
    require(texts or not reads, f"{name} reads texts, a row of numbers for each of {fewest} words or more, and "
                                f"{dataset.name} holds arrays of {height}x{width}: take a network for square images, "
                                "or a kernel, such as NTK")
    require(reads or height == width, f"{name} takes square images, and those of {dataset.name} are {height}x{width}: "
                                      f"take {'TextCNN, or ' * texts}a kernel, such as NTK, in place of a network")


def build_for(dataset: Dataset, name: str, width: int, generator: torch.Generator | None = None,
              precision: str = "float32") -> Network:
    """``build`` the network for a data set's images and classes, on their device."""
    _require_fit(dataset, name)
    network = build(name, dataset.channels, len(dataset.classes), dataset.size, width=width, generator=generator,
                    precision=precision)
    return network.to(dataset.train.images.device)


def parse(name: str, width: int = 128) -> tuple[type[Network], dict]:
    """The class and options that a name such as ``ConvNetD4BN`` stands for."""
    match = _NAME.fullmatch(name)
    require(match is not None, f"unknown network '{name}': choose one of MLP, ConvNet, ConvNetD1 to ConvNetD8 (with "
                               "BN, LN, GN or NN for another norm, then AL, AS or ASwish for another activation, then "
                               "MP or NP for another pooling), LeNet, AlexNet, VGG11, ResNet18, or TextCNN "
                               "for words in order")
    family, depth, suffix, activation, pooling = match.groups()
    fixed, averaging = family in ("MLP", "LeNet", *READERS), family == "ResNet18" and pooling == "_AP"
    convnet = family == "ConvNet" and pooling != "_AP"
    require(not (fixed and suffix) and (convnet or not (depth or activation or (pooling and not averaging))),
            f"network '{name}' does not exist: only ConvNet takes a depth, an activation and a pooling, only ConvNet, "
            "AlexNet, VGG11 and ResNet18 a norm, only ResNet18 _AP")
    options = {} if fixed or (family == "AlexNet" and not suffix) else {"norm": SUFFIXES[suffix or ""]}
    if averaging:
        options["pool"] = True
    if family in WIDE:
        require(width >= 1, f"a {family}'s width must be at least 1, got {width}")
        options["width"] = width
    if family == "ConvNet":
        options |= {"depth": int(depth or 3), "activation": ACTIVATION_SUFFIXES[activation or ""],
                    "pool": POOLING_SUFFIXES[pooling or ""]}
    return (FAMILIES | READERS)[family], options


def takes_width(name: str) -> bool:
    """Whether the network of that name is as wide as one likes; others are of one width, and kernels of none."""
    match = _NAME.fullmatch(name)
    return match is not None and match[1] in WIDE


def in_words(name: str, width: int | None) -> str:
    """The name of a network, and its width if it could have another."""
    return name + f", width {width}" * takes_width(name)


def _smallest(family, channels: int, classes: int, options: dict) -> int:
    for size in range(SMALLEST, 1025):
        try:
            with torch.device("meta"):
                family(channels, classes, size, **options)
            return size
        except InputError:
            continue
    raise AssertionError("no network needs more than 1024 pixels")


@torch.no_grad()
def initialise(network: Network, generator: torch.Generator | None = None) -> Network:
    """Draw all weights anew with torch's default scheme, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), from ``generator``."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            for parameter in module.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
        elif isinstance(module, nn.GroupNorm | nn.BatchNorm2d):
            module.reset_parameters()
    return network
