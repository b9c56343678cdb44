"""The course's networks, by the field's names, what they cost, and how many images pass through them fast.

What lives here knows how a network answers and that looking at it changes nothing, but not how one is trained.
"""

from ddkit.networks.nets import (
    ACTIVATION_SUFFIXES,
    ACTIVATIONS,
    FAMILIES,
    NORMS,
    POOLING_SUFFIXES,
    POOLINGS,
    SUFFIXES,
    AveragePool,
    Block,
    ConvNet,
    Network,
    build,
    build_for,
    normalisation,
    parse,
    sketch_for,
)

__all__ = ['ACTIVATIONS', 'ACTIVATION_SUFFIXES', 'FAMILIES', 'NORMS', 'POOLINGS', 'POOLING_SUFFIXES',
           'SUFFIXES', 'AveragePool', 'Block', 'ConvNet', 'Network', 'build', 'build_for', 'normalisation', 'parse', 'sketch_for']
