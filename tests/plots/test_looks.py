"""What a series stands for decides how it looks, in every picture and in grey; maps and whiskers say what they show."""

import itertools
from dataclasses import replace

import matplotlib
import pytest
from every_picture import PICTURES, a_continual_run, a_distillation, a_record, a_set, an_evaluation, scores
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer

from ddkit import methods, plots
from ddkit.applications.continual import plots as continual_plots
from ddkit.methods import coresets
from ddkit.methods.method import Method
from ddkit.plots import experts as expert_plots
from ddkit.plots.looks import LOOKS, SPARE, Look, lightness, look, looks, meaning_of
from ddkit.specs import Coreset, Distill, Evaluate, Full, RandomReal, Start, describe_spec

EVERY = sorted({*LOOKS, *methods.METHODS, *coresets.METHODS})
OF_METHOD = {name: Distill("digits", name) for name in methods.METHODS}
SOURCES = {"full": Full("digits"), "random": RandomReal("digits", 3), "start": Start(Distill("digits")), **OF_METHOD,
           **{name: Coreset("digits", 3, name, "MLP") for name in coresets.METHODS if name != "random"}}


def of(source, **values):
    """Scores that know what they came from."""
    return replace(scores(**values), spec=describe_spec(Evaluate(source)))


def alike_in_grey(one: Look, other: Look) -> bool:
    return one.hatch == other.hatch and abs(lightness(one.color) - lightness(other.color)) < 0.15


def test_all_methods_that_ship_have_a_look_of_their_own():
    assert set(EVERY) == set(LOOKS) == set(SOURCES)


def test_meanings_differ_in_grey_by_hatch_or_by_much_lightness():
    shown = [*LOOKS.values(), *SPARE]
    assert not [pair for pair in itertools.combinations(shown, 2) if alike_in_grey(*pair)]


def test_meanings_differ_by_marker_and_no_line_is_too_pale_for_paper():
    shown = [*LOOKS.values(), *SPARE]
    assert len({one.marker for one in shown}) == len(shown)
    assert all(lightness(one.variant(n).ink) < 0.6 for one in shown for n in range(5))


@pytest.mark.parametrize("meaning", EVERY)
def test_what_begins_from_noise_is_a_paler_kind_of_the_same(meaning):
    plain, pale = look(meaning), look(meaning, 1)
    assert lightness(pale.color) > lightness(plain.color) + 0.05 and pale.marker == plain.marker and pale.hollow
    assert pale.ink == plain.ink and pale.line != plain.line


@pytest.mark.parametrize("meaning", SOURCES)
def test_the_run_decides_not_the_name(meaning):
    source = SOURCES[meaning]
    record = a_record({}, describe_spec(Evaluate(source)))
    for known in (source, Evaluate(source), of(source), record, describe_spec(source)):
        assert meaning_of(known, "start of mine") == (meaning, 0)
    assert meaning_of(a_record({}, {"type": "Of an application", "memory": describe_spec(source)})) == (meaning, 0)


@pytest.mark.parametrize("meaning", methods.METHODS)
def test_sets_know_what_made_them_and_how_they_began(meaning):
    made = replace(a_set(), origin={"method": meaning, "init": "noise", "dataset": "digits"})
    assert meaning_of(made) == meaning_of(Distill("digits", meaning, init="noise")) == (meaning, 1)
    assert meaning_of(Start(Distill("digits", meaning, init="noise"))) == ("start", 1)


@pytest.mark.parametrize(("name", "meaning", "number"), [
    ("full data", "full", 0), ("random real", "random", 0), ("random, as many bytes", "random", 0),
    ("DataDAM", "datadam", 0), ("DataDAM, GDumb", "datadam", 0), ("datadam from noise", "datadam", 1),
    ("PAD", "trajectory", 0), ("PAD, mnist", "trajectory", 0), ("DATM", "trajectory", 0),
    ("PAD's start", "start", 0), ("start: noise", "start", 1), ("KIP", "kip", 0), ("RFAD", "rfad", 0),
    ("FRePo", "frepo", 0), ("herding", "herding", 0), ("k-centre", "k-centre", 0), ("forgetting", "forgetting", 0),
    ("early stopping", "", 0), ("mine", "", 0), ("course", "", 0), ("", "", 0)])
def test_names_are_read_where_no_run_is_known(name, meaning, number):
    assert meaning_of(None, name) == (meaning, number)


@pytest.mark.parametrize("order", [EVERY, EVERY[::-1], EVERY[3:8]])
def test_every_picture_shows_a_meaning_alike_whatever_stands_beside_it(order):
    found = {name: of(SOURCES[name], mean=0.5 + 0.04 * index) for index, name in enumerate(order)}
    records = {name: replace(a_distillation(), spec=describe_spec(SOURCES[name])) for name in order}
    bars = plots.bars({"a": found}, 0.1)
    assert [to_hex(bar.get_facecolor()) for bar in bars.axes[0].patches] == [LOOKS[name].color for name in order]
    assert [bar.get_hatch() or "" for bar in bars.legends[0].legend_handles] == [LOOKS[name].hatch for name in order]
    losses = plots.loss_curve(records).axes[0].lines[1::2]
    steps = {name: replace(a_continual_run(), spec=records[name].spec) for name in order}
    sizes = {name: {1: one, 9: one} for name, one in found.items()}
    whiskers = [figure.axes[0].containers for figure in (
        plots.accuracy_against_time(found), continual_plots.accuracy_after_each_step(steps),
        expert_plots.accuracy_against_ipc(sizes, scores(), 0.01))]
    for lines in (losses, *([one.lines[0] for one in containers] for containers in whiskers)):
        assert [to_hex(line.get_color()) for line in lines] == [LOOKS[name].ink for name in order]
        assert [line.get_marker() for line in lines] == [LOOKS[name].marker for name in order]
    rows = plots.transfer_heatmap({name: {"MLP": one} for name, one in found.items()}).axes[0].patches
    assert [to_hex(patch.get_facecolor()) for patch in rows] == [LOOKS[name].color for name in order]


@pytest.mark.parametrize("meaning", [*EVERY, "unknown"])
def test_many_of_one_meaning_are_told_apart(meaning):
    names = [f"{meaning} {number}" for number in range(9)]
    shown = looks({name: SOURCES.get(meaning) for name in names}).values()
    assert len({(one.color, one.hatch) for one in shown}) == 9
    assert len({(one.ink, one.marker, one.line, one.hollow) for one in list(shown)[:5]}) == 5


def test_a_method_that_is_dropped_in_has_a_look_at_once_and_the_others_keep_theirs(monkeypatch):
    before = looks(dict.fromkeys(["DataDAM", "mine"]))
    monkeypatch.setitem(methods.METHODS, "shift", type("Shift", (Method,), {"PRESETS": {"course": {}}}))
    after = looks({"DataDAM": None, "it": {"type": "Distill", "method": "shift"}, "mine": None})
    assert after["DataDAM"] == before["DataDAM"]
    assert after["it"] == SPARE[0] and after["mine"] not in (after["it"], after["DataDAM"])


@pytest.mark.parametrize("name", ["transfer_heatmap", "step_matrix", "kernel_matrix", "label_heatmap"])
def test_maps_have_a_scale_and_say_over_how_many(name):
    axes, scale = PICTURES[name]().axes
    assert scale.get_ylabel() and "n = " in axes.get_xlabel()


def test_the_cells_of_a_map_say_how_many_where_they_differ():
    one = replace(scores(), runs=scores().runs[:1])
    axes, _ = plots.transfer_heatmap({"a": {"x": one, "y": scores()}}).axes
    assert [text.get_text() for text in axes.texts] == ["89.0\nn = 1", "90.0 ± 1.0\nn = 3"]
    assert "n = 1 to 3 each" in axes.get_xlabel()


@pytest.mark.parametrize("draw", PICTURES.values(), ids=list(PICTURES))
def test_whiskers_say_what_they_are_and_over_how_many(draw):
    figure = draw()
    if any(isinstance(one, ErrorbarContainer) or getattr(one, "errorbar", None) is not None
           for axes in figure.axes for one in axes.containers):
        assert any(words in figure.alt for words in ("standard deviation", "95 % interval", "standard error"))
        assert "n = " in figure.alt


@pytest.mark.parametrize("means", [(0.96, 0.95, 0.94), (0.5, 0.51), (0.9, 0.05), (0.99, 0.985), (0.3, 0.9)])
def test_bars_show_what_differs_and_say_where_they_begin(means):
    found = {f"set {index}": scores(mean) for index, mean in enumerate(means)}
    (axes,) = plots.bars({"all": found}, 0.1).axes
    low, high = axes.get_ylim()
    shown = [100 * mean for mean in means if mean > 0.15]
    assert low < min(shown) - 1 and max(shown) + 1 < high
    assert (max(shown) - min(shown) + 2) / (high - low) > 0.3
    assert axes.get_xlabel() == (f"axis begins at {low:g} %" if low else "")
    below = [mean for mean in means if 100 * mean < low]
    assert len([text for text in axes.texts if "↓" in text.get_text()]) == len(below)


def test_a_point_at_chance_does_not_hide_how_the_others_differ():
    axes = plots.accuracy_against_time({"a": scores(0.96), "b": scores(0.95), "start": scores(0.1)}).axes[0]
    assert axes.get_ylim()[0] > 80 and f"begins at {axes.get_ylim()[0]:g} %" in axes.get_ylabel()
    assert "start: 10.0 %, at chance ↓" in [text.get_text() for text in axes.texts]


def test_seeds_of_one_network_have_its_colour():
    axes = plots.training_curve(an_evaluation()).axes[0]
    assert {to_hex(line.get_color()) for line in axes.lines} == {LOOKS["random"].ink}
    assert len({line.get_linestyle() for line in axes.lines}) == 2


def test_colours_are_matplotlibs_own():
    assert all(matplotlib.colors.is_color_like(one.color) for one in (*LOOKS.values(), *SPARE))
