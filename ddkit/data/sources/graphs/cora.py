"""``cora``: 2,708 papers on machine learning, the words that occur in each, and which cites which."""

from ddkit.data.sources.graphs.planetoid import planetoid

CLASSES = ("theory", "reinforcement learning", "genetic algorithms", "neural networks", "probabilistic methods",
           "case-based", "rule learning")

SOURCE = planetoid("cora", words=1433, scale=0.00339, classes=CLASSES)
