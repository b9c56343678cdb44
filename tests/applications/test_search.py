"""Architecture search: the field's grid, runs that resume to the bit, honest correlations, and a choice made blind."""

import dataclasses
import itertools
import json
from collections import Counter
from math import comb, isnan

import joblib
import pytest
import torch

import ddkit
from ddkit import networks, runs, training
from ddkit.__main__ import main
from ddkit.applications.search import Grid, Search, command
from ddkit.applications.search import plots as search_plots
from ddkit.applications.search import report as search_course
from ddkit.applications.search import spec as search
from ddkit.applications.search.ranking import FEWEST, MEASURES, Comparison, correlation, difference
from ddkit.applications.search.spec import CHOICES, Candidate, scores
from ddkit.course.profiles import profile
from ddkit.data import Split
from ddkit.foundation.errors import Diverged, InputError
from ddkit.runs import Record, run
from ddkit.specs import Distill, Full, RandomReal, describe_spec, restore_spec

SMALL = Grid((1, 2), (2,), ("none", "instance"), ("relu",), ("avg", "max"), number=5)
SPEC = Search(RandomReal("digits", 2), SMALL, epochs=4)


def test_the_default_grid_is_the_fields():
    names = [candidate.name for candidate in Grid().candidates]
    assert len(names) == len(set(names)) == Grid().combinations == 720
    assert (names[0], names[-1]) == ("D1W32NNASNP", "D4W256GNALAP")


def test_a_candidate_is_the_network_that_it_says():
    for candidate in Grid((1, 3), (4,)).candidates:
        network = networks.build(candidate.network, 1, 10, 28, width=candidate.width)
        block = network.blocks[0]
        assert len(network.blocks) == candidate.depth and block.conv.out_channels == 4
        assert type(block.norm) is type(networks.normalisation(candidate.norm, 4))
        assert getattr(block.norm, "num_groups", None) == {"layer": 1, "instance": 4, "group": 4}.get(candidate.norm)
        assert type(block.activation) is type(networks.ACTIVATIONS[candidate.activation]())
        assert type(block.pool) is type(networks.POOLINGS[candidate.pooling]())


@pytest.mark.parametrize("name", ["ConvNetAX", "ConvNetMPBN", "LeNetMP", "VGG11AS", "ResNet18NP", "ConvNetD3BNALMPAP"])
def test_a_network_that_does_not_exist_is_refused(name):
    with pytest.raises(InputError, match=name):
        networks.parse(name)


def test_a_drawn_subset_is_balanced_seeded_and_in_order():
    grid = Grid(number=36)
    assert grid.candidates == Grid(number=36).candidates != Grid(number=36, seed=1).candidates
    everything = Grid().candidates
    places = [everything.index(candidate) for candidate in grid.candidates]
    assert places == sorted(set(places))
    for choice, plural in CHOICES.items():
        shares = Counter(getattr(candidate, choice) for candidate in grid.candidates)
        assert set(shares) == set(getattr(grid, plural)) and max(shares.values()) - min(shares.values()) <= 1
    assert Grid(number=720).candidates == everything


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"depths": ()}, "depths must be one or more different values, got none"),
    ({"widths": (4, 4)}, "widths must be one or more different values"),
    ({"widths": (0,)}, "a width must be at least 1, got 0"),
    ({"depths": (9,)}, "depths must be 1 to 8"), ({"norms": ("batsh",)}, "unknown norm 'batsh': choose one of"),
    ({"activations": ("tanh",)}, "unknown activation 'tanh'"), ({"poolings": ("min",)}, "unknown pooling 'min'"),
    ({"number": 721}, "this grid has 720: got number 721"), ({"number": 1}, "at least 2 networks")])
def test_a_grid_that_cannot_work_is_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Grid(**changes)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"protocol": "kernel"}, "unknown protocol 'kernel'"), ({"protocol": "learned"}, "one learning rate"),
    ({"updates": 3}, "either epochs or updates"), ({"epochs": 0}, "epochs must be at least 1"),
    ({"epochs": None, "updates": 0}, "updates must be at least 1"), ({"seeds": 0}, "seeds must be at least 1"),
    ({"of": Full("nothing")}, "unknown dataset 'nothing'"), ({"of": RandomReal("digits", 0)},
                                                             "must be at least 1, got 0")])
def test_a_search_that_cannot_work_is_refused_before_anything_is_written(changes, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        run(dataclasses.replace(SPEC, **changes), root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_network_too_deep_for_the_images_is_seen_before_any_training(tmp_path):
    spec = Search(Full("digits", 8), Grid((1, 4), (2,), ("none",), ("relu",)), epochs=1)
    with pytest.raises(InputError, match="ConvNetD4NNARMP cannot take 8x8 images"):
        run(spec, root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(SPEC, root=tmp_path_factory.mktemp("search"), quiet=True)


def answers(record) -> dict:
    """All of the result but the seconds."""
    return {name: (found["parameters"], [(r["accuracy"], r["updates"]) for r in found["runs"]])
            for name, found in record.result["candidates"].items()}


def test_every_candidate_is_scored_as_an_evaluation_would_be_but_on_validation_data(made, digits):
    assert list(made.result["candidates"]) == [candidate.name for candidate in SMALL.candidates]
    candidate = SMALL.candidates[2]
    few = runs.training_set(SPEC.of, digits, 0)
    again = training.score(few, digits, candidate.network, SPEC.how(digits), 0, width=2, split="val", quiet=True)
    found = made.result["candidates"][candidate.name]
    assert found["runs"][0]["accuracy"] == again["accuracy"] and found["runs"][0]["updates"] == 4
    network = networks.build(candidate.network, 1, 10, 28, width=2)
    assert found["parameters"] == sum(p.numel() for p in network.parameters())
    assert made.seconds == pytest.approx(sum(r["train_seconds"] + r["test_seconds"]
                                             for c in made.result["candidates"].values() for r in c["runs"]))


def test_test_data_are_not_looked_at(made, digits, tmp_path, monkeypatch):
    blind = dataclasses.replace(digits, test=Split(digits.test.images[:0], digits.test.labels[:0]))
    monkeypatch.setattr("ddkit.runs.spec.load", lambda *_: blind)
    assert answers(run(SPEC, root=tmp_path, quiet=True)) == answers(made)


def test_a_search_is_reloaded_and_its_spec_comes_back_from_json(made):
    assert run(SPEC, root=made.folder.parent) == made
    for spec in (SPEC, Search(Distill("digits"), updates=3), Search(Full("mnist"), Grid(widths=(4,)), seeds=2)):
        assert restore_spec(json.loads(json.dumps(describe_spec(spec)))) == spec
    assert not list(made.folder.glob("parts*"))


def test_runs_are_named_by_their_work():
    others = [dataclasses.replace(SPEC, grid=dataclasses.replace(SMALL, seed=1)), dataclasses.replace(SPEC, seeds=2),
              dataclasses.replace(SPEC, epochs=5), dataclasses.replace(SPEC, of=RandomReal("digits", 3)),
              dataclasses.replace(SPEC, epochs=None, updates=4), dataclasses.replace(SPEC, protocol="standard")]
    assert len({spec.name for spec in (SPEC, *others)}) == 7
    assert SPEC.name.startswith("search-digits-randomreal-")


def test_a_killed_search_resumes_to_the_same_bits(made, tmp_path, killed_in_epoch, capsys):
    calls = killed_in_epoch(11)
    with pytest.raises(KeyboardInterrupt):
        run(SPEC, root=tmp_path, quiet=True)
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    assert f"{SPEC.name}: interrupted, resumes when run again" in capsys.readouterr().out
    resumed = run(SPEC, root=tmp_path, quiet=True)
    assert len(calls) == 5 * 4 + 1  # the killed epoch alone was made twice
    assert answers(resumed) == answers(made)


@pytest.mark.real_seed
def test_candidates_trained_side_by_side_are_the_same(tmp_path, one_thread):
    with joblib.parallel_config(n_jobs=2):
        together = run(SPEC, root=tmp_path / "together", quiet=True)
    assert answers(together) == answers(run(SPEC, root=tmp_path / "alone", quiet=True))


def test_every_seed_draws_its_own_set_and_weights(tmp_path):
    record = run(dataclasses.replace(SPEC, seeds=2, grid=Grid((1,), (2,), ("none",), ("relu",))), root=tmp_path)
    found = scores(record.result)
    assert all(len(each.runs) == 2 for each in found.values())
    assert any(each.sd > 0 for each in found.values())


def test_a_candidate_that_diverges_counts_as_guessing(tmp_path, monkeypatch):
    real = search.score

    def broken(training, dataset, network, *rest, **options):
        if network.endswith("MP"):
            raise Diverged("the loss became nan")
        return real(training, dataset, network, *rest, **options)

    monkeypatch.setattr(search, "score", broken)
    record = run(SPEC, root=tmp_path, quiet=True)
    for name, found in record.result["candidates"].items():
        if name.endswith("MP"):
            assert found["runs"][0]["accuracy"] == record.result["chance"] < 0.15
            assert "nan" in found["runs"][0]["diverged"]
        else:
            assert "diverged" not in found["runs"][0]


def test_early_stopping_counts_updates_on_the_full_data(tmp_path):
    spec = Search(Full("digits"), dataclasses.replace(SMALL, number=2), updates=3)
    record = run(spec, root=tmp_path, quiet=True)
    assert {r["updates"] for c in record.result["candidates"].values() for r in c["runs"]} == {3}
    with pytest.raises(InputError, match="final score needs a whole training"):
        spec.final(spec.grid.candidates[0].name)


def test_the_final_score_is_that_of_the_network_searched(tmp_path, digits):
    spec = Search(Full("digits"), dataclasses.replace(SMALL, number=2), epochs=1)
    name = next(iter(run(spec, root=tmp_path, quiet=True).result["candidates"]))
    final = spec.final(name)
    assert run(final, root=tmp_path, quiet=True).result["epochs"] == 1
    seen = training.score(digits.train, digits, final.network, final.how(digits), 0, width=2, split="val", quiet=True)
    assert seen["accuracy"] == scores(run(spec, root=tmp_path).result)[name].mean
    with pytest.raises(InputError, match="unknown candidate"):
        spec.final("D9")


def by_hand(x, y) -> tuple[float, float]:
    """Kendall's tau-b and Spearman's rho from their textbook definitions."""
    pairs = list(itertools.combinations(range(len(x)), 2))
    sign = [((x[i] > x[j]) - (x[i] < x[j]), (y[i] > y[j]) - (y[i] < y[j])) for i, j in pairs]
    untied = [comb(len(x), 2) - sum(1 for s in sign if s[side] == 0) for side in (0, 1)]
    tau = sum(a * b for a, b in sign) / (untied[0] * untied[1]) ** 0.5
    ranks = [[sum(w < v for w in z) + (sum(w == v for w in z) + 1) / 2 for v in z] for z in (x, y)]
    return tau, float(torch.corrcoef(torch.tensor(ranks, dtype=torch.float64))[0, 1])


@pytest.mark.parametrize("ties", [1000, 4])
def test_correlations_are_the_textbooks_and_scipys(ties):
    stats = pytest.importorskip("scipy.stats")
    generator = torch.Generator().manual_seed(0)
    for n in (5, 12, 40):
        x = torch.randint(ties, (n,), generator=generator).double()
        y = x + torch.randint(ties, (n,), generator=generator)
        tau, rho = by_hand(x.tolist(), y.tolist())
        assert correlation("Kendall", x, y).value == pytest.approx(tau) == stats.kendalltau(x, y).statistic
        assert correlation("Spearman", x, y).value == pytest.approx(rho) == stats.spearmanr(x, y).statistic


def test_the_interval_holds_the_value_shrinks_with_more_networks_and_covers_the_truth():
    generator = torch.Generator().manual_seed(0)
    widths, covered = [], 0
    for n in (20, 80, 320):
        x = torch.randn(n, generator=generator)
        found = correlation("Kendall", x, x + torch.randn(n, generator=generator))
        assert -1 <= found.low < found.value < found.high <= 1
        widths.append(found.high - found.low)
    assert widths[0] > widths[1] > widths[2]
    for _ in range(40):  # normal pairs of correlation r have tau = 2 arcsin(r) / pi: a half for r = sin(pi / 4)
        x = torch.randn(50, generator=generator)
        found = correlation("Kendall", x, x + torch.randn(50, generator=generator))
        covered += found.low <= 0.5 <= found.high
    assert 34 <= covered <= 40


def test_the_bootstrap_is_that_of_drawing_networks_again():
    x, y = torch.tensor([1.0, 2, 3, 4, 5, 6]), torch.tensor([1.0, 3, 2, 5, 4, 4])
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(6, (2000, 6), generator=generator)
    for place, measure in enumerate(("Kendall", "Spearman")):
        drawn = [by_hand(x[r].tolist(), y[r].tolist())[place] for r in rows if len(set(x[r].tolist())) > 1
                 and len(set(y[r].tolist())) > 1]
        low, high = torch.tensor(drawn).quantile(torch.tensor([0.025, 0.975])).tolist()
        found = correlation(measure, x, y)
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.08)


def test_order_is_all_that_counts_and_equal_scores_are_no_ranking():
    x = torch.tensor([0.1, 0.2, 0.4, 0.5, 0.9])
    up, down = correlation("Spearman", x, x**3), correlation("Kendall", x, -x)
    assert (up.value, up.low, up.high, up.n) == (1, 1, 1, 5) and down.value == -1
    flat = correlation("Kendall", x, torch.ones(5))
    assert isnan(flat.value) and str(flat) == "none: all equal"
    with pytest.raises(InputError, match=f"at least {FEWEST} networks with both scores, got 4 and 4"):
        correlation("Kendall", x[:4], x[:4])


@pytest.mark.parametrize("measure", MEASURES)
class TestDifference:
    generator = torch.Generator().manual_seed(0)
    y, near, far = torch.randn(3, 20, generator=generator).double().cumsum(0)  # near has one part of far's two beside y

    def test_its_value_is_that_of_both_correlations(self, measure):
        one, other = (correlation(measure, x, self.y).value for x in (self.near, self.far))
        found = difference(measure, self.near, self.far, self.y)
        assert found.value == pytest.approx(one - other) and found.low < found.value < found.high and found.n == 20

    def test_turned_round_it_is_its_negative(self, measure):
        one = difference(measure, self.near, self.far, self.y)
        other = difference(measure, self.far, self.near, self.y)
        assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))

    def test_equal_orders_differ_by_nothing_in_any_resample(self, measure):
        found = difference(measure, self.near, self.near.exp(), self.y)
        assert (found.value, found.low, found.high) == (0, 0, 0)  # though either correlation has an interval

    def test_too_few_networks_are_refused(self, measure):
        with pytest.raises(InputError, match=f"at least {FEWEST} networks with both scores, got 4 and 4"):
            difference(measure, self.near[:4], self.far[:4], self.y[:4])


def test_the_choice_its_regret_and_the_time_saved_by_hand():
    full = dict(zip("abcdef", (0.90, 0.95, 0.99, 0.97, 0.50, 0.98), strict=True))
    proxy = dict(zip("abcdef", (0.50, 0.70, 0.60, 0.70, 0.10, 0.69), strict=True))
    found = Comparison(proxy, full, 60, 600, 40)
    assert (found.chosen, found.best, found.place) == ("b", "c", 4)  # b and d are equal by the proxy
    assert found.regret == pytest.approx(0.04) and found.saved_seconds == 500
    assert found.top == ["c", "f", "d", "b", "a"]
    assert found.correlation("Kendall", found.top).n == 5 and found.correlation("Kendall").n == 6
    assert Comparison(full, full, 1, 1).regret == 0
    with pytest.raises(InputError, match="different networks"):
        Comparison(proxy, dict(list(full.items())[:5]), 1, 1)
    sixty = {str(i): i / 60 for i in range(60)}
    assert len(Comparison(sixty, sixty, 1, 1).top) == 6


@pytest.fixture(scope="module")
def compared(made):
    full = run(Search(Full("digits"), SMALL, epochs=1), root=made.folder.parent, quiet=True)
    return search_course.compare(made, full, 12.0)


def test_tables_and_pictures_show_every_proxy(compared, made):
    comparisons = {"random real": compared}
    text = search_course.correlations(comparisons)
    assert "Spearman, all 5" in text and "Kendall, best 5" in text and "[" in text
    pair = search_course.differences({"a": compared, "b": compared, "c": compared})
    assert pair.count("0.00 [0.00, 0.00] (not told apart)") == 2 * 3 and "a less c" in pair
    tested = search_course.finals(Search(Full("digits"), SMALL, epochs=1), comparisons, root=made.folder.parent)
    assert set(tested) == {compared.best, compared.chosen}
    assert compared.chosen in search_course.choices(comparisons, tested)
    assert "Differences" not in search_course.tables(comparisons, tested)
    assert "Differences" in search_course.tables({"a": compared, "b": compared}, tested)
    assert len(search_plots.proxy_against_truth({"a": compared, "b": compared}).axes) == 2
    assert [axes.get_title("left") for axes in search_plots.by_choice(compared.full, SMALL).axes] == list(CHOICES)


@pytest.mark.parametrize("name", search_course.SETTINGS)
def test_every_profile_has_a_search_that_can_work(name):
    chosen = profile(name)
    for spec in (search_course.truth(chosen), *search_course.proxies(chosen).values()):
        spec.check()
    assert len(search_course.truth(profile("laptop")).grid.candidates) >= 30
    assert len({spec.grid for spec in search_course.proxies(chosen).values()}) == 1


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "set"
    assert main(["distill", "--ipc", "1", "--network", "ConvNetD2", "--width", "2", "--updates", "1", "--set",
                 "network_steps=1", "--out", str(folder)]) == 0
    return folder


OPTIONS = ["--depths", "1,2", "--widths", "2", "--norms", "none,instance", "--activations", "relu", "--poolings",
           "avg,max", "--number", "5", "--epochs", "1", "--full-epochs", "1"]


def test_the_command_compares_the_set_with_random_images_and_the_truth(distilled, tmp_path, capsys):
    arguments = ["search", str(distilled), *OPTIONS, "--runs", str(tmp_path)]
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert set(content) == {"distilled", "random real", "tested"}
    found = content["distilled"]
    assert found["regret"] >= 0 and found["set_seconds"] > 0 and found["spearman_all"]["n"] == 5
    assert found["chosen"] in content["tested"] and found["best"] in content["tested"]
    assert main(arguments) == 0
    assert "Rank correlation with the truth" in capsys.readouterr().out
    assert main(["search", str(distilled), *OPTIONS[:-2], "--runs", str(tmp_path), "--no-full"]) == 0
    assert "validation score" in capsys.readouterr().out
    assert main([*arguments, "--no-full"]) == 2 and "leave it out, too" in capsys.readouterr().err
    assert main(["runs", "--runs", str(tmp_path)]) == 0


def test_the_seconds_of_making_a_set_are_those_of_its_experts_too(distilled, tmp_path, capsys):
    short = {"experts": 1, "expert_epochs": 2, "expert_lr": 0.1, "expert_batch": 64, "expert_span": 1, "last_start": 1,
             "final_start": 1, "student_steps": 1}
    spec = Distill("digits", "trajectory", "mtt", 1, network="ConvNetD1", width=2, updates=1, options=short)
    made = run(spec, root=tmp_path / "runs", folder=tmp_path / "set", quiet=True)
    experts = run(spec.experts, root=tmp_path / "runs")
    assert search_course.seconds_of(made, root=tmp_path / "runs") == made.seconds + experts.seconds > made.seconds
    assert command._seconds(str(tmp_path / "set"), root=tmp_path / "runs") == made.seconds + experts.seconds
    capsys.readouterr()
    assert search_course.seconds_of(made, root=tmp_path / "elsewhere") == made.seconds
    assert f"{spec.experts.name} is not at hand" in capsys.readouterr().err and not (tmp_path / "elsewhere").exists()
    plain = Record.load(distilled)
    assert search_course.seconds_of(plain, root=tmp_path / "runs") == plain.seconds


@pytest.mark.parametrize("arguments", [["--widths", "four"], ["--norms", "batsh"], ["--number", "99"], ["--depths", ""],
                                       ["--protocol", "learned"], ["--seeds", "0"]])
def test_bad_options_are_one_sentence_and_nothing_written(distilled, arguments, tmp_path, capsys):
    assert main(["search", str(distilled), *OPTIONS, *arguments, "--runs", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1 and not list(tmp_path.iterdir())


def test_the_names_are_at_hand():
    assert ddkit.Search is Search and ddkit.Grid is Grid
    assert Candidate(3, 8, "batch", "leakyrelu", "max").network == "ConvNetD3BNALMP"
