"""Distribution matching: losses against slow float64 versions and closed forms, and how its presets meet."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

from ddkit.data import augment
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.methods.matching import distribution
from ddkit.methods.matching.classes import Match, View, squared_distance
from ddkit.methods.matching.datadam import attention_matching_loss
from ddkit.methods.matching.distribution import DistributionMatching
from ddkit.synthetic import SyntheticSet

SMALL = {"updates": 6, "width": 4, "real_batch": 8}


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def method(preset="dm", **changes):
    trained = {"network_steps": 2, "network_batch": 8} if presets.get("distribution", preset).values.get(
        "network_steps") else {}
    return DistributionMatching(presets.configure("distribution", preset, SMALL | trained | changes))


def started(made, dataset, ipc=2, init="real", seed=0):
    synthetic = SyntheticSet.begin(init, dataset, ipc, stream(seed, "init"))
    made.start(dataset, synthetic, lambda name: stream(seed, name))
    for parameter in synthetic.parameters():
        parameter.requires_grad_(True)
    return synthetic


def updated(made, dataset, updates=4, **options):
    synthetic = started(made, dataset, **options)
    losses = [made.update()["loss"] for _ in range(updates)]
    return synthetic.images.detach(), losses


def matched(made, network, real):
    """The loss of all images, not augmented, and its slope in them."""
    images = made.synthetic.leaf()
    return made._match(network, real, images, None), images.grad


class Linear(torch.nn.Module):
    """A network whose embedding is a product with a matrix."""

    precision, nonnegative = "float32", False

    def __init__(self, matrix):
        super().__init__()
        self.matrix = torch.nn.Parameter(matrix)

    def features(self, x):
        return [x, x.flatten(1) @ self.matrix.T]


def test_of_a_linear_embedding_all_images_of_a_class_are_pulled_alike():
    """The gradient of each image is -(2 / n) E^T E (mean real - mean synthetic)."""
    matrix, real, images = noise(5, 12), noise(3, 4, 12, seed=1), noise(6, 1, 3, 4, seed=2).requires_grad_()
    target = [real.mean(1) @ matrix.T]
    match = Match(View(lambda f: f.flatten(1), lambda f: f[-1:]), 3,
                  lambda means: squared_distance(target, means, [1.0]), 1.0, 100, 1)
    match.backward(Linear(matrix), images)
    for c in range(3):
        apart = real[c].mean(0) - images[2 * c : 2 * c + 2].detach().flatten(1).mean(0)
        expected = -(2 / 2) * matrix.T @ matrix @ apart
        for n in (2 * c, 2 * c + 1):
            torch.testing.assert_close(images.grad[n].flatten(), expected)


def test_dm_is_datadam_without_its_maps(tiny):
    made = method(augmented=False)
    synthetic = started(made, tiny)
    made.pool.renew()
    network, real = made.pool.network(0), made.real.draw()
    loss, found = matched(made, network, real)
    of = [[network.features(x)[-1].unflatten(0, (made.classes, -1))] for x in (real, synthetic.images)]
    expected = attention_matching_loss(*of, lam=1.0)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    [slope] = torch.autograd.grad(expected, synthetic.images)
    torch.testing.assert_close(found, slope, atol=1e-6, rtol=1e-4)


def test_real_images_against_themselves_are_at_no_distance(tiny):
    smallest = int(torch.bincount(tiny.train.labels).min())
    for preset in ("dm", "ncfm", "ncfm_max"):
        made = method(preset, real_batch=smallest, augmented=False)
        started(made, tiny)
        made.pool.renew()
        real = made.real.draw()
        loss = made._match(made.pool.network(0), real, real.clone().requires_grad_(), None)
        assert loss == pytest.approx(0, abs=1e-3)  # of roots of 1e-12


def test_the_courses_preset_is_dm_but_for_its_sizes(tiny):
    assert torch.equal(updated(method("course", image_lr=1.0), tiny)[0], updated(method("dm"), tiny)[0])


def test_cafe_without_its_terms_is_dm(tiny):
    plain = {"shallow_weight": 0, "deep_weight": 0, "centre_weight": 0, "renewed": 1, "network_steps": 0,
             "image_lr": 1.0, "augmented": True}
    assert torch.equal(updated(method("cafe", **plain), tiny)[0], updated(method("dm"), tiny)[0])
    assert not torch.equal(updated(method("cafe", **plain | {"deep_weight": 1.0}), tiny)[0],
                           updated(method("dm"), tiny)[0])


def test_idm_without_its_terms_is_dm(tiny):
    plain = {"class_weight": 0, "pool": 1, "renewed": 1, "network_steps": 0, "image_lr": 1.0}
    assert torch.equal(updated(method("idm", **plain), tiny)[0], updated(method("dm"), tiny)[0])


def test_the_weights_of_maps_are_those_of_the_paper(tiny):
    made = method("cafe", centre_weight=0, augmented=False)
    synthetic = started(made, tiny)
    made.pool.renew()
    network, real = made.pool.network(0), made.real.draw()
    means = [[f.detach().flatten(1).double().unflatten(0, (made.classes, -1)).mean(1) for f in network.features(x)]
             for x in (real, synthetic.images.detach())]
    expected = sum(w * float((r - s).square().sum()) for w, r, s in zip((0.1, 0.1, 1, 1), *means, strict=True))
    assert matched(made, network, real)[0] == pytest.approx(expected, rel=1e-4)


def test_centres_that_move_to_their_class_lower_the_cross_entropy(tiny):
    made = method("cafe")
    started(made, tiny)
    seen = noise(12, 5) + torch.eye(3, 5, dtype=torch.float64).repeat_interleave(4, 0) * 9
    centres = seen.unflatten(0, (3, 4)).mean(1)
    loss = made._with_centres(lambda means: torch.zeros(()), seen)
    away = noise(3, 5, seed=3)
    values = [float(loss([(1 - t) * away + t * centres])) for t in (0, 0.5, 1)]
    assert values == sorted(values, reverse=True)
    slow = sum(-math.log(math.exp(float(e @ away[y])) / sum(math.exp(float(e @ c)) for c in away))
               for e, y in zip(seen, [0] * 4 + [1] * 4 + [2] * 4, strict=True))
    assert values[0] == pytest.approx(0.01 * slow, rel=1e-6)


@pytest.mark.parametrize(("preset", "changes"), [
    *((preset, {}) for preset in distribution.PRESETS), ("dm", {"network": "ConvNetD2BN"}),
    ("idm", {"network": "ConvNetD2BN"})])
def test_images_in_chunks_give_the_same_images(tiny, preset, changes, monkeypatch):
    whole, losses = updated(method(preset, **changes), tiny, updates=1)  # of which rounding is no start for another
    monkeypatch.setattr(distribution, "images_per_backward", lambda *_: 2)
    found, in_chunks = updated(method(preset, **changes), tiny, updates=1)
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-4)
    assert in_chunks == pytest.approx(losses, rel=1e-4)


def test_the_class_term_is_the_cross_entropy_times_the_networks_accuracy(tiny):
    made = method("idm", augmented=False)
    synthetic = started(made, tiny)
    made.pool.renew()
    network = made.pool.network(0)
    of = F.cross_entropy(network(synthetic.images), synthetic.labels) * made.classes
    [slope] = torch.autograd.grad(of, synthetic.images)
    images = synthetic.leaf()
    images.grad = torch.ones_like(images)
    assert made._classify(network, images, None, 3.0) == pytest.approx(of.item(), rel=1e-5)
    torch.testing.assert_close(images.grad, 1 + 3 * slope, atol=1e-6, rtol=1e-4)


def test_ncfm_with_frequencies_of_noise_is_ncfm_whether_it_looks_for_them_or_not(tiny):
    """psi is the only difference: with its frequencies those that ncfm draws, the images are ncfm's."""
    plain, looking = method("ncfm", frequencies=16), method("ncfm_max", frequencies=16)
    expected = updated(plain, tiny, updates=1)[0]
    synthetic = started(looking, tiny)
    psi = looking.adversary
    psi.draw, draw = lambda: torch.randn(psi._shape, generator=looking.streams["frequencies"]), psi.draw
    draw()  # which the step of psi goes along
    looking.update()
    torch.testing.assert_close(synthetic.images.detach(), expected, atol=1e-5, rtol=1e-4)


def test_psi_is_trained_by_every_update_and_by_nothing_else(tiny):
    made = method("ncfm_max", frequencies=16)
    started(made, tiny)
    seen = [parameters_to_vector(made.adversary.network.parameters()).detach()]
    for _ in range(3):
        made.update()
        seen.append(parameters_to_vector(made.adversary.network.parameters()).detach())
        made._train(0)
        assert torch.equal(parameters_to_vector(made.adversary.network.parameters()), seen[-1])
    assert len({float(weights.sum()) for weights in seen}) == 4


def test_images_are_drawn_back_to_their_start(tiny):
    made = method(start_weight=0.5)
    synthetic = started(made, tiny)
    with torch.no_grad():
        synthetic.images += noise(*synthetic.images.shape).float()
    images = synthetic.leaf()
    apart = images.detach() - synthetic.start
    of = 0.5 * sum(apart[synthetic.labels == c].square().sum() / 2 for c in range(made.classes))
    images.grad = torch.ones_like(images)
    assert made._stay(images, None) == pytest.approx(float(of), rel=1e-5)
    torch.testing.assert_close(images.grad, 1 + 0.5 * 2 * apart / 2)
    picks = torch.tensor([1, 3, 4])  # one of each class
    some = images.detach()[picks].requires_grad_()
    some.grad = torch.zeros_like(some)
    of = 0.5 * sum(apart[pick].square().sum() for pick in picks)
    assert made._stay(some, picks) == pytest.approx(float(of), rel=1e-5)
    torch.testing.assert_close(some.grad, apart[picks])


@pytest.mark.parametrize("preset", distribution.PRESETS)
def test_a_part_of_a_class_takes_part_in_an_update_and_all_of_it_where_it_is_small(tiny, preset):
    all_of_it = updated(method(preset, synthetic_batch=0), tiny, updates=2)[0]
    assert torch.equal(updated(method(preset, synthetic_batch=2), tiny, updates=2)[0], all_of_it)
    made = method(preset, synthetic_batch=1)
    synthetic = started(made, tiny)
    made.update()
    moved = (synthetic.images.detach() - synthetic.start).flatten(1).norm(dim=1) > 0
    assert torch.bincount(synthetic.labels[moved], minlength=made.classes).tolist() == [1] * made.classes


@pytest.mark.parametrize("preset", distribution.PRESETS)
def test_what_is_in_memory_at_once_does_not_grow_with_the_images(tiny, preset, monkeypatch):
    """Neither what is augmented nor what the networks see with a graph is more than a chunk."""
    made = method(preset, augmented=True, network_batch=2)
    started(made, tiny, ipc=5)
    made.chunk, sizes = 2, []
    apply, build = augment.apply, made.pool._build

    def watched(images, *draw):
        sizes.append(len(images))
        return apply(images, *draw)

    def watching():
        network = build()
        network.register_forward_pre_hook(lambda _, seen: sizes.append(len(seen[0])))
        return network

    monkeypatch.setattr(augment, "apply", watched)
    made.pool._build = watching
    for _ in range(2):
        made.update()
    assert sizes and max(sizes) <= 2


def test_a_pool_is_first_in_first_out_and_its_accuracies_go_with_it(tiny):
    made = method("idm", pool=3, renewed=2, updates=20)
    started(made, tiny)
    oldest = []
    for _ in range(12):
        made.update()
        oldest.append(parameters_to_vector(made.pool.network(0).parameters()).sum().item())
        assert len(made.pool) == len(made.accuracies) <= 3
        assert all(0 <= accuracy <= 1 for accuracy in made.accuracies)
    assert (len(made.pool) == 3 and made.accuracies[-1] == 0) or max(made.accuracies) > 0


def test_networks_are_trained_on_real_images_and_only_after_their_update(tiny):
    made = [method("idm"), method("idm", image_lr=2.0)]
    for one in made:
        updated(one, tiny, updates=3)
    assert torch.equal(*(parameters_to_vector(one.pool.network(-1).parameters()) for one in made))


@pytest.mark.parametrize("changes, words", [
    ({"frequencies": 8, "deep_weight": 1.0}, "embeddings alone"), ({"frequencies": 8, "centre_weight": 1.0}, "centres"),
    ({"class_weight": 1.0}, "network_steps"), ({"sampling_lr": 1.0}, "set frequencies"),
    ({"sampling_lr": 1.0, "frequencies": 1}, "two of them"), ({"amplitude": 1.5}, "amplitude"), ({"pool": 0}, "pool"),
])
def test_settings_that_cannot_work_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        method("dm", **changes)


def test_every_update_of_dm_has_a_fresh_network(tiny):
    made = method()
    started(made, tiny)
    seen = set()
    for _ in range(3):
        made.update()
        seen.add(float(parameters_to_vector(made.pool.network(0).parameters()).sum()))
    assert len(seen) == 3 and len(made.pool) == 1
