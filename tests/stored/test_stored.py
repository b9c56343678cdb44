"""What is at hand is found by being there, and says what the records say."""

import json
import shutil
import statistics
from dataclasses import is_dataclass, replace
from types import SimpleNamespace

import pytest
import torch

from ddkit.applications.graphs import Condense, CondensePlan
from ddkit.data import SOURCES
from ddkit.runs import RECORD, REFERENCE, evolution
from ddkit.runs.shipped import shelves
from ddkit.runs.spec import Source, key
from ddkit.specs import Coreset, Distill, Evaluate, File, Full, RandomReal, Start, restore_spec
from ddkit.stored import Evolving, evolving, growths, judged, lead, meaning, shelf, tell_apart
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.budget import storage, storage_of
from ddkit.training.leads import Lead

EVALUATIONS = sorted(path.parent for path in REFERENCE.glob(f"evaluate-*/{RECORD}"))


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return shelf(tmp_path_factory.mktemp("no runs"))


def test_every_record_is_found_once_and_none_is_needed(tmp_path, everything):
    folders = {path.parent for path in REFERENCE.glob(f"*/{RECORD}")}
    assert {one.record.folder for one in everything.runs} == folders and len(everything.runs) == len(folders)
    nothing = shelf(tmp_path / "missing", tmp_path)
    assert (nothing.runs, nothing.unread, judged(nothing), growths(nothing), evolving(nothing)) == ((), (), {}, [], [])


def test_a_run_made_here_goes_before_the_one_that_came_and_a_damaged_one_is_told(tmp_path):
    name = EVALUATIONS[0].name
    shutil.copytree(EVALUATIONS[0], tmp_path / name)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / RECORD).write_text("{}", encoding="utf-8")
    found = shelf(tmp_path)
    (one,) = [stored for stored in found.runs if stored.spec.name == name]
    assert one.record.folder == tmp_path / name
    assert len(found.unread) == 1 and "broken" in found.unread[0]


def test_every_evaluation_stands_before_its_judge_with_the_scores_of_its_file(everything):
    samples = [sample for of in judged(everything).values() for sample in of]
    single = {sample.records[0].folder: sample for sample in samples if sample.sets == 1}
    assert set(single) == set(EVALUATIONS)
    for folder, sample in single.items():
        written = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        metric = "balanced_accuracy" if "auc" in written["result"]["runs"][0] else "accuracy"
        assert sample.by_seed == {run["seed"]: run[metric] for run in written["result"]["runs"]}
        asked = restore_spec(written["spec"])
        assert (sample.judge.protocol, sample.judge.network, sample.epochs, sample.judge.fingerprint) == (
            asked.protocol, asked.network, written["result"]["epochs"], written["fingerprint"])
        assert sample.source == asked.of


def test_names_tell_apart_whatever_stands_before_one_judge(everything):
    for samples in judged(everything).values():
        called = [(sample.name, sample.epochs) for sample in samples]
        assert len(set(called)) == len(called)


def test_sets_of_several_seeds_make_one_sample_with_a_value_for_each_set(everything):
    several = [sample for of in judged(everything).values() for sample in of if sample.sets > 1]
    assert several
    for sample in several:
        seeds = [(one.spec.of.of if isinstance(one.spec.of, Start) else one.spec.of).seed for one in sample.runs]
        assert len(set(seeds)) == len(seeds) == sample.sets
        assert sample.by_seed == {seed: statistics.fmean(one.record.scores.headline.values)
                                  for seed, one in zip(seeds, sample.runs, strict=True)}


def test_of_evaluations_that_differ_in_their_number_of_seeds_the_longer_stands(tmp_path):
    source = EVALUATIONS[-1]
    shutil.copytree(source, tmp_path / source.name)
    content = json.loads((source / RECORD).read_text(encoding="utf-8"))
    fewer = replace(restore_spec(content["spec"]), seeds=1)
    one = shelf(tmp_path, tmp_path).runs[0].record
    one.spec, one.result["runs"], one.folder = one.spec | {"seeds": 1}, one.result["runs"][:1], tmp_path / fewer.name
    one.folder.mkdir()
    one.save()
    found = shelf(tmp_path, tmp_path)
    assert len(found.runs) == 2
    (samples,) = judged(found).values()
    assert [sample.records[0].folder.name for sample in samples] == [source.name]


def pairs(everything):
    return [(one, other) for samples in judged(everything).values() for one in samples for other in samples
            if one is not other]


def test_seeds_are_paired_only_where_they_drew_the_same(everything):
    kinds = set()
    for one, other in pairs(everything):
        shared = one.by_seed.keys() & other.by_seed.keys()
        networks = one.sets == other.sets == 1
        starts = one.sets > 1 and other.sets > 1 and one.drawn_from == other.drawn_from
        assert lead(one, other).paired == ((networks or starts) and len(shared) > 1)
        kinds.add((networks, starts, len(shared) > 1))
    assert {(True, False, True), (True, False, False), (False, True, True), (False, False, True)} <= kinds
    (first, *_), (second, *_) = (samples for judge, samples in judged(everything).items() if judge.network != "NTK"
                                 and judge.protocol == "standard" and judge.dataset == "mnist" and judge.width is None
                                 and judge.network in ("LeNet", "MLP"))
    assert not lead(first, second).paired, "other networks have other weights"


def test_a_lead_is_that_of_the_scores_of_the_files(everything):
    for one, other in pairs(everything):
        for most in (None, 2):
            assert lead(one, other, most) == Lead.of(one.by_seed, other.by_seed, paired=lead(one, other).paired,
                                                     most=most)


def test_null_results_are_among_the_choices(everything):
    found = [lead(one, other) for one, other in pairs(everything)]
    verdicts = {words: sum(words in one.verdict for one in found)
                for words in ("Told apart", "Not told apart from chance", "No standard error")}
    assert all(verdicts.values()), verdicts


SOURCES_OF_A_KIND = [Full("digits"), RandomReal("digits", 3), Coreset("digits", 3), Distill("digits", ipc=3),
                     Distill("digits", ipc=3, init="noise"), Start(Distill("digits", ipc=3)),
                     Start(Distill("digits", "trajectory", "pad", ipc=3)), File("a/b.pt", "0" * 64, "digits"),
                     Condense("cora", 3), Condense("cora", 3, CondensePlan(graph=False))]


def test_no_kind_of_source_is_missing_above():
    def kinds(base):
        return {base, *(found for kind in base.__subclasses__() for found in kinds(kind))}

    asked = {kind for kind in kinds(Source) if kind.__module__.startswith("ddkit.") and is_dataclass(kind)}
    assert asked == {type(source) for source in SOURCES_OF_A_KIND}


@pytest.mark.parametrize("root", shelves(), ids=lambda root: root.name)
def test_runs_of_any_shelf_may_lie_among_ones_own(root, everything):
    """Whoever did the lessons on graphs, texts and few-shot sets has such runs beside those of images."""
    beside, alone = judged(shelf(root)), judged(everything)
    for judge, samples in beside.items():
        names = [(sample.name, sample.epochs) for sample in samples]
        assert len(set(names)) == len(names)
        shown = {sample.records[0].name for sample in samples if sample.sets == 1}
        assert shown >= {sample.records[0].name for sample in alone.get(judge, []) if sample.sets == 1}


def test_condensations_are_called_as_their_paper_has_them():
    learned, none, faster = (Condense("cora", 3, CondensePlan(**knobs))
                             for knobs in ({}, {"graph": False}, {"row_lr": 0.1}))
    assert tell_apart([learned, none, faster]) == {
        learned: "gcond, 3 per class", none: "gcond-x, 3 per class", faster: "gcond, 3 per class, row_lr 0.1"}


@pytest.mark.parametrize("source", SOURCES_OF_A_KIND, ids=lambda source: type(source).__name__)
def test_every_kind_of_source_has_a_name_and_a_meaning(source):
    (name,) = tell_apart([source]).values()
    assert name and "(" not in name
    assert meaning(source) == {Full: "full", RandomReal: "random", Start: "start"}.get(type(source), "method")


@pytest.mark.parametrize(("changes", "words"), [
    ({"seed": 3}, "seed 3"), ({"width": 8}, "width 8"), ({"updates": 7}, "updates 7"),
    ({"options": (("lam", 0.5),)}, "lam 0.5"), ({"precision": "bfloat16"}, "precision bfloat16")])
def test_sets_of_one_name_are_told_apart_by_what_differs(changes, words):
    one, other = Distill("digits", ipc=3), Distill("digits", ipc=3, **changes)
    names = tell_apart([one, other])
    assert words in names[other] and names[one] != names[other]
    assert words not in tell_apart([other])[other]


LONG = "color_crop_cutout_flip_scale"
DECODED = Distill("digits", "gradient", form="decoder", form_options={"width": 4})


@pytest.mark.parametrize(("one", "other"), [
    (Distill("digits", "gradient", options={"operations": LONG}),
     Distill("digits", "gradient", options={"operations": f"{LONG}_rotate"})),
    (replace(DECODED, width=8), replace(DECODED, width=16))], ids=["in its last letters", "beside the form's"])
def test_what_differs_in_any_letter_has_a_name_of_its_own(one, other):
    for pair in ((one, other), (Start(one), Start(other))):
        names = tell_apart(pair)
        assert len({*names.values()}) == 2 or key(pair[0]) == key(pair[1]), names


def test_curves_hold_every_sample_with_a_number_of_images_once(everything):
    by_judge = judged(everything)
    for growth in growths(everything):
        sized = [s for s in by_judge[growth.judge] if not isinstance(s.source, Full) and s.epochs == growth.epochs]
        shown = {one.record.folder for curve in growth.curves.values() for point in curve.points.values()
                 for one in point.sample.runs}
        assert shown == {one.record.folder for sample in sized for one in sample.runs}
        assert sum(point.sample.sets for c in growth.curves.values() for point in c.points.values()) == len(shown)


def test_a_curve_goes_on_though_options_follow_the_images_and_variants_of_one_number_are_apart(everything):
    names = {(g.judge.dataset, g.judge.network, g.judge.protocol, g.epochs): {
        name: list(c.points) for name, c in g.curves.items()} for g in growths(everything) if g.judge.width in (16, 32)}
    polyps, digits = (names[key] for key in (("mhist_like", "ConvNetD4BN", "standard", 100),
                                             ("mnist", "ConvNetD3", "standard", 1000)))
    assert polyps["datadam"] == [10, 50], "whose image rates differ"
    assert digits["datadam"] == [1, 2, 5, 10, 20] and digits["datadam, precision bfloat16"] == [10]
    assert digits["datadam, judged in bfloat16"] == [10]


def test_bytes_are_those_of_the_set_or_of_as_many_images(everything):
    for growth in growths(everything):
        source = SOURCES[growth.judge.dataset]
        numbers = len(source.mean) * (growth.judge.size or source.size) ** 2
        for curve in growth.curves.values():
            for ipc, point in curve.points.items():
                real = curve.meaning == "random" or isinstance(point.sample.source, Coreset) or (
                    curve.meaning == "start" and point.sample.source.of.init == "real")
                if point.made and curve.meaning == "method":
                    assert point.bytes == storage(point.made.synthetic)
                elif point.made and not point.sample.source.drawn and point.made.synthetic.start_labels is not None:
                    labels = point.made.synthetic.start_labels  # that are soft
                    assert point.bytes == ipc * source.classes * numbers + 4 * labels.numel()
                else:
                    assert point.bytes == storage_of(ipc * source.classes, numbers, learned=not real)
            assert curve.within(0) is None
            assert curve.within(growth.bytes[-1]) is list(curve.points.values())[-1]


def test_what_is_missing_is_asked_for_as_the_nearest_point_was(everything):
    for growth in growths(everything):
        for curve in growth.curves.values():
            for ipc in (*curve.points, 7):
                asked = curve.wanted(ipc)
                assert isinstance(asked, Evaluate) and curve.wanted(ipc) == asked
                asked.check()
                if ipc in curve.points:
                    assert asked == curve.points[ipc].sample.runs[0].spec


def test_full_data_are_those_of_the_same_network(everything):
    found = [growth for growth in growths(everything) if growth.full]
    assert found
    for growth in found:
        assert isinstance(growth.full.source, Full)
        assert (growth.full.judge.network, growth.full.judge.width, growth.full.judge.fingerprint) == (
            growth.judge.network, growth.judge.width, growth.judge.fingerprint)


def test_what_evolved_is_what_kept_its_images(everything):
    found = evolving(everything)
    assert {run.record.folder for run in found} == {p.parent for p in REFERENCE.glob("*/evolution.safetensors")}
    assert len({run.name for run in found}) == len(found)
    for run in found[:3]:
        assert run.updates[0] == 0 and run.updates[-1] == run.record.updates == len(run.losses)
        assert 0 == run.moved(0) < run.moved(run.updates[-1])
        assert run.moved(run.updates[-1]) <= run.record.result["moved"] * max(run.record.synthetic.std) * (1 + 1e-5)
        assert run.pixels(0).equal(run.record.synthetic.pixels(run.record.synthetic.start))


def test_what_was_kept_as_pictures_is_compared_with_the_start_as_a_picture(tiny, tmp_path):
    synthetic = SyntheticSet.begin("noise", tiny, 2, torch.Generator().manual_seed(0))  # darker and brighter than any
    start, path = synthetic.start, tmp_path / "evolution.safetensors"
    synthetic.images = start + 1
    evolution.write(path, {0: start, 1: start + 1e-5, 2: synthetic.images}, synthetic)
    record = SimpleNamespace(evolution=evolution.read(path, synthetic), synthetic=synthetic)
    run = Evolving(Distill("digits"), "", "", record)
    assert run.moved(0) == 0 and run.moved(1) < start.numel() ** 0.5 / 255 / 2 < run.moved(2)


def test_sets_of_forms_are_told_from_pixels_and_from_one_another():
    pixels = Distill("digits", ipc=1)
    cells = [replace(pixels, form="multi-formation", form_options={"factor": factor}) for factor in (2, 3)]
    named = tell_apart([pixels, *cells, *map(Start, (pixels, *cells))])
    assert list(named.values()) == [
        "datadam, 1 per class", "datadam as multi-formation, 1 per class, factor 2",
        "datadam as multi-formation, 1 per class, factor 3", "start: real, 1 per class",
        *(f"start: real as multi-formation, 1 per class, factor {factor}" for factor in (2, 3))]
