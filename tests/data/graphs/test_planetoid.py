"""Citation graphs: their rows against a slow sum, splits, damaged files, and pickles that would run something."""

import os
import pickle

import numpy as np
import pytest
import torch

from ddkit import run
from ddkit.data import SOURCES, load
from ddkit.data.sources.graphs import planetoid
from ddkit.foundation.errors import InputError
from ddkit.specs import Distill, Evaluate, Full

NODES, LABELLED, VALIDATED = 40, 8, 10  # as in the small graph


def slow_rows(parts):
    """S^2 X, node by node and neighbour by neighbour."""
    words = np.zeros((NODES, parts["x"].shape[1]))
    words[: len(parts["allx"])] = parts["allx"]
    for row, node in enumerate(parts["test.index"]):
        words[node] = parts["tx"][row]
    for node in range(NODES):
        words[node] /= max(words[node].sum(), 1)
    near = {node: {node} for node in range(NODES)}
    for node, others in parts["graph"].items():
        for other in others:
            near[node].add(other)
            near[other].add(node)
    for _ in range(2):
        words = np.array([sum(words[other] / np.sqrt(len(near[node]) * len(near[other])) for other in near[node])
                          for node in range(NODES)])
    return words


def test_rows_are_those_of_a_slow_sum_and_stand_in_their_part(toy, parts):
    found, rows = load("toy"), slow_rows(parts) / 0.1
    picks = (range(LABELLED), range(LABELLED, LABELLED + VALIDATED), parts["test.index"])
    for split, pick in zip((found.train, found.val, found.test), picks, strict=True):
        assert torch.allclose(split.images.flatten(1).double(), torch.from_numpy(rows[list(pick)]), atol=1e-5)
        assert split.labels.tolist() == [node % 2 for node in pick]
    assert found.train.images.shape[1:] == (1, 1, 12) and found.strategy == "none"


def test_missing_files_are_named_with_their_home(toy):
    (toy / "planetoid" / "ind.toy.allx").unlink()
    with pytest.raises(InputError, match=r"ind.toy.allx of toy is not in .*kimiyoung/planetoid"):
        load("toy")
    assert SOURCES["toy"].marks(toy) is None


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("part", [part for part in planetoid.PARTS if part != "test.index"])
def test_a_pickle_that_would_run_something_runs_nothing(toy, tmp_path, part):
    planetoid.paths("toy", toy)[part].write_bytes(pickle.dumps(Evil(tmp_path / "owned")))
    with pytest.raises(InputError, match=rf"ind.toy.{part} is damaged \(it names \w+.mkdir"):
        load("toy")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("part", planetoid.PARTS)
@pytest.mark.parametrize("content", [b"", b"half", None])
def test_a_damaged_file_is_told(toy, part, content):
    path = planetoid.paths("toy", toy)[part]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content is None else content)
    with pytest.raises(InputError, match=r"is damaged .*: copy it again from"):
        load("toy")


@pytest.mark.parametrize("part, change", [
    ("allx", lambda p: p[:-1]), ("tx", lambda p: p[:, :-1]), ("ally", lambda p: p[:-1]), ("ty", lambda p: p * 2),
    ("y", lambda p: p[:, :1]), ("graph", lambda p: {0: [99]}), ("graph", lambda p: p | {0: ["one"]}),
    ("test.index", lambda p: p[:1].repeat(10)), ("test.index", lambda p: p - 1)])
def test_files_that_do_not_fit_each_other_are_told(toy, parts, written, part, change):
    written(parts | {part: change(parts[part])})
    with pytest.raises(InputError, match=r"ind.toy.* is damaged \(its files do not fit each other"):
        load("toy")


def test_distillation_touches_no_test_label(toy, parts, written, tmp_path):
    """With the test nodes' labels swapped the same images come of it, bit for bit; only scores differ."""
    spec = Distill("toy", method="kip", ipc=1, network="NTKD0", updates=3, options={"real_batch": 8})
    first = run(spec, root=tmp_path / "first", quiet=True).synthetic
    written(parts | {"ty": 1 - parts["ty"]})
    other = run(spec, root=tmp_path / "other", quiet=True).synthetic
    assert torch.equal(first.images, other.images) and torch.equal(first.labels, other.labels)
    judge = Evaluate(Full("toy"), "validated_kernel", "NTK")
    poisoned = run(judge, root=tmp_path / "other", quiet=True).scores
    written(parts)
    assert run(judge, root=tmp_path / "first", quiet=True).scores.mean == pytest.approx(1 - poisoned.mean)


@pytest.mark.parametrize("name, nodes, published", [("cora", (140, 500, 1000), 81.0),
                                                    ("citeseer", (120, 500, 1000), 71.9)])
def test_the_public_graphs_say_what_is_published(name, nodes, published, real_data, tmp_path):
    """Wu et al., ICML 2019, Table 2: SGC, on the same split."""
    if SOURCES[name].marks(real_data) is None:
        pytest.skip(f"{name} is not in the data folder")
    dataset = load(name, real_data)
    assert tuple(map(len, (dataset.train, dataset.val, dataset.test))) == nodes
    assert torch.bincount(dataset.train.labels).tolist() == [20] * len(dataset.classes)
    scores = run(Evaluate(Full(name), "linear", "linear"), root=tmp_path, data=real_data, quiet=True).scores
    assert 100 * scores.mean == pytest.approx(published, abs=1)
