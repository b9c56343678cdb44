"""The course's networks, by the field's names, what they cost, and how many images pass through them fast.

What lives here knows how a network answers and that looking at it changes nothing, but not how one is trained.
"""

from ddkit.networks.blocks import ACTIVATIONS, NORMS, POOLINGS, AveragePool, Block, Network, normalisation
from ddkit.networks.names import (
    ACTIVATION_SUFFIXES,
    FAMILIES,
    POOLING_SUFFIXES,
    SUFFIXES,
    build,
    build_for,
    in_words,
    parse,
    sketch_for,
    takes_width,
)
from ddkit.networks.nets import ConvNet

__all__ = ["ACTIVATIONS", "ACTIVATION_SUFFIXES", "FAMILIES", "NORMS", "POOLINGS", "POOLING_SUFFIXES", "SUFFIXES",
           "AveragePool", "Block", "ConvNet", "Network", "build", "build_for", "in_words", "normalisation", "parse",
           "sketch_for", "takes_width"]
