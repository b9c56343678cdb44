"""Citation graphs in planetoid's files, as every paper on graph networks splits them (Yang et al., ICML 2016).

``ROOT/planetoid`` holds eight files of each graph: ``ind.NAME.x``, ``y`` (the labelled nodes), ``allx``, ``ally`` (all
but the test nodes), ``tx``, ``ty`` (the test nodes), ``graph`` and ``test.index``. The labelled nodes, 20 of a class,
are trained on, the 500 after them are for choices, and the 1,000 of ``test.index`` are the test part.

**A row is what a node's neighbourhood says.** With X the words of each paper, scaled to sum one, A who cites whom and
D the degrees of A + I, a node's numbers are its row of

    S^2 X,   S = D^-1/2 (A + I) D^-1/2

which is what a simple graph convolution of two hops sees (Wu et al., "Simplifying Graph Convolutional Networks", ICML
2019, eq. 8). So a graph becomes a table: [N, 1, 1, words], and a linear kernel of its rows is that network's.
"""

from collections.abc import Hashable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from ddkit.data.source import Source, marks_of_files
from ddkit.data.sources.graphs.unpickling import Sparse, damaged, unpickled
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.memory import require_memory

HOME = "the repository kimiyoung/planetoid on GitHub (folder data)"
PARTS = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
VALIDATED, HOPS = 500, 2  # nodes for choices; steps of the convolution


def planetoid(name: str, words: int, scale: float, classes: tuple[str, ...], validated: int = VALIDATED) -> Source:
    """The source of a graph: its rows are divided by ``scale``, their root mean square."""
    return Source(partial(_read, name, words, classes, validated), partial(_marks, name), words, (0.0,), (scale,),
                  strategy="none", classes=len(classes), pictures=False, validated=True)


def paths(name: str, root: Path) -> dict[str, Path]:
    """The files of a graph, by their part."""
    return {part: root / "planetoid" / f"ind.{name}.{part}" for part in PARTS}


def _marks(name: str, root: Path) -> Hashable | None:
    return marks_of_files(*paths(name, root).values())


def _read(name: str, words: int, classes: tuple[str, ...], validated: int, root: Path, size: int):
    here = paths(name, root)
    missing = [path.name for path in here.values() if not path.is_file()]
    require(not missing, f"{', '.join(missing)} of {name} {'is' if len(missing) == 1 else 'are'} not in "
                         f"{root / 'planetoid'}: copy the eight files ind.{name}.* there from {HOME}")
    found = {part: unpickled(path, HOME) for part, path in here.items() if part != "test.index"}
    try:
        found["test.index"] = np.array([int(line) for line in here["test.index"].read_text("ascii").split()])
        nodes, labels, trained = _joined(found, words, len(classes))
        features = propagated(nodes, adjacency(found["graph"], len(labels)), HOPS)
    except InputError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise damaged(here["graph"].with_suffix(".*"), f"its files do not fit each other: {error}", HOME) from error
    picks = (np.arange(trained), np.arange(trained, trained + validated), found["test.index"])
    parts = ((features[pick].toarray().astype(np.float32)[:, None, None], labels[pick]) for pick in picks)
    return *parts, classes


def _joined(found: Mapping, words: int, classes: int) -> tuple:
    """The words of all nodes, sparse [N, words], their labels int64 [N] (-1: none), and how many are labelled."""
    from scipy import sparse

    tested, number, known = found["test.index"], len(found["graph"]), len(found["ally"])
    require_memory(8 * number * words, f"the words of {number:,} nodes")
    if sorted(set(tested.tolist())) != sorted(tested.tolist()) or not known <= min(tested) <= max(tested) < number:
        raise ValueError("the test nodes are not numbered behind the others")
    blocks = {part: _matrix(found[part], words) for part in ("allx", "tx")}
    if blocks["allx"].shape[0] != known or blocks["tx"].shape[0] != len(tested):
        raise ValueError("there are other numbers of rows than of labels")
    labels, rows = np.full(number, -1), np.full(number, known + len(tested))  # a few of Citeseer's have neither
    labels[:known], labels[tested] = (_classes(found[part], classes) for part in ("ally", "ty"))
    rows[:known], rows[tested] = np.arange(known), known + np.arange(len(tested))
    nodes = sparse.vstack([*blocks.values(), sparse.csr_matrix((1, words))]).tocsr()[rows]
    return nodes.astype(np.float64), labels, len(_classes(found["y"], classes))


def _matrix(found: Sparse, words: int):
    """The matrix that a file described, its sums checked by scipy."""
    from scipy import sparse

    rows, columns = found._shape
    if columns != words:
        raise ValueError(f"nodes have {columns} words instead of {words}")
    made = sparse.csr_matrix((found.data, found.indices, found.indptr), shape=(rows, columns))
    made.check_format(full_check=True)
    return made


def _classes(one_hot: np.ndarray, classes: int) -> np.ndarray:
    if one_hot.shape[1:] != (classes,) or not (one_hot.sum(1) == 1).all() or one_hot.min() < 0:
        raise ValueError(f"labels are not one of {classes} classes each")
    return one_hot.argmax(1)


def adjacency(graph: Mapping[int, list[int]], nodes: int):
    """A, sparse [N, N], of lists of neighbours: symmetric, 0 or 1, and 0 on the diagonal."""
    from scipy import sparse

    ends = np.array([(node, other) for node, others in graph.items() for other in others if other != node], np.int64)
    one_way = sparse.csr_matrix((np.ones(len(ends)), ends.reshape(-1, 2).T), shape=(nodes, nodes))
    return ((one_way + one_way.T) > 0).astype(np.float64)


def propagated(features, graph, hops: int):
    """S^hops X of rows X that are scaled to sum one; sparse [N, words] and [N, N]."""
    from scipy import sparse

    sums = np.asarray(features.sum(1))[:, 0]
    rows = sparse.diags(1 / np.where(sums > 0, sums, 1)) @ features
    looped = graph + sparse.eye(graph.shape[0])
    scale = sparse.diags(1 / np.sqrt(np.asarray(looped.sum(1))[:, 0]))
    for _ in range(hops):
        rows = scale @ (looped @ (scale @ rows))
    return rows.tocsr()
