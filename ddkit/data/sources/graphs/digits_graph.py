"""``digits_graph``: scikit-learn's digits as a graph, which comes with the program: each points to those like it.

It is the custom where no graph is at hand (Franceschi et al., "Learning Discrete Structures for Graph Neural
Networks", ICML 2019): a node is an image, its words are the pixels, and it is joined to the five images whose pixels
are nearest by angle. 20 nodes of a class are labelled, 500 are for choices and all others the test part.
"""

from pathlib import Path

import numpy as np

from ddkit.data.source import Source, always_there
from ddkit.data.sources.graphs.planetoid import HOPS, VALIDATED, propagated

NEIGHBOURS, LABELLED = 5, 20  # of a node; of a class


def read(root: Path, size: int):
    from scipy import sparse
    from sklearn.datasets import load_digits
    from sklearn.neighbors import kneighbors_graph

    bunch = load_digits()
    one_way = kneighbors_graph(bunch.data, NEIGHBOURS, metric="cosine")
    rows = propagated(sparse.csr_matrix(bunch.data), ((one_way + one_way.T) > 0).astype(float), HOPS).toarray()
    labelled = np.concatenate([np.flatnonzero(bunch.target == digit)[:LABELLED] for digit in range(10)])
    rest = np.setdiff1d(np.arange(len(rows)), labelled)
    parts = ((rows[pick].astype(np.float32)[:, None, None], bunch.target[pick])
             for pick in (labelled, rest[:VALIDATED], rest[VALIDATED:]))
    return *parts, [str(digit) for digit in range(10)], "the graph is made of images: each is joined to those like it"


SOURCE = Source(read, always_there, 64, (0.0,), (0.0213,), strategy="none", pictures=False, validated=True)
