"""Condensed graphs: gradients against autograd, edges, GCond-X, and killed runs; nothing learns from a test label."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ddkit import data, run
from ddkit.__main__ import main
from ddkit.applications.graphs import Condense, CondensePlan, plots, report
from ddkit.applications.graphs.adjacency import cut, draw_weights, edges, spread
from ddkit.applications.graphs.condensing import Condensation, Places, loss, slopes
from ddkit.course.profiles import profile
from ddkit.data import Split
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream

SMALL = CondensePlan(networks=2, outer=3, inner=2, period=3, turn=1, row_lr=0.05)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def rows():
    return drawn(7, 5), torch.tensor([0, 0, 0, 1, 1, 2, 2])


@pytest.fixture
def weights():
    return [w.double() for w in draw_weights(5, 0.3, stream(0, "edges"), hidden=6)]


def test_gradients_are_those_of_autograd(rows):
    given, labels = rows
    network, bias = drawn(5, 3, seed=1).requires_grad_(), drawn(3, seed=2)
    found = slopes(given, Places.of(labels, 3), network, bias)
    for label in range(3):
        mine = labels == label
        entropy = F.cross_entropy(given[mine] @ network + bias, labels[mine])
        assert torch.allclose(found[label], torch.autograd.grad(entropy, network)[0])


def test_the_loss_is_that_of_its_equation_and_its_gradient_that_of_autograd_twice(rows, weights):
    """The gradient in the synthetic rows and in the edges' weights, through autograd's own gradient of the network."""
    given, labels = rows
    real, network, bias = drawn(9, 5, seed=3), drawn(5, 3, seed=1).requires_grad_(), drawn(3, seed=2)
    of_real = torch.arange(9) % 3
    leaves = [given.clone().requires_grad_(), *(w.clone().requires_grad_() for w in weights)]

    def whole():
        seen, total = spread(leaves[0], edges(leaves[0], leaves[1:])), 0
        for label in range(3):
            one, other = (torch.autograd.grad(F.cross_entropy(x[y == label] @ network + bias, y[y == label]), network,
                                              create_graph=True)[0] for x, y in ((real, of_real), (seen, labels)))
            for output in range(3):
                a, b = one[:, output], other[:, output]
                total = total + 1 - a @ b / (a.norm() * b.norm())
        return total

    seen = spread(leaves[0], edges(leaves[0], leaves[1:]))
    short = loss(slopes(real, Places.of(of_real, 3), network, bias), slopes(seen, Places.of(labels, 3), network, bias))
    assert torch.allclose(short, whole())
    for one, other in zip(torch.autograd.grad(short, leaves), torch.autograd.grad(whole(), leaves), strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_edges_are_symmetric_from_0_to_1_and_none_leads_to_itself(rows, weights):
    found = edges(rows[0], weights)
    assert torch.allclose(found, found.T) and float(found.diagonal().abs().max()) == 0
    off = found[~torch.eye(7, dtype=bool)]
    assert off.min() >= 0 and off.max() <= 1 and off.std() > 0


def test_edges_are_a_function_of_pairs(rows, weights):
    """As in the equation: f of [x_i; x_j] written down pair by pair, normalised over all pairs."""
    given, (first, gain, offset, second, gain2, offset2, last, shift) = rows[0], weights
    pairs = torch.cat([given.repeat_interleave(7, 0), given.repeat(7, 1)], 1)

    def normalised(x, gain, offset):
        return F.relu((x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt() * gain + offset)

    scores = (normalised(normalised(pairs @ first, gain, offset) @ second, gain2, offset2) @ last + shift).view(7, 7)
    wanted = torch.sigmoid((scores + scores.T) / 2) * (1 - torch.eye(7))
    assert torch.allclose(edges(given, weights), wanted)


def test_permuted_nodes_have_permuted_edges_and_see_the_same(rows, weights):
    order = torch.tensor([3, 1, 6, 0, 2, 5, 4])
    found = edges(rows[0], weights)
    assert torch.allclose(edges(rows[0][order], weights), found[order][:, order])
    assert torch.allclose(spread(rows[0][order], found[order][:, order]), spread(rows[0], found)[order])


def test_neighbours_shares_are_those_of_a_slow_sum(rows):
    near = torch.tensor([[0, 0.5, 0], [0.5, 0, 1], [0, 1, 0]]).double()
    looped = near + torch.eye(3)
    scale = torch.diag(looped.sum(1) ** -0.5)
    step = scale @ looped @ scale
    assert torch.allclose(spread(rows[0][:3], near), step @ step @ rows[0][:3])
    assert cut(near, 0.7).tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]


def begun(dataset, plan, seed=0):
    start = Condense("digits_graph", 2, plan, seed=seed).starting_set(dataset)
    return Condensation(plan, dataset.train, start.images.flatten(1), start.labels, seed)


@pytest.fixture(scope="module")
def graph():
    return data.load("digits_graph")


def test_without_edges_it_is_gcond_x(graph):
    """GCond whose edges are all zero makes the very updates of GCond-X."""
    plan = replace(SMALL, turn=0)
    one, other = begun(graph, plan), begun(graph, replace(plan, graph=False))
    with torch.no_grad():
        one.edge_weights[-1].fill_(-torch.inf)
    for _ in range(4):
        assert one.update() == other.update()
    assert torch.equal(one.rows, other.rows) and torch.equal(one.seen(), other.seen())


def test_edges_and_rows_take_turns(graph):
    made = begun(graph, SMALL)
    moved = []
    for _ in range(3):
        before = made.rows.detach().clone()
        made.update()
        moved.append(not torch.equal(before, made.rows))
    assert moved == [False, True, True]


def test_a_killed_run_ends_in_the_same_bits(tmp_path, monkeypatch):
    from ddkit.applications.graphs import spec as module

    spec = Condense("digits_graph", 2, SMALL)
    whole = run(spec, root=tmp_path / "whole", quiet=True)
    monkeypatch.setattr(module, "SAVE_EVERY", 2)
    update = Condensation.update

    def killed(self):
        if self.done == 3:
            raise KeyboardInterrupt
        return update(self)

    monkeypatch.setattr(Condensation, "update", killed)
    with pytest.raises(KeyboardInterrupt):
        run(spec, root=tmp_path / "killed", quiet=True)
    monkeypatch.setattr(Condensation, "update", update)
    resumed = run(spec, root=tmp_path / "killed", quiet=True)
    assert torch.equal(whole.synthetic.images, resumed.synthetic.images)
    assert whole.result == resumed.result and whole.result["moved"] > 0
    assert not list(resumed.folder.glob("checkpoint*"))


def test_no_test_label_and_no_validation_label_is_looked_at(graph, monkeypatch):
    def made(dataset):
        one = begun(dataset, SMALL)
        for _ in range(4):
            one.update()
        return one.seen()

    poisoned = replace(graph, **{part: Split(getattr(graph, part).images * 7, 9 - getattr(graph, part).labels)
                                 for part in ("val", "test")})
    assert torch.equal(made(graph), made(poisoned))


def test_the_spec_refuses_what_it_cannot_do(graph):
    with pytest.raises(InputError, match="pictures: take cora"):
        Condense("digits", 2).check_on(data.load("digits"))
    with pytest.raises(InputError, match="unknown init"):
        Condense("digits_graph", init="noise").check()
    with pytest.raises(InputError, match="1 to 20"):
        Condense("digits_graph", 21).check_on(graph)


def test_the_command_draws_and_tells(tmp_path, capsys):
    code = main(["condense", "--dataset", "digits_graph", "--ipc", "1", "--networks", "1", "--runs",
                 str(tmp_path / "runs"), "--figure", str(tmp_path)])
    said = capsys.readouterr().out
    assert code == 0 and all(name in said for name in ("all labelled nodes", "random nodes", "herding", "GCond"))
    assert {path.stem for path in tmp_path.glob("*.png")} == {"graph_accuracies", "graph_edges"}


def test_tables_and_pictures_of_the_lesson(tmp_path):
    asked = report.asked(profile("quick"))
    records = {title: {judge: {name: {seed: run(spec, root=tmp_path, quiet=True) for seed, spec in of.items()}
                               for name, of in rows.items() if name in (report.ALL, report.RANDOM, "GCond")}
                       for judge, rows in judges.items() if judge == "SGC"} for title, judges in asked.items()}
    said = report.every_table(records)
    assert "digits_graph, 2 nodes" in said and "20" in said and "Published" not in said
    assert len(report.leads(records[next(iter(records))]["SGC"], report.RANDOM)) == 1
    assert "GCond" in plots.accuracies(records).told
