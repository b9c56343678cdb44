"""MNIST: 70,000 handwritten digits of 28 pixels (LeCun et al., Proc. IEEE 1998)."""

from ddkit.data.idx_sources import idx_source

SOURCE = idx_source("MNIST", 0.1307, 0.3081)
