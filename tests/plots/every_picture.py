"""One picture of every kind that ddkit draws, of made-up or shipped records, for tests of what holds for all."""

import tempfile
from functools import cache
from types import SimpleNamespace

import torch

import ddkit
from ddkit import plots
from ddkit.applications.backdoor import Backdoor
from ddkit.applications.backdoor import plots as backdoor_plots
from ddkit.applications.continual import plots as continual_plots
from ddkit.applications.federated import FedAvg, OneShot
from ddkit.applications.federated import plots as federated_plots
from ddkit.applications.few_shot import plots as few_plots
from ddkit.applications.graphs import plots as graph_plots
from ddkit.applications.league import plots as league_plots
from ddkit.applications.league.settings import of_profile
from ddkit.applications.league.work import Played, play
from ddkit.applications.privacy import plots as privacy_plots
from ddkit.applications.recommenders import Recommend
from ddkit.applications.recommenders import plots as recommender_plots
from ddkit.applications.recommenders.report import ALL as ALL_USERS
from ddkit.applications.robustness import plots as robustness_plots
from ddkit.applications.search import Grid as Networks
from ddkit.applications.search import plots as search_plots
from ddkit.applications.search.ranking import Comparison
from ddkit.applications.texts import plots as text_plots
from ddkit.data import Split, augment
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.trajectory import Config
from ddkit.networks import build
from ddkit.plots import experts as expert_plots
from ddkit.plots import kernels as kernel_plots
from ddkit.plots import moving
from ddkit.plots.moving.paths import trajectory_map
from ddkit.plots.moving.progress import along, progress
from ddkit.plots.story import Panel
from ddkit.plots.training import Window
from ddkit.runs import Record, run
from ddkit.specs import Distill, Full, describe_spec
from ddkit.stored import evolving, grids, growths, judged, shelf
from ddkit.stored.following import ALL, Following, Place
from ddkit.synthetic import SyntheticSet
from ddkit.training.scores import Scores

MEAN, STD = (0.3, 0.4, 0.5), (0.2, 0.25, 0.3)


def a_set(channels=1, classes=3, ipc=2, size=8, soft=False) -> SyntheticSet:
    generator = torch.Generator().manual_seed(0)
    start, images = (torch.randn(classes * ipc, channels, size, size, generator=generator) for _ in range(2))
    labels = torch.arange(classes).repeat_interleave(ipc)
    labels = torch.nn.functional.one_hot(labels, classes).float() if soft else labels
    return SyntheticSet(images, labels, start, MEAN[:channels], STD[:channels], tuple("abcdefghij"[:classes]))


def a_record(result: dict, spec: dict | None = None) -> Record:
    return Record(spec or {}, "", "", "", {}, 1.0, 1.0, 1, result)


def a_distillation(updates=7, validation=()) -> Record:
    record = a_record({"losses": [{"loss": 2.0 ** -i} for i in range(updates)], "validation": list(validation)})
    record.__dict__["synthetic"] = a_set()
    record.__dict__["evolution"] = {0: a_set().start, 1200: a_set().images}
    return record


def scores(mean=0.9, seconds=10.0) -> Scores:
    """Of ten classes, as good on each."""
    return Scores(tuple({"accuracy": mean + d, "balanced_accuracy": mean + d, "confusion": [[1] * 10] * 10,
                         "train_seconds": seconds} for d in (-0.01, 0.0, 0.01)))


def polyp_scores(balanced=0.8, notes=()) -> Scores:
    """Of two classes, with an accuracy that must not be shown."""
    return Scores(tuple({"accuracy": 0.99, "balanced_accuracy": balanced + d, "auc": 0.9, "train_seconds": 1.0,
                         "confusion": [[300, 100], [100, 300]]} for d in (-0.01, 0.0, 0.01)), notes=notes)


def soft() -> SyntheticSet:
    synthetic = a_set()
    synthetic.learn_labels(torch.linspace(-1, 3, 18).view(6, 3), "targets")
    return synthetic


def a_network(name="ConvNetD2"):
    return build(name, 1, 3, 8, width=4, generator=torch.Generator().manual_seed(0))


def an_evaluation() -> Record:
    runs = [{"seed": seed, "losses": [1.0, 0.5, 0.2], "accuracy": 0.9} for seed in range(2)]
    how = {"name": "matched", "epochs": 3}
    return a_record({"runs": runs, "protocol": how, "training_images": 10},
                    {"network": "LeNet", "protocol": "matched", "of": {"type": "RandomReal"}})


def a_continual_run(mean=0.9) -> Record:
    runs = [{"by_step": [[mean + d], [mean - 0.1 + d, mean + d]], "accuracy": mean, "confusion": [[9, 1], [1, 9]],
             "after": [mean + d, mean - 0.05 + d]} for d in (0, 0.01, 0.02)]
    return a_record({"runs": runs, "steps": [[0], [1]], "classes": ["a", "b"]})


def a_search(proxy=0.0) -> Comparison:
    names = [candidate.name for candidate in NETWORKS.candidates]
    full = {name: 0.7 + 0.02 * i for i, name in enumerate(names)}
    return Comparison({name: full[name] - proxy * (-1) ** i for i, name in enumerate(names)}, full, 1.0, 9.0)


@cache
def a_league() -> Played:
    """Of two entrants on digits, who had little time."""
    league = of_profile("quick", ipcs=(1, 2), entrants=("dm", "datadam"), updates=2, epochs=2, seeds=2, width=4,
                        full=False)
    return play(league, root=tempfile.gettempdir() + "/ddkit-every-picture", quiet=True)


def a_membership(auc=0.6) -> Record:
    runs = [{"accuracy": 0.9 + d, "train_seconds": 1.0, **{name: {"auc": auc + d, "caught": {}}
                                                           for name in ("threshold", "lira")}} for d in (0, 0.01)]
    return a_record({"runs": runs, "members": 50, "training_images": 10})


def a_comparison() -> Record:
    """Of arms that met 1, 11 and 101 networks."""
    places = [("one network", 1, 0.5), ("pre-trained", 1, 0.55), *((arm, met, mean + met / 1000) for met in (11, 101)
              for arm, mean in (("pixels", 0.6), ("identity", 0.55), ("pre-trained", 0.58)))]
    rows = [{"arm": arm, "met": met, "rate": 0.01, "runs": [
        {"accuracy": mean + d, "loss": 1 - mean, "seconds": met / 10, "others": {}} for d in (0, 0.01)]}
        for arm, met, mean in places]
    first = [{"own": 0.9, "statistics_seconds": 2.0, "seconds": 3.0, "classes": ["a"]}]
    return a_record({"rows": rows, "first": first, "validation": []})


def an_attack(least=0.1) -> Record:
    left = [0.9, least]
    runs = [{"clean": 0.95 + d, "under": {name: [x + d for x in left] for name in ("noise", "fgsm", "pgd")}}
            for d in (0, 0.01)]
    return a_record({"runs": runs, "epsilons": [0.1, 0.3], "chance": 0.1})


@cache
def a_backdoor(share=0.2) -> Record:
    """Of small sets of digits, made in a moment."""
    of = Distill("digits", "kip", "course", ipc=2, updates=2, options=(("real_batch", 20),))
    asked = Backdoor(of, share, width=4, seeds=2, epochs=2)
    return run(asked, root=tempfile.gettempdir() + "/ddkit-every-picture", quiet=True)


def a_federation(averaged=False) -> Record:
    runs = [{"accuracy": 0.9 + d, "after": [0.5 + d, 0.9 + d], "up": 5000, "train_seconds": 1.0} for d in (0, 0.01)]
    full, made = Full("digits"), Distill("digits", "kip")
    return a_record({"runs": runs, "up": 40_000, "down": 40_000, "last": 40_000},
                    describe_spec(FedAvg(full, rounds=2) if averaged else OneShot(made)))


def a_recommendation(who="fake", ndcg=0.3) -> Record:
    runs = [{"seed": seed, "ndcg": ndcg + seed / 100, "after": [[0, 0.2], [10, ndcg]]} for seed in range(3)]
    return a_record({"runs": runs}, describe_spec(Recommend("tastes", who)))


NETWORKS = Networks((1, 2), (2,), ("none", "instance"), ("relu",), ("avg", "max"), number=5)


@cache
def stored():
    """The records that come with the repository."""
    return shelf(tempfile.mkdtemp(prefix="ddkit-no-runs-"))


@cache
def samples():
    return next(of for of in judged(stored()).values() if len(of) > 2)


@cache
def digits():
    return ddkit.load("digits-0-1-2")


@cache
def a_student() -> Following:
    """Of two experts, who had little time."""
    options = {"batch": 5, "expert_batch": 64, "expert_epochs": 5, "expert_lr": 0.1, "expert_span": 1, "experts": 2,
               "final_start": 1, "last_start": 1, "learned_labels": True, "student_steps": 3, "left_out": 0.0}
    spec = Distill("digits-0-1-2", "trajectory", "pad", ipc=2, network="ConvNetD2", width=4, updates=3,
                   options=tuple(sorted(options.items())))
    made = [ddkit.run(one, root=tempfile.gettempdir() + "/ddkit-every-picture", quiet=True) for one in (spec.experts,
                                                                                                     spec)]
    return Following(*made, digits())


def trajectories():
    order = torch.arange(len(digits().train))
    return SimpleNamespace(accuracies=[[0.1, 0.8, 0.9], [0.2, 0.7, 0.95]],
                           difficulty=(order, torch.linspace(0, 1, len(order))))


def groups():
    return {"assignment": {"full data": scores(0.99), "random real": scores(0.75), "DataDAM": scores(0.78)},
            "standard": {"random real": scores(0.94), "DataDAM": scores(0.96), "start: noise": scores(0.11)}}


def a_set_of_digits() -> SyntheticSet:
    return SyntheticSet.from_real(digits(), 4, stream(0, "every picture"))


PICTURES = {
    "image_grid": lambda: plots.image_grid(a_set()),
    "families": lambda: plots.families([("one", "to agree", [("A", 2), ("B", None)]), ("two", "to differ", [])]),
    "compared": lambda: plots.compared([
        Panel("one", "lines agree", "A, B", "lines", torch.rand(5), torch.rand(5)),
        Panel("two", "maps agree", "C", "map", torch.rand(4, 4), torch.rand(4, 4)),
        Panel("three", "points agree", "D", "points", torch.rand(3, 2), torch.rand(3, 2)),
        Panel("four", "paths agree", "E", "path", torch.rand(3, 2), torch.rand(3, 2))]),
    "decoded": lambda: plots.decoded(digits(), {"a": digits().train.images[:3], "b": digits().train.images[:9]}, "two"),
    "idea": lambda: plots.idea(digits(), SyntheticSet.from_real(digits(), 10, stream(0, "")), groups()["assignment"]),
    "image_rows": lambda: plots.image_rows(digits(), {"a": digits().train.images[:3]}, "one row"),
    "captioned": lambda: plots.captioned(digits(), digits().train.images[:3], ("a", "b", "c"), "three"),
    "start_end_difference": lambda: plots.start_end_difference(a_set()),
    "evolution": lambda: plots.evolution(a_distillation()),
    "attention_maps": lambda: plots.attention_maps(a_network(), a_set().start[:2], a_set().images[:2], MEAN[:1],
                                                   STD[:1]),
    "embedding_2d": lambda: plots.embedding_2d(a_network("MLP"), Split(a_set().start, a_set().labels), a_set(), 3),
    "bars": lambda: plots.bars(groups(), 0.11),
    "two_ways": lambda: plots.two_ways(groups(), 0.11, "by two protocols"),
    "windows": lambda: plots.windows({0.5: [0.6, 0.9, 1.0]}, [Window(1, 0.5, 0.2), Window(3, 1.0, 1.0)], "three steps"),
    "graph_memory": lambda: plots.graph_memory({"stepwise": {1: 2**20, 9: 2**21}}, "of a training"),
    "transfer_heatmap": lambda: plots.transfer_heatmap(groups()),
    "accuracy_against_time": lambda: plots.accuracy_against_time(groups()["assignment"]),
    "loss_curve": lambda: plots.loss_curve({"one": a_distillation(), "two": a_distillation(9, [(3, 0.5), (6, 0.7)])}),
    "training_curve": lambda: plots.training_curve(an_evaluation()),
    "kernel_matrix": lambda: kernel_plots.kernel_matrix(torch.eye(6) + 0.5, a_set()),
    "label_heatmap": lambda: kernel_plots.label_heatmap(soft()),
    "expert_curves": lambda: expert_plots.expert_curves(trajectories()),
    "difficulty": lambda: expert_plots.difficulty(digits(), trajectories()),
    "matched_epochs": lambda: expert_plots.matched_epochs(Config(updates=20)),
    "accuracy_against_ipc": lambda: expert_plots.accuracy_against_ipc(
        {"PAD": {1: scores(0.7), 10: scores(0.96)}, "random real": {1: scores(0.5), 10: scores(0.93)}}, scores(0.99),
        0.002),
    "accuracy_after_each_step": lambda: continual_plots.accuracy_after_each_step(
        {"random": a_continual_run(), "herding": a_continual_run(0.95)}),
    "step_matrix": lambda: continual_plots.step_matrix(a_continual_run()),
    "proxy_against_truth": lambda: search_plots.proxy_against_truth({"DataDAM": a_search(0.02), "random": a_search()}),
    "exposure": lambda: privacy_plots.exposure({"KIP": a_membership(), "random real": a_membership(0.52)}),
    "accuracy_by_epsilon": lambda: robustness_plots.accuracy_by_epsilon(
        {"full data": an_attack(), "random real": an_attack(0.3), "KIP": an_attack(0.2)}),
    "accuracy_by_network": lambda: robustness_plots.accuracy_by_network(
        {"MLP": {"full data": an_attack(), "KIP": an_attack(0.2)}, "ConvNet": {"KIP": an_attack(0.3)}}),
    "attacked_against_clean": lambda: robustness_plots.attacked_against_clean(
        {"MLP": {"full data": an_attack(), "KIP": an_attack(0.2)}, "ConvNet": {"KIP": an_attack(0.3)}}, 0.1),
    "success_by_share": lambda: backdoor_plots.success_by_share({"KIP": {0.0: a_backdoor(0.0), 0.2: a_backdoor()}}),
    "target_images": lambda: backdoor_plots.target_images({"KIP": {0.0: a_backdoor(0.0), 0.2: a_backdoor()}}),
    "suspicions": lambda: backdoor_plots.suspicions(torch.rand(3, 5, 5), "abc"),
    "against_networks": lambda: few_plots.against_networks({"1 per class": {"glyphs": a_comparison()}}),
    "against_seconds": lambda: few_plots.against_seconds({"1 per class": {"glyphs": a_comparison()}}),
    "own_and_fresh": lambda: few_plots.own_and_fresh({"the start": (scores(0.5), scores(0.52)),
                                                      "500 updates": (scores(0.95), scores(0.8))}),
    "pretraining_curve": lambda: few_plots.pretraining_curve(
        {"glyphs": a_record({"losses": [0.9 - i / 1000 for i in range(100)]})}),
    "accuracy_against_bytes": lambda: federated_plots.accuracy_against_bytes(
        {"alpha 0.1": {"KIP": a_federation(), "FedAvg": a_federation(averaged=True)}}),
    "deals": lambda: federated_plots.deals({"alpha 0.1": torch.tensor([[3, 0, 5], [0, 4, 1]]).numpy()}),
    "edges": lambda: graph_plots.edges(torch.rand(6, 6), torch.arange(3).repeat_interleave(2), ("a", "b", "c")),
    "accuracies": lambda: text_plots.accuracies({1: {"random texts": {
        seed: a_record({"runs": [{"accuracy": 0.8 + seed / 100}]}) for seed in range(3)}}}),
    "ndcg": lambda: recommender_plots.ndcg({"learned": a_recommendation(), ALL_USERS: a_recommendation("all", 0.32)}),
    "ranked": lambda: league_plots.ranked(a_league()),
    "against_minutes": lambda: league_plots.against_minutes(a_league()),
    "against_bytes": lambda: league_plots.against_bytes(a_league()),
    "by_choice": lambda: search_plots.by_choice(a_search().full, NETWORKS),
    "attention_of_sides": lambda: moving.attention_of_sides(moving.Attending(a_set_of_digits(), digits(), width=4), 0,
                                                            1, 2, 0),
    "augmentation_of_both": lambda: moving.augmentation_of_both(
        moving.Augmenting(a_set_of_digits(), digits()), augment.Draw("crop", torch.full((1, 4), 0.3)), augment.FIELD,
        1),
    "growth": lambda: moving.growth(growths(stored())[0], next(iter(growths(stored())[0].curves))),
    "comparison": lambda: moving.comparison(*samples()[:2]),
    "moment": lambda: moving.moment(evolving(stored())[0], evolving(stored())[0].updates[1]),
    "trajectory_map": lambda: trajectory_map(a_student(), ALL, Place(0, 1, 1, 3)),
    "progress": lambda: progress([3.0, 2.0, 1.0], [(1, 0.5), (3, 0.6)], 9),
    "along": lambda: along(grids()[0], next(iter(grids()[0].axes)), {n: v[0] for n, v in grids()[0].axes.items()}),
}
