"""Pictures show what they claim to: the pixels, the numbers, the names."""

import threading
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from every_picture import MEAN, STD, a_distillation, a_network, a_record, a_set, polyp_scores, scores
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from ddkit import plots
from ddkit.data import Split, denormalise
from ddkit.foundation.errors import InputError
from ddkit.methods.matching.datadam import attention_map
from ddkit.networks import build
from ddkit.plots import kernels as kernel_plots
from ddkit.plots.looks import lightness
from ddkit.plots.placing import apart
from ddkit.plots.style import SIGNED, STYLE
from ddkit.runs import Record
from ddkit.synthetic import SyntheticSet
from ddkit.training import Protocol

REFERENCE = Path(__file__).parents[2] / "data" / "reference"


def shown(axes) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in axes.images]


def title(axes) -> str:
    return axes.get_title(loc="left")


def names(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize("soft", [False, True])
def test_grid_shows_the_pixels_of_every_class_in_its_row(soft):
    synthetic = a_set(soft=soft)
    (axes,) = plots.image_grid(synthetic).axes
    assert names(axes.yaxis) == ["a", "b", "c"]
    for image, pixels, (row, column) in zip(axes.images, synthetic.pixels(), np.ndindex(3, 2), strict=True):
        np.testing.assert_array_equal(image.get_array(), pixels[0])
        left, right, bottom, top = image.get_extent()
        assert column < left < right < column + 1 and row < top < bottom < row + 1
        assert (image.get_cmap().name, image.get_clim(), image.get_interpolation()) == ("gray", (0, 1), "nearest")


def test_grid_shows_colours():
    synthetic = a_set(channels=3)
    (axes,) = plots.image_grid(synthetic).axes
    np.testing.assert_array_equal(shown(axes)[0], synthetic.pixels()[0].permute(1, 2, 0))


def test_grid_says_when_it_leaves_images_out():
    (axes,) = plots.image_grid(a_set(ipc=12), title="Mine").axes
    assert len(axes.images) == 3 * 10 and title(axes) == "Mine (10 of 12 shown)"
    (axes,) = plots.image_grid(a_set(ipc=12), columns=12).axes
    assert len(axes.images) == 3 * 12 and title(axes) == "Synthetic set, 12 images per class"
    with pytest.raises(InputError, match="at least 1 column"):
        plots.image_grid(a_set(), columns=0)


def test_captioned_shows_every_image_above_its_caption(tiny):
    images = tiny.train.images[:3]
    figure = plots.captioned(tiny, images, ("a", "b", "c"), "three", columns=2)
    first, second, third, empty = figure.axes
    for axes, image, caption in zip((first, second, third), images, "abc", strict=True):
        assert axes.get_xlabel() == caption
        np.testing.assert_allclose(axes.images[0].get_array(), denormalise(image[None], tiny.mean, tiny.std)[0, 0],
                                   atol=1e-6)
    assert not empty.images


@pytest.mark.parametrize(("number", "columns", "caption"), [(3, 10, "a"), (8, 8, "a\nb"), (12, 4, "a"), (20, 10, "a")])
def test_captioned_leaves_no_gap_above_its_images(number, columns, caption, tiny):
    figure = plots.captioned(tiny, tiny.train.images[:number], (caption,) * number, "Many", columns)
    FigureCanvasAgg(figure).draw()
    below = figure._suptitle.get_window_extent().y0 - max(axes.bbox.y1 for axes in figure.axes)
    assert 0 <= below < 0.25 * figure.dpi, "inches"


@pytest.mark.parametrize("channels", [1, 3])
def test_difference_is_signed_and_centred_at_zero(channels):
    synthetic = a_set(channels)
    start, end, change, scale = plots.start_end_difference(synthetic).axes
    first = slice(None, None, synthetic.ipc)
    before, after = synthetic.pixels(synthetic.start)[first], synthetic.pixels()[first]
    for axes, pixels in ((start, before), (end, after)):
        for seen, image in zip(shown(axes), pixels, strict=True):
            np.testing.assert_array_equal(seen, image.permute(1, 2, 0).squeeze())
    np.testing.assert_allclose(np.stack(shown(change)), (after - before).mean(1), atol=1e-6)
    low, high = change.images[0].get_clim()
    assert low == -high and high > 0
    assert "brightness" in scale.get_xlabel()


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_the_numbers_beside_the_colours_of_a_difference_do_not_collide(classes):
    synthetic = a_set(classes=classes)
    noise = torch.randn(synthetic.start.shape, generator=torch.Generator().manual_seed(0))
    synthetic.images.copy_(synthetic.start + 0.037 * noise)
    figure = plots.start_end_difference(synthetic, per_class=2)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[-1].get_xticklabels() if label.get_text()]
    assert len(boxes) > 2 and all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_difference_of_images_that_did_not_move_is_empty():
    change = plots.start_end_difference(a_set().undistilled()).axes[2]
    assert not np.any(shown(change)) and change.images[0].get_clim() == (-1, 1)


def test_evolution_has_a_column_for_each_snapshot():
    record = a_distillation()
    (axes,) = plots.evolution(record, classes=[2, 0]).axes
    assert names(axes.xaxis) == ["0", "1,200"] and names(axes.yaxis) == ["c", "a"]
    np.testing.assert_array_equal(shown(axes)[0], record.synthetic.pixels(record.evolution[0])[4, 0])
    np.testing.assert_array_equal(shown(axes)[-1], record.synthetic.pixels()[0, 0])


def test_evolution_leaves_rows_of_classes_without_an_image_empty():
    record = a_distillation()
    whole = record.synthetic
    record.__dict__["synthetic"] = SyntheticSet(whole.images[:2], whole.labels[:2], whole.start[:2], whole.mean,
                                                whole.std, whole.classes)
    record.__dict__["evolution"] = {0: whole.start[:2], 1200: whole.images[:2]}
    (axes,) = plots.evolution(record).axes
    assert names(axes.yaxis) == ["a", "b", "c"] and len(shown(axes)) == 2


def test_a_record_without_images_between_is_refused(tmp_path):
    record = a_distillation()
    record.__dict__["evolution"] = {}
    with pytest.raises(InputError, match="keeps no images but the last"):
        plots.evolution(record)


def test_loss_curve_shows_every_loss_and_the_validation():
    figure = plots.loss_curve({"one": a_distillation(), "two": a_distillation(9, [(3, 0.5), (6, 0.75)])})
    losses, score = figure.axes
    np.testing.assert_array_equal(losses.lines[0].get_xydata(), [(i + 1, 2.0 ** -i) for i in range(7)])
    np.testing.assert_array_equal(score.lines[0].get_xydata(), [(3, 50), (6, 75)])
    assert losses.get_yscale() == "log" and "%" in score.get_ylabel()
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["one", "two"]


def test_loss_curve_without_validation_is_one_panel():
    (axes,) = plots.loss_curve({"one": a_distillation()}, log=False).axes
    assert axes.get_yscale() == "linear" and axes.get_legend() is None


@pytest.mark.parametrize("window", [1, 3, 7, 51])
def test_running_median_is_numpys(window):
    values = np.random.default_rng(0).normal(size=40)
    half = window // 2
    expected = [np.median(values[max(0, i - half): i + half + 1]) for i in range(40)]
    np.testing.assert_array_equal(plots.running_median(values, window), expected)


def test_training_curve_counts_epochs_and_names_the_accuracy():
    runs = [{"seed": seed, "losses": [1.0, 0.5, 0.2], "accuracy": 0.9} for seed in range(2)]
    how = Protocol("matched", epochs=None, updates=250, batch=10).as_dict()  # 250 epochs of 10 images
    spec = {"network": "LeNet", "protocol": "matched", "of": {"type": "RandomReal"}}
    (axes,) = plots.training_curve(a_record({"runs": runs, "protocol": how, "training_images": 10}, spec)).axes
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [1, 4, 7])
    assert len(axes.lines) == 2
    assert "LeNet on random real images" in title(axes) and "90.00 ± 0.00 % (n=2)" in title(axes)


def test_attention_maps_are_the_methods():
    synthetic = a_set()
    network = build("ConvNetD2", 1, 3, 8, width=4, generator=torch.Generator().manual_seed(0))
    real, fake = plots.attention_maps(network, synthetic.start[:2], synthetic.images[:2], MEAN[:1], STD[:1], power=2,
                                      titles=("left", "right")).axes
    assert (title(real), title(fake)) == ("left", "right")
    assert names(real.xaxis) == ["image", "block 1", "block 2"]
    np.testing.assert_array_equal(shown(fake)[1], denormalise(synthetic.images, MEAN[:1], STD[:1])[1, 0])
    block = network.features(synthetic.start[:2])[1].detach()
    expected = attention_map(block, 2).reshape(2, *block.shape[2:])
    np.testing.assert_allclose(np.stack(shown(real)[4:6]), expected, rtol=1e-5)
    with pytest.raises(InputError, match="as many real as synthetic"):
        plots.attention_maps(network, synthetic.start, synthetic.images[:2], MEAN[:1], STD[:1])


def test_embedding_shows_every_image_once():
    synthetic = a_set(ipc=4)
    figure = plots.embedding_2d(a_network("MLP"), Split(synthetic.start, synthetic.labels), synthetic, per_class=3)
    (axes,) = figure.axes
    *real, circles, zero, one, two = (dots.get_offsets() for dots in axes.collections)
    assert [len(dots) for dots in (*real, circles, zero, one, two)] == [3, 3, 3, 12, 4, 4, 4]
    assert sorted(np.concatenate([zero, one, two]).tolist()) == sorted(circles.tolist())
    assert "9 real" in title(axes) and "12 synthetic" in title(axes)
    assert "of the variance" in axes.get_xlabel()


def a_cloud(ipc, spread, seed):
    """A set whose embeddings lie in three clouds."""
    middles = torch.randn(3, 1, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    noise = torch.randn(3, ipc, 1, 8, 8, generator=torch.Generator().manual_seed(seed + 10))
    return replace(a_set(ipc=ipc), images=(middles + spread * noise).flatten(0, 1))


CLOUDS = {f"{ipc} images, spread {spread}, seed {seed}": partial(a_cloud, ipc, spread, seed)
          for ipc, spread, seed in product((4, 10, 60), (1.0, 0.01, 0.0), (0, 1))}
RUNS = {run.name: partial(lambda run: Record.load(run).synthetic, run)
        for run in sorted(REFERENCE.glob("distill-mnist-datadam-course-ipc10-*"))}


@pytest.mark.parametrize("make", [*CLOUDS.values(), *RUNS.values()], ids=[*CLOUDS, *RUNS])
def test_circled_numerals_of_an_embedding_do_not_overlap_and_are_near_their_places(make):
    synthetic = make()
    network = build("MLP", 1, len(synthetic.classes), synthetic.images.shape[-1],
                    generator=torch.Generator().manual_seed(0))
    figure = plots.embedding_2d(network, Split(synthetic.start, synthetic.labels), synthetic)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    circles = axes.collections[len(synthetic.classes)]
    places = axes.transData.transform(circles.get_offsets())
    radius = figure.dpi / 72 * (circles.get_sizes()[0] ** 0.5 + circles.get_linewidth()[0]) / 2
    gaps = np.linalg.norm(places[:, None] - places, axis=2) + np.diag(np.full(len(places), np.inf))
    assert gaps.min() >= 2 * radius
    assert (places - radius >= axes.bbox.min - 1).all() and (places + radius <= axes.bbox.max + 1).all()
    lines = [axes.transData.transform(line.get_xydata()) for line in axes.lines]
    np.testing.assert_allclose([end for _, end in lines], places)


@pytest.mark.parametrize("seed", range(5))
def test_only_what_is_too_near_moves_and_stays_near(seed):
    middles = 20 * np.stack(np.meshgrid(range(5), range(4)), 2).reshape(-1, 2).astype(float)
    pairs = middles[:6] + np.random.default_rng(seed).uniform(-1, 1, (6, 2))
    moved = apart(np.concatenate([middles, pairs]), 3.0, Bbox([[-5, -5], [100, 100]]))
    np.testing.assert_allclose(moved[6:20], middles[6:], atol=0.01)
    assert np.linalg.norm(moved[:6] - moved[20:], axis=1).min() >= 3
    np.testing.assert_allclose((moved[:6] + moved[20:]) / 2, (middles[:6] + pairs) / 2, atol=0.01)


@pytest.mark.parametrize("draw", [
    lambda record: plots.evolution(record),
    lambda record: plots.embedding_2d(a_network("MLP"), Split(record.synthetic.start, record.synthetic.labels), record,
                                      per_class=2)])
def test_titles_tell_where_a_set_began(draw):
    told = {}
    for init in ("real", "noise", None):
        record = a_distillation()
        record.synthetic.origin.update({"init": init, "dataset": "mnist"} if init else {})
        told[init] = " ".join(title(draw(record).axes[0]).split())
    assert "from real images, mnist" in told["real"] and "from noise, mnist" in told["noise"]
    assert " from " not in told[None] and "mnist" not in told[None]


def test_heatmap_writes_every_accuracy():
    found = {"full data": {"MLP": scores(0.98), "LeNet": scores(0.991)}, "random": {"LeNet": scores(0.105)}}
    axes, scale = plots.transfer_heatmap(found, "Transfer").axes
    assert [text.get_text() for text in axes.texts] == ["98.0 ± 1.0", "99.1 ± 1.0", "–", "10.5 ± 1.0\nat chance"]
    assert names(axes.xaxis) == ["MLP", "LeNet"] and names(axes.yaxis) == ["full data", "random"]
    assert title(axes) == "Transfer" and "n = 3 each" in axes.get_xlabel() and scale.get_ylabel() == "%"
    assert "Test accuracy" in title(plots.transfer_heatmap(found).axes[0])


def test_two_classes_are_shown_by_balanced_accuracy_with_its_chance():
    good, guessing = polyp_scores(0.8), polyp_scores(0.501)
    (axes,) = plots.bars({"standard": {"good": good, "guessing": guessing}}, chance=0.63).axes
    assert [round(bar.get_height()) for bar in axes.patches] == [80, 50]
    assert [text.get_text() for text in axes.texts] == ["80.0", "↓ 50.1*"]
    assert "chance: 50 %; * at chance" in axes.figure._supxlabel.get_text()
    assert "balanced accuracy" in axes.get_ylabel() and "balanced accuracy" in axes.figure._suptitle.get_text()
    axes = plots.transfer_heatmap({"good": {"MLP": good}, "bad": {"MLP": guessing}}).axes[0]
    assert [text.get_text() for text in axes.texts] == ["80.0 ± 1.0", "50.1 ± 1.0\nat chance"]
    assert "balanced accuracy" in title(axes)
    (axes,) = plots.accuracy_against_time({"good": good}).axes
    assert axes.lines[0].get_ydata() == pytest.approx([80]) and "balanced accuracy" in axes.get_ylabel()


def footnote(figure) -> str:
    return " ".join(" ".join(text.get_text() for text in notes(figure)).split())


def notes(figure) -> list:
    return [text for text in figure.texts if text.get_style() == "italic"]


def test_the_notes_of_the_data_stand_below_every_picture_once():
    note, synthetic = "the images are synthetic", a_set()
    synthetic.origin["notes"] = [note]
    record = a_distillation()
    record.notes, record.__dict__["synthetic"] = [note], synthetic
    found = {"a": {"x": polyp_scores(notes=(note,)), "y": polyp_scores(notes=(note,))}}
    for figure in (plots.image_grid(synthetic), plots.start_end_difference(synthetic), plots.evolution(record),
                   plots.loss_curve({"one": record, "two": record}), plots.bars(found, chance=0.6),
                   plots.transfer_heatmap(found), plots.accuracy_against_time(found["a"])):
        assert footnote(figure) == note
        heights = [text.get_window_extent().y1 for text in notes(figure)]
        assert max(heights) < min(axes.get_tightbbox().y0 for axes in figure.axes)
    assert not notes(plots.image_grid(a_set())) and not notes(plots.bars({"a": {"x": scores()}}, 0.1))


def test_labels_of_points_overlap_nothing():
    points = {f"training set {i}": scores(0.9 + 0.002 * (i % 3), 10.0 + 0.2 * i) for i in range(6)}
    figure = plots.accuracy_against_time(points)
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == list(points)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    places = axes.transData.transform([(s.seconds, 100 * s.mean) for s in points.values()])
    assert not any(box.contains(*place) for box in boxes for place in places)


def test_a_point_that_another_covers_is_seen_around_it():
    points = {"random": scores(0.9, 10.0), "start": scores(0.9001, 10.01), "far": scores(0.8, 100.0)}
    (axes,) = plots.accuracy_against_time(points).axes
    below, above, alone = (bars.lines[0].get_markersize() for bars in axes.containers)
    assert below > above == alone


def test_bars_of_one_image_per_class_say_one_image():
    figure = plots.bars({"1": {"full": scores(0.9)}, "10": {"full": scores(0.9)}}, 0.1, "images per class")
    assert [title(axes) for axes in figure.axes] == ["1 image per class", "10 images per class"]


def test_bars_have_heights_errors_and_chance():
    by_protocol = {"assignment": {"full": scores(0.9), "random": scores(0.5)}, "standard": {"full": scores(0.95)}}
    figure = plots.bars(by_protocol, chance=0.1)
    both, alone = figure.axes
    assert [[round(bar.get_height()) for bar in axes.patches] for axes in (both, alone)] == [[90, 50], [95]]
    assert [[text.get_text() for text in axes.texts] for axes in (both, alone)] == [["90.0", "50.0"], ["95.0"]]
    assert [title(axes) for axes in (both, alone)] == ["assignment protocol", "standard protocol"]
    assert "mean ± standard deviation, n = 3 networks; chance: 10 %" in figure._supxlabel.get_text()


def test_save_writes_both_files_with_the_same_bytes_every_time(tmp_path):
    figure = plots.image_grid(a_set())
    first, second = plots.save(figure, tmp_path / "one", "grid"), plots.save(figure, tmp_path / "two", "grid")
    assert [path.name for path in first] == ["grid.png", "grid.pdf"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["grid.pdf", "grid.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first[0].read_bytes().startswith(b"\x89PNG") and first[1].read_bytes().startswith(b"%PDF")


def test_a_kernel_is_shown_as_the_cosine_of_every_pair_by_class():
    features = torch.randn(6, 4, generator=torch.Generator().manual_seed(1)).double()
    axes, scale = kernel_plots.kernel_matrix(features @ features.T, a_set()).axes
    expected = torch.nn.functional.cosine_similarity(features[:, None], features, dim=2)
    np.testing.assert_allclose(shown(axes)[0], expected)
    assert names(axes.xaxis) == names(axes.yaxis) == ["a", "b", "c"] and list(axes.get_xticks()) == [0.5, 2.5, 4.5]
    assert "cosine" in scale.get_ylabel()


def test_an_image_whose_learned_label_changed_stays_in_the_row_it_started_in():
    synthetic = a_set(soft=True)
    synthetic.learn_labels(synthetic.labels, "targets")
    synthetic.labels[0] = torch.tensor([0.0, 0.0, 9.0])
    assert synthetic.predicted[0] == 2 and synthetic.started_as[0] == 0
    (axes,) = plots.image_grid(synthetic).axes
    np.testing.assert_array_equal(shown(axes)[0], synthetic.pixels()[0, 0])


def test_labels_are_shown_with_signs_a_column_for_each_image():
    synthetic = a_set()
    synthetic.learn_labels(torch.linspace(-1, 3, 18).view(6, 3), "targets")
    axes, _ = kernel_plots.label_heatmap(synthetic).axes
    np.testing.assert_array_equal(shown(axes)[0], synthetic.labels.T)
    assert axes.images[0].get_clim() == (-3, 3) and names(axes.yaxis) == ["a", "b", "c"]
    with pytest.raises(InputError, match="hard labels"):
        kernel_plots.label_heatmap(a_set())


def test_a_picture_shows_itself_in_a_notebook_without_pyplot():
    from IPython.core.formatters import PNGFormatter

    figure = plots.image_grid(a_set())
    assert isinstance(figure, Figure)
    assert PNGFormatter()(figure).startswith(b"\x89PNG")


def test_threads_leave_the_settings_as_they_were():
    before = {name: matplotlib.rcParams[name] for name in STYLE}
    assert before != STYLE
    threads = [threading.Thread(target=lambda: plots.image_grid(a_set())._repr_png_()) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: matplotlib.rcParams[name] for name in STYLE} == before


def test_signs_differ_in_grey():
    shades = [lightness(colour[:3]) for colour in SIGNED(np.linspace(0, 1, 65))]
    assert np.diff(shades).min() > 0
