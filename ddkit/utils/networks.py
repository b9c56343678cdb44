"""The hand-out's networks, by its names and its order of arguments."""

import re

from torch import nn

from ddkit import networks
from ddkit.foundation.errors import one_of, require
from ddkit.foundation.randomness import stream
from ddkit.networks import ACTIVATIONS, Network, build, parse

SIDES = {1: 28, 3: 32}  # pixels, by channels, where no size is given
NORMS = {"instancenorm": "instance", "batchnorm": "batch", "layernorm": "layer", "groupnorm": "group", "none": "none"}
POOLINGS = {"avgpooling": "avg", "maxpooling": "max", "none": "none"}
# With a width, or with the activation before the norm, as the hand-out writes them.
_CONVNET = re.compile(r"ConvNet(D[1-8])?(?:W([1-9]\d{0,4}))?(ASwish|A[RLS])?([BILGN]N)?(.*)")


def get_default_convnet_setting() -> tuple[int, int, str, str, str]:
    """Width, depth, activation, norm and pooling of a ConvNet."""
    return 128, 3, "relu", "instancenorm", "avgpooling"


def get_network(model: str, channel: int, num_classes: int, im_size: tuple[int, int] | None = None, *, width: int = 128,
                seed: int | None = None) -> Network:
    """A freshly initialised network by name (``ConvNet``, ``ConvNetD1`` to ``D8``, ``ConvNetW64``, ``...BN``, ...).

    Args:
        im_size: height and width, equal; a single number works too. None: 28 of grey images, 32 of colour ones.
        seed: of the initial weights; None draws from torch's global generator, as the hand-out does.

    Raises:
        InputError: unknown name, or an image that is not square or too small.
    """
    named = _CONVNET.fullmatch(model)
    if named:
        depth, digits, activation, norm, rest = named.groups(default="")
        require(not digits or width == 128, f"{model} names its width itself: leave the width {width} out")
        model, width = f"ConvNet{depth}{norm}{activation}{rest}", int(digits or width)
    return build(model, channel, num_classes, side_of(im_size, channel), width=width,
                 generator=None if seed is None else stream(seed, "get_network"))


def side_of(im_size, channel: int) -> int:
    """The side length of square images; without a size that of the field's data sets with as many channels."""
    if im_size is None:
        require(channel in SIDES, f"images of {channel} channels have no usual size: give im_size")
        return SIDES[channel]
    sides = (im_size, im_size) if isinstance(im_size, int) else tuple(im_size)
    require(len(sides) == 2 and sides[0] == sides[1], f"images must be square, got im_size {im_size}")
    return sides[0]


class _OfTheHandOut(type):
    """So that a network by ``get_network`` is one of the hand-out's class of its family."""

    def __instancecheck__(cls, network: object) -> bool:
        return isinstance(network, cls.__mro__[1])


class ConvNet(networks.ConvNet, metaclass=_OfTheHandOut):
    """The hand-out's ConvNet; ``net_act`` is relu, leakyrelu, sigmoid or swish, ``net_norm`` instancenorm, batchnorm,
    layernorm, groupnorm or none, ``net_pooling`` avgpooling, maxpooling or none."""

    def __init__(self, channel: int, num_classes: int, net_width: int = 128, net_depth: int = 3, net_act: str = "relu",
                 net_norm: str = "instancenorm", net_pooling: str = "avgpooling", im_size=None):
        require(isinstance(net_width, int) and net_width >= 1, f"net_width must be at least 1, got {net_width!r}")
        require(isinstance(net_depth, int) and net_depth >= 1, f"net_depth must be at least 1, got {net_depth!r}")
        super().__init__(channel, num_classes, side_of(im_size, channel), net_width, net_depth,
                         NORMS[one_of(net_norm, NORMS, "net_norm")], one_of(net_act, ACTIVATIONS, "net_act"),
                         POOLINGS[one_of(net_pooling, POOLINGS, "net_pooling")])


def _named(name: str) -> type[nn.Module]:
    """The class that the hand-out has for one of its other names: it takes channel, num_classes and im_size."""
    family, options = parse(name)

    def __init__(self, channel: int, num_classes: int, im_size=None):
        family.__init__(self, channel, num_classes, side_of(im_size, channel), **options)

    return _OfTheHandOut(name, (family,), {"__init__": __init__, "__doc__": f"The hand-out's {name}.",
                                           "__module__": __name__})


MLP, LeNet, AlexNet, AlexNetBN = map(_named, ("MLP", "LeNet", "AlexNet", "AlexNetBN"))
VGG11, VGG11BN, ResNet18, ResNet18BN = map(_named, ("VGG11", "VGG11BN", "ResNet18", "ResNet18BN"))
ResNet18_AP, ResNet18BN_AP = map(_named, ("ResNet18_AP", "ResNet18BN_AP"))
