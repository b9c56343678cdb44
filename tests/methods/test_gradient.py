"""Gradient matching: distances against slow loops, image gradients against numerical ones, and how its presets meet."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

from ddkit.data import augment
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.methods.matching import gradient
from ddkit.methods.matching.distances import METRICS, gradient_distance
from ddkit.methods.matching.gradient import GradientMatching
from ddkit.synthetic import SyntheticSet

SHAPES = {"conv": torch.Size([3, 2, 2, 2]), "bias": torch.Size([3]), "linear": torch.Size([4, 6])}
SIZE = sum(math.prod(shape) for shape in SHAPES.values())
SMALL = {"networks": 3, "outer": 2, "inner": 1, "width": 4, "real_batch": 8}


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_rows(gradient, parts):
    """The rows that count, as lists of numbers."""
    rows, first = [], 0
    for shape in SHAPES.values():
        values = gradient[first : first + math.prod(shape)].tolist()
        first += math.prod(shape)
        if len(shape) >= (2 if parts == "matrices" else 4):
            length = math.prod(shape[1:])
            rows += [values[i : i + length] for i in range(0, len(values), length)]
    return rows


def slow_distance(one, other, metric, parts):
    total = 0.0
    for a, b in zip(slow_rows(one, parts), slow_rows(other, parts), strict=True):
        norms = [math.sqrt(sum(x * x for x in row)) for row in (a, b)]
        if metric.startswith("rows"):
            total += 1 - sum(x * y for x, y in zip(a, b, strict=True)) / (norms[0] * norms[1] + 1e-6)
        if metric == "rows_and_size":
            total += math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))
        if metric in ("l1", "mse"):
            total += sum(abs(x - y) ** (1 if metric == "l1" else 2) for x, y in zip(a, b, strict=True))
    return total


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("parts", ["matrices", "convolutions"])
def test_distances_equal_slow_loops(metric, parts):
    one, other = noise(SIZE, seed=1), noise(SIZE, seed=2)
    assert float(gradient_distance(one, other, SHAPES, metric, parts)) == pytest.approx(
        slow_distance(one, other, metric, parts), rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_the_slope_of_a_distance_is_the_numerical_one(metric):
    one, other = noise(SIZE, seed=1).requires_grad_(), noise(SIZE, seed=2)
    assert torch.autograd.gradcheck(lambda x: gradient_distance(x, other, SHAPES, metric), one)


def test_the_angle_is_blind_to_size_and_knows_its_ends():
    one = noise(SIZE)
    rows = len(slow_rows(one, "matrices"))
    assert float(gradient_distance(one, one, SHAPES)) == pytest.approx(0, abs=1e-5)
    assert float(gradient_distance(-one, one, SHAPES)) == pytest.approx(2 * rows, rel=1e-6)
    assert float(gradient_distance(7 * one, one, SHAPES)) == pytest.approx(0, abs=1e-5)
    size = sum(math.sqrt(sum(x * x for x in row)) for row in slow_rows(one, "matrices"))
    assert float(gradient_distance(3 * one, one, SHAPES, "rows_and_size")) == pytest.approx(2 * size, rel=1e-5)


def test_biases_count_for_nothing_and_rows_of_zeros_are_no_fault():
    one, other = noise(SIZE), noise(SIZE, seed=1)
    changed = one.clone()
    changed[24:27] += 5.0
    assert torch.equal(gradient_distance(one, other, SHAPES), gradient_distance(changed, other, SHAPES))
    blank = torch.zeros_like(one).requires_grad_()
    for metric in METRICS:
        loss = gradient_distance(blank, blank.detach(), SHAPES, metric)
        assert torch.autograd.grad(loss, blank)[0].isfinite().all()


def test_on_one_linear_layer_of_zeros_the_angle_is_that_of_image_and_class_mean():
    """Softmax of W x with W = 0: a class's gradient is (p - y) times its mean image, so all rows share one angle."""
    real, image = noise(5, 6, seed=3), noise(1, 6, seed=4)
    weights = torch.zeros(4, 6, dtype=torch.float64, requires_grad=True)
    of = [torch.autograd.grad(F.cross_entropy(x @ weights.T, torch.full((len(x),), 2)), weights)[0].flatten()
          for x in (image, real)]
    cosine = F.cosine_similarity(image[0], real.mean(0), dim=0)
    found = gradient_distance(of[0], of[1], {"weight": weights.shape})
    assert float(found) == pytest.approx(4 * (1 - float(cosine)), abs=1e-4)


def method(preset="dc", **changes):
    return GradientMatching(presets.configure("gradient", preset, SMALL | changes))


def started(made, dataset, ipc=3, init="noise", seed=0):
    synthetic = SyntheticSet.begin(init, dataset, ipc, stream(seed, "init"))
    made.start(dataset, synthetic, lambda name: stream(seed, name))
    for parameter in synthetic.parameters():
        parameter.requires_grad_(True)
    return synthetic


def updated(made, dataset, updates=4, **options):
    """The images after some updates, and the losses."""
    synthetic = started(made, dataset, **options)
    losses = [made.update()["loss"] for _ in range(updates)]
    return synthetic.images.detach(), losses


@pytest.mark.parametrize("preset", ["dc", "dcc", "jiang", "idc_i", "idc"])
def test_the_images_gradient_is_the_numerical_one(tiny, preset):
    """Of a whole update's loss, in float64, on a small network, for a few pixels."""
    made = method(preset, augmented=False, operations="default", warm_up=0, together=True, network="ConvNetD1AS")
    synthetic = started(made, tiny, ipc=2)
    made.pool.renew()
    made.student.network.double()
    made.weights = parameters_to_vector(made.pool.network(-1).parameters()).detach().double()
    start = synthetic.images.detach().double()
    real = [noise(4, *start.shape[1:], seed=c) for c in range(made.classes)]
    labels = synthetic.labels
    targets = torch.stack([made._gradient(x, torch.full((4,), c), torch.arange(4), None) for c, x in enumerate(real)])

    def loss(images):
        found = [made._gradient(images, labels, torch.nonzero(labels == c)[:, 0], None) for c in range(made.classes)]
        return made._loss(torch.stack(found), targets)

    synthetic.images = start.requires_grad_()
    made.optimiser = torch.optim.SGD([synthetic.images], 1e-9)
    made._step([(c, x, None) for c, x in enumerate(real)])
    slope = synthetic.images.grad
    for place in ((0, 0, 5, 5), (3, 0, 6, 4)):
        nudge = torch.zeros_like(start)
        nudge[place] = 1e-5
        numerical = (loss(start.detach() + nudge) - loss(start.detach() - nudge)) / 2e-5
        assert float(slope[place]) == pytest.approx(float(numerical), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("preset", gradient.PRESETS)
def test_images_in_chunks_give_the_same_images(tiny, preset, monkeypatch):
    whole, losses = updated(method(preset), tiny, updates=2)
    monkeypatch.setattr(gradient, "images_per_backward", lambda *_: 2)
    found, in_chunks = updated(method(preset), tiny, updates=2)
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-3)
    assert in_chunks == pytest.approx(losses, rel=1e-4)


def test_dsa_without_augmentation_is_dc_and_with_it_is_not(tiny):
    dc, _ = updated(method("dc"), tiny)
    assert torch.equal(updated(method("dsa", augmented=False), tiny)[0], dc)
    assert not torch.equal(updated(method("dsa"), tiny)[0], dc)


def test_dcc_is_dc_while_it_warms_up_and_where_there_is_one_class(tiny):
    dc, _ = updated(method("dc"), tiny)
    assert torch.equal(updated(method("dcc", **SMALL, warm_up=9), tiny)[0], dc)
    assert not torch.equal(updated(method("dcc", **SMALL, warm_up=1), tiny)[0], dc)
    found, targets = gradients(tiny, 1), gradients(tiny, 1, seed=1)
    assert torch.equal(loss_of("dcc", tiny, found, targets, warm_up=0), loss_of("dc", tiny, found, targets))


def gradients(dataset, count, seed=0):
    """As many as ``count`` classes have, at random."""
    size = len(parameters_to_vector(started_method("dc", dataset).student.network.parameters()))
    return torch.randn(count, size, generator=stream(seed, "gradients"))


def started_method(preset, dataset, **changes):
    made = method(preset, **changes)
    started(made, dataset)
    return made


def loss_of(preset, dataset, found, targets, **changes):
    return started_method(preset, dataset, **changes)._loss(found, targets)


def test_jiang_without_its_terms_is_dc_and_of_one_class_twice_dc(tiny):
    plain = {"level": "class", "metric": "rows", "adaptive": False, "network_momentum": 0.0, **SMALL}
    assert torch.equal(updated(method("jiang", **plain), tiny)[0], updated(method("dc"), tiny)[0])
    found, targets = gradients(tiny, 1), gradients(tiny, 1, seed=1)
    both = loss_of("jiang", tiny, found, targets, **plain | {"level": "both"})
    assert float(both) == pytest.approx(2 * float(loss_of("dc", tiny, found, targets)), rel=1e-6)


def test_the_courses_preset_is_dsa_but_for_its_sizes(tiny):
    assert torch.equal(updated(method("course", image_lr=0.1), tiny)[0], updated(method("dsa"), tiny)[0])


IDC_AS_DSA = {"network_on": "synthetic", "metric": "rows", "parts": "matrices", "together": True,
              "operations": "default", "network_momentum": 0.0, "network_decay": 0.0, "network_batch": 256,
              "image_lr": 0.1, "cutmix": 0.0}


@pytest.mark.parametrize("preset", ["idc_i", "idc"])
def test_idc_with_dsas_distance_networks_and_step_is_dsa(tiny, preset):
    dsa, _ = updated(method("dsa"), tiny)
    assert torch.equal(updated(method(preset, **IDC_AS_DSA), tiny)[0], dsa)
    for name in ("metric", "network_on"):
        own = presets.get("gradient", preset).values[name]
        assert not torch.equal(updated(method(preset, **IDC_AS_DSA | {name: own}), tiny)[0], dsa)


def test_a_part_of_a_class_takes_part_in_an_update_and_all_of_it_where_it_is_small(tiny):
    all_of_it = updated(method("idc"), tiny)[0]
    assert torch.equal(updated(method("idc", synthetic_batch=0), tiny)[0], all_of_it)
    made = method("idc", synthetic_batch=2, image_momentum=0.0)
    synthetic = started(made, tiny, ipc=3)
    before = synthetic.images.detach().clone()
    made.update()
    moved = (synthetic.images.detach() - before).flatten(1).norm(dim=1) > 0
    assert torch.bincount(synthetic.labels[moved], minlength=made.classes).tolist() == [2] * made.classes


def test_cutmix_is_seen_by_the_network_alone_and_takes_the_place_of_cutout(tiny):
    made = method("idc", cutmix=1.0, operations="color_crop_cutout")
    started(made, tiny)
    made.strategy = "cutout"  # of which nothing is left to the networks
    batches = list(made._batches(0))
    assert batches and all(labels.shape == (len(images), made.classes) for images, labels in batches)
    plain = method("idc", cutmix=0.0, augmented=False, operations="default")
    started(plain, tiny)
    seen = torch.cat([images for images, _ in plain._batches(0)])
    pixels = set(seen.flatten().tolist())
    assert all(set(images.flatten().tolist()) <= pixels for images, _ in batches)  # nothing cut out, only exchanged


def test_without_cutmix_the_networks_are_what_they_were(tiny):
    """Its random numbers are its own: the batches before it are the same."""
    with_it, without = (method("idc", cutmix=share, operations="color_crop") for share in (1e-9, 0.0))
    assert torch.equal(updated(with_it, tiny)[0], updated(without, tiny)[0])
    always = method("idc", cutmix=1.0, operations="color_crop")
    assert not torch.equal(updated(always, tiny)[0], updated(without, tiny)[0])


def test_what_classes_share_counts_for_dc_and_not_for_dcc(tiny):
    found, apart = gradients(tiny, 1).expand(3, -1), gradients(tiny, 3, seed=1)
    targets = found + apart - apart.mean(0)
    assert float(loss_of("dcc", tiny, found, targets, warm_up=0)) == pytest.approx(0, abs=1e-3)
    assert float(loss_of("dc", tiny, found, targets)) > 1


def test_networks_trained_on_real_images_do_not_move_with_the_synthetic_ones(tiny):
    made = [method("idc_i", outer=4), method("idc_i", outer=4, image_lr=0.5)]
    images = [updated(one, tiny, updates=3)[0] for one in made]
    weights = [parameters_to_vector(one.pool.network(-1).parameters()) for one in made]
    assert torch.equal(*weights) and not torch.equal(*images)


def test_a_step_after_each_class_moves_its_images_alone(tiny):
    made = method("idc_i", image_momentum=0.0)
    synthetic = started(made, tiny, ipc=2)
    made.pool.renew()
    made.weights = parameters_to_vector(made.pool.network(-1).parameters()).detach()
    before = synthetic.images.detach().clone()
    made._step([(1, made.real.draw()[:4], None)])
    moved = (synthetic.images.detach() - before).flatten(1).norm(dim=1) > 0
    assert moved.tolist() == (synthetic.labels == 1).tolist()


def test_the_longer_a_network_has_served_the_shorter_it_is_trained(tiny):
    made = method("jiang", outer=12, networks=1, network_batch=6)
    synthetic = started(made, tiny, ipc=2)
    counted = [len(list(made._batches(served))) / math.ceil(len(synthetic.images) / 6) for served in range(12)]
    assert counted == [50, 40, 30, 20, 10, 10, 10, 10, 10, 10, 5, 5]


@pytest.mark.parametrize("preset", gradient.PRESETS)
def test_an_update_on_the_same_batch_goes_downhill(tiny, preset):
    """A small step on the images lowers the loss of the same network, batch and augmentation."""
    made = method(preset, image_lr=1e-6 if preset.startswith("idc") else 1e-3, image_momentum=0.0, together=True)
    started(made, tiny)
    made.pool.renew()
    made.weights = parameters_to_vector(made.pool.network(-1).parameters()).detach()
    real = made.real.draw().unflatten(0, (made.classes, -1))
    sides = [(c, images, augment.draw(made.strategy, 1, stream(c, "draw"))) for c, images in enumerate(real)]
    first, second = made._step(sides), made._step(sides)
    assert second < first


@pytest.mark.parametrize("changes, words", [
    ({"network": "ConvNetD3BN"}, "batch norm"), ({"network": "ResNet18BN"}, "batch norm"),
    ({"together": False, "level": "set"}, "set together to true"), ({"metric": "angle"}, "metric"),
    ({"parts": "biases"}, "parts"), ({"cutmix": 1.5}, "cutmix"), ({"operations": "crop"}, "set augmented to true"),
    ({"augmented": True, "operations": "crop_blur"}, "augmentation"),
    ({"adaptive": True, "network_on": "real"}, "set adaptive to false"),
    ({"warm_up": 3, "level": "both"}, "set warm_up to 0"),
])
def test_settings_that_cannot_work_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        method("dc", **changes)


def test_a_network_serves_its_updates_and_is_trained_between_them(tiny):
    made = method("dc", outer=3, inner=2, networks=2, network_batch=4)
    synthetic = started(made, tiny, ipc=2)
    seen = []
    renew, train = made.pool.renew, made.pool.train
    made.pool.renew = lambda: (seen.append("new"), renew())
    made.pool.train = lambda number, batches: (seen.append(len(batches := list(batches))), train(number, batches))
    for _ in range(5):
        made.update()
    steps = 2 * math.ceil(len(synthetic.images) / 4)
    assert seen == ["new", steps, steps, "new", steps]


