"""Pictures of stored records show the records' own numbers, whole or only where they move."""

import bisect
import io
import itertools
import json
import statistics

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from ddkit.foundation.errors import InputError
from ddkit.plots.moving import Comparison, Growing, Losses, Moments, Stage, comparison, growth, moment
from ddkit.plots.moving.growth import beside, in_bytes
from ddkit.plots.moving.moments import mosaic
from ddkit.plots.style import SIGNED
from ddkit.runs import RECORD
from ddkit.stored import evolving, growths, judged, lead, shelf


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return shelf(tmp_path_factory.mktemp("no runs"))


@pytest.fixture(scope="module")
def samples(everything):
    """Of every judge the samples, by their name."""
    return list(judged(everything).values())


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def accuracies(sample) -> dict[int, float]:
    """In percent, read from the record's file itself."""
    written = json.loads((sample.records[0].folder / RECORD).read_text(encoding="utf-8"))["result"]["runs"]
    return {run["seed"]: 100 * run["balanced_accuracy" if "auc" in run else "accuracy"] for run in written}


def every_kind_of_pair(samples):
    """One pair for each way that seeds can be paired and sets can be sized."""
    found = {}
    for of in samples:
        for one, other in itertools.combinations(of, 2):
            kind = (one.sets > 1, other.sets > 1, lead(one, other).paired, lead(one, other).seeds, len(one.classes))
            found.setdefault(kind, (one, other))
    return list(found.values())


def test_bars_show_the_means_and_dots_the_seeds_of_the_files(samples):
    pairs = [pair for pair in every_kind_of_pair(samples) if all(sample.sets == 1 for sample in pair)]
    assert len(pairs) > 4
    for one, other in pairs:
        drawn = Comparison(one, other)
        seeds = drawn.most
        for counted in {1, seeds}:
            drawn.show(counted)
            for sample, bar, dots in zip((one, other), drawn._bars, drawn._dots, strict=True):
                found = list(accuracies(sample).values())[:counted]
                assert dots.get_ydata() == pytest.approx(found)
                assert bar.get_y() + bar.get_height() == pytest.approx(statistics.fmean(found))
                bottom, top = bar.axes.get_ylim()
                assert bottom == bar.get_y() and all(bottom < value < top for value in found)


def test_no_seed_is_cut_off_however_far_it_is_from_the_mean(samples):
    polyps = [sample for of in samples for sample in of if sample.ipc == 50 and len(sample.classes) == 2]
    for pair in itertools.combinations(polyps, 2):
        drawn = Comparison(*pair)
        bottom, top = drawn.figure.axes[0].get_ylim()
        assert all(bottom < value < top for values in drawn.values(drawn.most) for value in values)


def test_the_lead_is_drawn_for_every_number_of_seeds_and_filled_where_told_apart(samples):
    for one, other in every_kind_of_pair(samples):
        drawn = Comparison(one, other)
        for seeds in range(1, drawn.most + 1):
            drawn.show(seeds)
            found = lead(one, other, seeds)
            (at,), (height,) = drawn._ring.get_data()
            assert at == seeds
            assert np.isnan(height) if found.error is None else height == pytest.approx(
                max(-100, min(100, found.in_errors)))
            assert " ".join(drawn._verdict.get_text().split()) == found.verdict
            assert f"{100 * found.gap:+.2f} points" in drawn._words.get_text()
        for told, line in zip((True, False), drawn.figure.axes[1].lines[1:3], strict=True):
            assert set(line.get_xdata()) == {n for n in drawn.leads if drawn.leads[n].told_apart == told
                                             and drawn.leads[n].error is not None}


def test_confusions_are_summed_over_the_seeds_counted(samples):
    for one, other in every_kind_of_pair(samples):
        drawn = Comparison(one, other)
        for counted in {1, drawn.most}:
            drawn.show(counted)
            for sample, image in zip((one, other), drawn._images, strict=True):
                if sample.sets == 1:
                    runs = sample.records[0].result["runs"][:counted]
                    whole = np.sum([run["confusion"] for run in runs], axis=0)
                    np.fill_diagonal(expected := 100 * whole / whole.sum(1, keepdims=True), np.nan)
                    np.testing.assert_allclose(np.ma.filled(image.get_array(), np.nan), expected)


def test_what_is_no_mistake_is_hatched_for_in_grey_its_colour_could_be_a_share(samples):
    drawn = Comparison(*every_kind_of_pair(samples)[0])
    for image in drawn._images:
        assert np.isnan(np.ma.filled(image.get_array(), np.nan)).any(), "the hatch shows through"
        (behind,) = image.axes.patches
        assert behind.get_hatch() and behind.get_zorder() < image.get_zorder()


@pytest.mark.parametrize("seeds", [0, 99])
def test_more_seeds_than_there_are_are_refused(samples, seeds):
    with pytest.raises(InputError, match="seeds can be counted"):
        comparison(*samples[0][:2], seeds)


def test_only_what_moves_is_drawn_again_and_the_whole_is_the_same(samples, everything):
    (run, *_), (grown, *_) = evolving(everything), growths(everything)
    losses, curve = Losses(run), Growing(grown, next(iter(grown.curves)))
    compared = Comparison(*every_kind_of_pair(samples)[0])
    for drawn, states in ((losses, [(0,), (run.updates[-1],)]), (compared, [(1,), (compared.most,)]),
                          (curve, [(10, grown.bytes[0]), (20, grown.bytes[-1])])):
        stage = Stage(drawn.figure, drawn.moving)
        pictures = []
        for state in (*states, states[0]):
            drawn.show(*state)
            pictures.append(decoded(stage.png()))
        assert (pictures[0] == pictures[2]).all() and (pictures[0] != pictures[1]).any()
        out = io.BytesIO()
        drawn.figure.canvas.draw()
        Image.fromarray(np.asarray(drawn.figure.canvas.buffer_rgba())[..., :3]).save(out, "PNG")
        whole = decoded(out.getvalue()).astype(int)
        assert whole.shape == pictures[0].shape
        assert (abs(whole - pictures[0]).max(2) > 60).mean() < 0.01, "but for what overlaps in another order"


def test_curves_are_the_means_of_the_files_beside_random_ones_their_start_and_the_full_data(everything):
    looked = 0
    for grown in growths(everything):
        for name, curve in grown.curves.items():
            shown = beside(grown, name)
            assert shown[0] is curve
            assert {c.name for c in grown.curves.values() if c.meaning == "random"} <= {c.name for c in shown}
            drawn = Growing(grown, name)
            bars = drawn.figure.axes[0].containers
            assert [bar.get_label() for bar in bars] == [c.name for c in shown]
            line = bars[0].lines[0]
            assert list(line.get_xdata()) == list(curve.points)
            single = [(mean, point) for mean, point in zip(line.get_ydata(), curve.points.values(), strict=True)
                      if point.sample.sets == 1]
            for mean, point in single:
                assert mean == pytest.approx(statistics.fmean(accuracies(point.sample).values()))
            looked += len(single)
            if grown.full:
                scores = grown.full.scores
                full = drawn.figure.axes[0].patches[0].get_extents().transformed(
                    drawn.figure.axes[0].transData.inverted())
                assert (full.y0 + full.y1) / 2 == pytest.approx(100 * scores.mean)
                assert full.y1 - full.y0 == pytest.approx(400 * scores.tested)
    assert looked > 60


def test_the_start_beside_a_curve_is_its_own(everything):
    for grown in growths(everything):
        for name, curve in grown.curves.items():
            for other in beside(grown, name)[1:]:
                if other.meaning == "start":
                    inits = {point.sample.source.of.init for point in other.points.values()}
                    assert inits == {point.sample.source.init for point in curve.points.values()}


def test_numbers_along_the_axes_do_not_collide(everything):
    for grown in growths(everything):
        figure = growth(grown, next(iter(grown.curves)))
        FigureCanvasAgg(figure).draw()
        for axes in figure.axes:
            boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
            boxes = sorted((box for box in boxes if axes.bbox.x0 <= box.x0 + box.width / 2 <= axes.bbox.x1),
                           key=lambda box: box.x0)
            assert len(boxes) > 1 and all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


def test_numbers_along_the_lead_do_not_collide(samples):
    near_and_far = {bisect.bisect((4, 12, 60), abs(lead(*pair).in_errors or 0)): pair
                    for of in samples for pair in itertools.combinations(of, 2)}
    assert len(near_and_far) == 4
    for pair in near_and_far.values():
        axes = comparison(*pair).axes[1]
        FigureCanvasAgg(axes.figure).draw()
        boxes = sorted((label.get_window_extent() for label in axes.get_yticklabels()), key=lambda box: box.y0)
        assert len(boxes) > 2 and all(a.y1 < b.y0 for a, b in itertools.pairwise(boxes))


def test_what_is_asked_and_the_budget_are_marked(everything):
    grown = next(g for g in growths(everything) if len(g.bytes) > 2)
    name, curve = next((n, c) for n, c in grown.curves.items() if len(c.points) > 1)
    drawn = Growing(grown, name)
    ipc, point = next(iter(curve.points.items()))
    drawn.show(ipc, grown.bytes[0])
    assert [ring.get_xdata()[0] for ring in drawn._rings] == [ipc, point.bytes]
    edge = drawn._beyond.get_xy()[0][0]
    assert grown.bytes[0] < edge < grown.bytes[1]
    drawn.show(7, grown.bytes[-1])
    assert [len(ring.get_xdata()) for ring in drawn._rings] == [0, 0] and drawn._asked.get_xdata()[0] == 7
    assert drawn._beyond.get_xy()[0][0] > grown.bytes[-1]


def test_bytes_in_words():
    assert [in_bytes(value) for value in (784, 7850, 313_700, 4_915_300)] == ["784 B", "7.85 kB", "314 kB", "4.92 MB"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_mosaic_holds_every_image_in_its_place(channels):
    shape = (5, 6, 7, 3) if channels == 3 else (5, 6, 7)
    images = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    whole = mosaic(images, 2)
    assert whole.shape[:2] == (3 * 7 - 1, 2 * 8 - 1)
    for index, image in enumerate(images):
        top, left = 7 * (index // 2), 8 * (index % 2)
        assert (whole[top : top + 6, left : left + 7] == image).all()
    assert (whole[14:, 8:] == 255).all() and (whole[6] == 255).all()


def test_moments_show_the_pixels_and_what_changed_since_the_start(everything):
    for run in evolving(everything):
        drawn, synthetic = Moments(run), run.record.synthetic
        unchanged = (drawn.change(0) == np.array(SIGNED(0.5, bytes=True)[:3])).all(2)
        assert (unchanged | (drawn.change(0) == 255).all(2)).all()
        for label in (None, 0, len(drawn.classes) - 1):
            of, columns = drawn.shown(label)
            starts = synthetic.started_as[of]
            assert (starts == label).all() if label is not None else (starts.diff() >= 0).all()
            height, width = synthetic.images.shape[2:]
            gap = max(1, round(0.08 * height))
            for updates in (0, run.updates[1], run.updates[-1]):
                pixels = synthetic.pixels(run.record.evolution[updates])[of[-1]]
                row, column = (len(of) - 1) // columns * (height + gap), (len(of) - 1) % columns * (width + gap)
                tile = drawn.images(updates, label)[row : row + height, column : column + width]
                expected = (255 * pixels.permute(1, 2, 0).numpy()).round().astype(np.uint8)
                assert (tile == (expected[..., 0] if expected.shape[-1] == 1 else expected)).all()
                change = drawn.change(updates, label)[row : row + height, column : column + width]
                difference = (pixels - synthetic.pixels(synthetic.start)[of[-1]]).mean(0).numpy()
                assert (change == SIGNED(0.5 + difference / (2 * drawn.limit), bytes=True)[..., :3]).all()


def test_the_cursor_stands_at_the_update_and_on_the_loss(everything):
    run = evolving(everything)[0]
    drawn = Losses(run)
    drawn.show(run.updates[2])
    assert drawn._line.get_xdata() == [run.updates[2]] * 2 and drawn._dot.get_xdata() == [run.updates[2]]
    drawn.show(0)
    assert len(drawn._dot.get_xdata()) == 0, "nothing was lost before the first update"


@pytest.mark.parametrize("label", [None, 0])
def test_static_figures_are_drawn_from_the_same(everything, label, tmp_path):
    run, grown = evolving(everything)[0], growths(everything)[0]
    figure = moment(run, run.updates[-1], label)
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes[:2]]
    assert (shown[0] == Moments(run).images(run.updates[-1], label)).all()
    assert (shown[1] == Moments(run).change(run.updates[-1], label)).all()
    figure.savefig(tmp_path / "moment.png")
    growth(grown, next(iter(grown.curves))).savefig(tmp_path / "growth.png")


def test_the_full_datas_line_says_how_many_networks_it_is_of_and_whose_protocol_where_it_is_another(everything):
    told = set()
    for grown in growths(everything):
        if grown.full:
            figure, full = growth(grown, next(iter(grown.curves))), grown.full
            another = "" if full.judge.protocol == grown.judge.protocol else f"{full.judge.protocol}, "
            expected = f"full data {100 * full.scores.mean:.2f} % ({another}n = 1)"
            FigureCanvasAgg(figure).draw()
            for axes in figure.axes:
                (text,) = (text for text in axes.texts if "full data" in text.get_text())
                assert text.get_text() == expected
                box = text.get_window_extent()
                assert box.x1 < axes.bbox.x1 and box.y1 < axes.bbox.y1 + 2
            assert f"full data, one network under {full.judge.protocol}, 20 epochs: " in figure.told
            told.add(another)
    assert told == {"", "assignment, "}
