"""FashionMNIST: 70,000 pieces of clothing of 28 pixels, in MNIST's format (Xiao, Rasul and Vollgraf, 2017)."""

from ddkit.data.idx_sources import idx_source

SOURCE = idx_source("FashionMNIST", 0.2861, 0.3530, flips=True)
