import collections
import pickle
import sys
import types

import numpy as np
import pytest

from ddkit.data import SOURCES
from ddkit.data.sources.graphs import planetoid

NODES, KNOWN, WORDS, CLASSES, LABELLED, VALIDATED = 40, 30, 12, 2, 8, 10


class csr_matrix:  # what scipy called it when the public files were written
    def __init__(self, dense):
        from scipy import sparse

        made = sparse.csr_matrix(dense)
        self.data, self.indices, self.indptr, self._shape = made.data, made.indices, made.indptr, made.shape


@pytest.fixture
def parts():
    """What the files of a small graph hold: one node has no words, one cites itself, one nobody."""
    draw = np.random.default_rng(0)
    words = (draw.random((NODES, WORDS)) < 0.3).astype(np.float32)
    words[3] = 0
    one_hot = np.eye(CLASSES, dtype=np.int32)[np.arange(NODES) % CLASSES]
    graph = collections.defaultdict(list, {node: [] for node in range(NODES)})
    for node, other in draw.integers(0, NODES - 1, (60, 2)).tolist():
        graph[node].append(other)
    graph[5].append(5)
    tested = draw.permutation(np.arange(KNOWN, NODES))
    return {"allx": words[:KNOWN], "ally": one_hot[:KNOWN], "x": words[:LABELLED], "y": one_hot[:LABELLED],
            "tx": words[tested], "ty": one_hot[tested], "graph": graph, "test.index": tested}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes the files of such a graph, as its publishers would have."""
    old = types.ModuleType("scipy.sparse.csr")
    old.csr_matrix, csr_matrix.__module__ = csr_matrix, old.__name__
    monkeypatch.setitem(sys.modules, old.__name__, old)

    def write(parts):
        (tmp_path / "planetoid").mkdir(exist_ok=True)
        for part, path in planetoid.paths("toy", tmp_path).items():
            if part == "test.index":
                path.write_text("\n".join(map(str, parts[part])))
            else:
                path.write_bytes(pickle.dumps(csr_matrix(parts[part]) if part.endswith("x") else parts[part], 4))
        return tmp_path

    return write


@pytest.fixture
def toy(parts, written, monkeypatch):
    """A small graph as a source, whose folder is returned."""
    source = planetoid.planetoid("toy", WORDS, 0.1, ("even", "odd"), VALIDATED)
    monkeypatch.setitem(SOURCES, "toy", source)
    folder = written(parts)
    monkeypatch.setenv("DDKIT_DATA", str(folder))
    return folder
