"""``citeseer``: 3,327 papers on computer science, the words that occur in each, and which cites which."""

from ddkit.data.sources.graphs.planetoid import planetoid

CLASSES = ("artificial intelligence", "machine learning", "information retrieval", "databases", "agents",
           "human-computer interaction")

SOURCE = planetoid("citeseer", words=3703, scale=0.00177, classes=CLASSES)
