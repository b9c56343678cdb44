"""The hand-out's names work as the hand-out's do."""

import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ddkit import networks, training, utils
from ddkit.data import Split, augment, load
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream


@pytest.mark.parametrize("name", ["MLP", "ConvNet", "ConvNetD1", "ConvNetD4", "ConvNetBN", "LeNet", "AlexNet", "VGG11",
                                  "VGG11BN", "ResNet18"])
def test_get_network_builds_every_network_of_the_handout(name):
    network = utils.get_network(name, 3, 7, (32, 32))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_get_network_refuses_what_is_not_square():
    with pytest.raises(InputError, match="square"):
        utils.get_network("ConvNet", 1, 10, (28, 32))


def test_get_dataset_returns_the_nine_things_of_the_handout():
    channel, im_size, classes, names, mean, std, train, test, loader = utils.get_dataset("digits")
    assert (channel, im_size, classes, len(names), len(mean), len(std)) == (1, (28, 28), 10, 10, 1, 1)
    assert len(train) > len(test) and sum(len(batch[1]) for batch in loader) == len(test)


def test_evaluate_synset_trains_in_place_and_scores():
    *_, train, _, loader = utils.get_dataset("digits")
    images, labels = train[:100]
    network = utils.get_network("MLP", 1, 10, (28, 28), seed=0)
    before = network.classifier.weight.clone()
    trained, train_accuracy, test_accuracy = utils.evaluate_synset(0, network, images, labels, loader, epochs=60)
    assert trained is network and not network.classifier.weight.equal(before)
    assert train_accuracy > test_accuracy > 0.5


def test_equal_seeds_make_two_calls_siamese():
    x = torch.rand(4, 1, 28, 28)
    one, other = (utils.DiffAugment(x, "crop_scale_rotate", seed=7, param=utils.ParamDiffAug(True)) for _ in range(2))
    assert one.equal(other) and not one.equal(x)


EACH = ["crop", "scale", "rotate", "flip", "color", "cutout"]


@pytest.mark.parametrize("mode", ["S", "M"])
@pytest.mark.parametrize("strategy", [*EACH, "color_crop_cutout_flip_scale_rotate", "crop_scale_rotate"])
def test_a_seed_makes_all_images_of_all_calls_siamese(strategy, mode):
    image, param = torch.rand(1, 3, 28, 28), utils.ParamDiffAug(aug_mode=mode)
    real, synthetic = (utils.DiffAugment(image.expand(n, -1, -1, -1), strategy, seed=7, param=param) for n in (256, 10))
    assert real.sub(real[:1]).abs().max() == 0 and synthetic.equal(real[:10])


def test_siamese_means_one_draw_for_all_images_and_without_it_each_has_its_own():
    x = torch.rand(1, 1, 28, 28).expand(6, -1, -1, -1)
    together = utils.DiffAugment(x, "rotate", param=utils.ParamDiffAug(True))
    apart = utils.DiffAugment(x, "rotate", param=utils.ParamDiffAug(False))
    assert together.sub(together[:1]).abs().max() == 0 and apart.sub(apart[:1]).abs().max() > 0


# What leaves images as they are, by operation.
STILL = {"flip": {"prob_flip": 0.0}, "scale": {"ratio_scale": 1.0}, "rotate": {"ratio_rotate": 0.0},
         "crop": {"ratio_crop_pad": 0.0}, "cutout": {"ratio_cutout": 0.0}}


@pytest.mark.parametrize("operation", STILL)
def test_parameters_that_are_set_are_obeyed(operation):
    x = torch.rand(64, 3, 16, 16)
    still = utils.DiffAugment(x, operation, param=utils.ParamDiffAug(**STILL[operation]))
    torch.testing.assert_close(still, x, rtol=0, atol=1e-5)
    assert not torch.allclose(utils.DiffAugment(x, operation, param=utils.ParamDiffAug()), x, atol=1e-3)


def test_extreme_parameters_have_their_own_values():
    x, no_colour = torch.rand(8, 3, 16, 16), {"brightness": 0.0, "saturation": 0.0, "contrast": 0.0}
    assert utils.DiffAugment(x, "flip", param=utils.ParamDiffAug(prob_flip=1.0)).equal(x.flip(-1))
    cut = utils.DiffAugment(x, "cutout", param=utils.ParamDiffAug(ratio_cutout=1.0)) == 0
    assert (cut.flatten(1).float().mean(1) >= 0.25).all()  # a corner of the square lies within, at the least
    grey = utils.DiffAugment(x, "color", param=utils.ParamDiffAug(**no_colour))
    torch.testing.assert_close(grey.std(1), torch.zeros(8, 16, 16), rtol=0, atol=1e-6)


def test_mode_m_takes_every_operation():
    param = utils.ParamDiffAug(aug_mode="M", prob_flip=1.0, ratio_rotate=0.0)
    x = torch.rand(4, 1, 8, 8)
    torch.testing.assert_close(utils.DiffAugment(x, "flip_rotate", seed=1, param=param), x.flip(-1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("field", "value"), [("aug_mode", "X"), ("Siamese", "yes"), ("latestseed", -2),
                                              ("ratio_noise", 0.1), ("ratio_rotate", 400.0), ("contrast", "half"),
                                              ("ratio_scale", 0.5), ("ratio_rotate", -1.0),
                                              ("ratio_rotate", float("nan")), ("ratio_crop_pad", 2.0),
                                              ("prob_flip", 1.5), ("ratio_cutout", -0.1),
                                              ("brightness", -1.0), ("contrast", float("inf"))])
def test_parameters_that_make_no_sense_are_refused(field, value):
    with pytest.raises(InputError, match=field):
        utils.DiffAugment(torch.rand(2, 1, 8, 8), "flip", param=utils.ParamDiffAug(**{field: value}))


def test_a_misspelt_parameter_is_an_error_and_the_handouts_own_object_works():
    with pytest.raises(AttributeError):
        utils.ParamDiffAug().ratio_rotat = 3.0
    own = types.SimpleNamespace(aug_mode="S", prob_flip=1.0, Siamese=False, latestseed=-1)
    x = torch.rand(2, 1, 8, 8)
    assert utils.DiffAugment(x, "flip", param=own).equal(x.flip(-1))
    with pytest.raises(InputError, match="does not know"):
        utils.DiffAugment(x, "flip", param=types.SimpleNamespace(prob_flop=1.0))


def test_a_seed_set_by_hand_decides_the_draws_and_counts_up():
    x, found = torch.rand(4, 1, 8, 8), []
    for _ in range(2):
        param = utils.ParamDiffAug(latestseed=11)
        found.append(utils.DiffAugment(x, "rotate", param=param))
        assert param.latestseed == 12
    assert found[0].equal(found[1])


@pytest.mark.parametrize("more", [
    {"lr_net": "fast"}, {"epoch_eval_train": 2.5}, {"batch_train": 0}, {"dsa": "maybe"}, {"device": "toaster"},
    {"dsa": True, "dsa_strategy": "twist"}, {"dc_aug_param": 3}, {"dc_aug_param": {"strategy": "noise", "noise": -1}},
    {"dc_aug_param": {"strategy": "crop", "crup": 4}}])
def test_arguments_that_make_no_sense_are_refused_before_anything_is_trained(more, monkeypatch):
    *_, train, _, loader = utils.get_dataset("digits")
    settings = {**vars(args()), **more}
    monkeypatch.setattr("ddkit.utils.training.fit", None)
    with pytest.raises(InputError):
        utils.evaluate_synset(0, utils.get_network("MLP", 1, 10), *train[:10], loader,
                              types.SimpleNamespace(**settings))


def test_args_may_be_a_dict_and_nothing_else():
    *_, train, _, loader = utils.get_dataset("digits")
    found = [utils.evaluate_synset(0, utils.get_network("MLP", 1, 10, seed=0), *train[:40], loader, a)[2]
             for a in (args(), vars(args()))]
    assert found[0] == found[1]
    with pytest.raises(InputError, match="namespace"):
        utils.evaluate_synset(0, utils.get_network("MLP", 1, 10), *train[:10], loader, 5)


def test_networks_by_name_are_of_the_handouts_class():
    for name in ("ConvNet", "MLP", "LeNet", "AlexNet", "VGG11", "ResNet18"):
        network = utils.get_network(name, 1, 10)
        assert isinstance(network, getattr(utils, name)) and network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert not isinstance(utils.get_network("MLP", 1, 10), utils.ConvNet)


RANDOM = [getattr(utils, name) for name in utils.__all__ if name.startswith("rand_")]


@pytest.mark.parametrize("change", RANDOM, ids=lambda f: f.__name__)
def test_the_single_operations_are_siamese_if_asked(change):
    x = torch.rand(1, 3, 16, 16).expand(32, -1, -1, -1)
    together, apart = (change(x, utils.ParamDiffAug(siamese)) for siamese in (True, False))
    assert together.sub(together[:1]).abs().max() == 0 and apart.sub(apart[:1]).abs().max() > 0
    assert together.shape == apart.shape == x.shape


@pytest.mark.real_seed
def test_the_seed_of_the_handout_counts_up():
    param = utils.ParamDiffAug()
    before = torch.get_rng_state()
    utils.set_seed_DiffAug(param)
    assert torch.get_rng_state().equal(before) and param.latestseed == -1
    utils.DiffAugment(torch.rand(2, 1, 8, 8), "flip", seed=5, param=param)
    utils.set_seed_DiffAug(param)
    assert param.latestseed == 6 and torch.rand(1).equal(torch.rand(1, generator=torch.Generator().manual_seed(5)))


@pytest.mark.parametrize("operation", ["crop", "scale", "rotate", "noise"])
def test_the_older_augmentation_changes_images_one_by_one_within_its_bounds(operation):
    x, how = torch.rand(1, 1, 28, 28).expand(16, -1, -1, -1), utils.get_daparam("MNIST", "ConvNet", "ConvNet", 10)
    changed = utils.augment(x, how | {"strategy": operation})
    assert changed.shape == x.shape and changed.sub(changed[:1]).abs().max() > 0
    none = how | {"strategy": operation, operation: 0}
    torch.testing.assert_close(utils.augment(x, none), x, rtol=0, atol=1e-5)
    assert utils.augment(x, how | {"strategy": "none"}) is x and utils.augment(x, None) is x


def test_the_packages_own_augmentation_is_what_it_was():
    """Committed results hang on these draws: sums of squares as they were before ranges could be set."""
    x = torch.linspace(0, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)
    values = torch.tensor([[0.1, 0.7, 0.3, 0.9], [0.6, 0.2, 0.8, 0.4]])
    found = {name: float(augment.apply(x, augment.Draw(name, values)).double().square().sum()) for name in EACH}
    assert found == pytest.approx(BEFORE, rel=1e-6)


BEFORE = {"crop": 124.41401798984833, "scale": 128.1079321926801, "rotate": 128.13246604589972,
          "flip": 128.16710135120633, "color": 149.78140310958295, "cutout": 105.07487238667264}


@pytest.mark.parametrize(("name", "arguments", "named"), [
    ("ConvNet", (1, 10, 16), {}), ("ConvNet", (1, 10, 16, 3, "relu", "instancenorm", "avgpooling", (28, 28)), {}),
    ("ConvNet", (), {"channel": 3, "num_classes": 10, "net_width": 16, "net_depth": 2, "net_act": "swish",
                     "net_norm": "none", "net_pooling": "maxpooling", "im_size": (32, 32)}),
    *[(name, (channel, 10), {}) for channel in (1, 3) for name in
      ("MLP", "LeNet", "AlexNet", "AlexNetBN", "VGG11", "VGG11BN", "ResNet18", "ResNet18BN", "ResNet18_AP",
       "ResNet18BN_AP")]])
def test_the_handouts_networks_take_its_arguments(name, arguments, named):
    network = getattr(utils, name)(*arguments, **named)
    channel = arguments[0] if arguments else named["channel"]
    side = {1: 28, 3: 32}[channel]
    assert network(torch.zeros(2, channel, side, side)).shape == (2, 10)
    assert network.embed(torch.zeros(2, channel, side, side)).ndim == 2
    if name == "ConvNet":
        assert isinstance(network, networks.ConvNet) and network.blocks[0].conv.out_channels == 16


NAMES = ["ConvNetD1", "ConvNetW32", "ConvNetW64", "ConvNetW512", "ConvNetD2W16BN", "ConvNetAS", "ConvNetAR",
         "ConvNetAL", "ConvNetASwish", "ConvNetASwishBN", "ConvNetNN", "ConvNetBN", "ConvNetLN", "ConvNetIN",
         "ConvNetGN", "ConvNetNP", "ConvNetMP", "ConvNetAP", "ResNet18BN_AP", "ResNet18_AP", "ResNet18BN", "AlexNetBN",
         "VGG11BN"]
POOLS = [name for mode in "MBWDAPN" for name in utils.get_eval_pool(mode, "", "")]


@pytest.mark.parametrize("name", dict.fromkeys([*NAMES, *POOLS]))
def test_every_name_of_the_handout_is_a_network(name):
    network = utils.get_network(name, 1, 10, (28, 28))
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert not name.endswith("BN") or any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


def test_names_mean_what_they_say():
    assert utils.get_network("ConvNetW64", 1, 10).blocks[0].conv.out_channels == 64
    assert isinstance(utils.get_network("ConvNetASwish", 1, 10).blocks[0].activation, nn.SiLU)
    averaged = utils.get_network("ResNet18_AP", 3, 10)
    assert {m.stride for m in averaged.modules() if isinstance(m, nn.Conv2d)} == {(1, 1)}
    assert averaged.classifier.in_features == 512 * 4 * 4
    with pytest.raises(InputError, match="names its width itself"):
        utils.get_network("ConvNetW64", 1, 10, width=32)


def args(**more):
    return types.SimpleNamespace(lr_net=0.01, epoch_eval_train=5, batch_train=64, device="cpu", dc_aug_param=None,
                                 **more)


@pytest.mark.parametrize("more", [
    {}, {"dsa": False, "dsa_strategy": "rotate"},
    {"dsa": True, "dsa_strategy": "crop_scale_rotate", "dsa_param": utils.ParamDiffAug()}])
def test_evaluate_synset_takes_the_handouts_args(more):
    *_, train, _, loader = utils.get_dataset("digits")
    images, labels = train[:60]

    def scored(*positional, **named):
        network = utils.get_network("MLP", 1, 10, (28, 28), seed=0)
        return utils.evaluate_synset(0, network, images, labels, loader, *positional, **named)[0].state_dict()

    one, other = scored(args(**more)), scored(args=args(**more))
    plain = scored(epochs=5, batch=64)
    assert all(one[n].equal(other[n]) for n in one)
    assert all(one[n].equal(plain[n]) for n in one) != bool(more.get("dsa"))


# Images and labels in other plain types than the tensors that they are.
KINDS = {"lists": (lambda x: x.tolist(), lambda y: y.tolist()), "arrays": (lambda x: x.numpy(), lambda y: y.numpy()),
         "double, int32": (lambda x: x.double(), lambda y: y.int()), "no channel": (lambda x: x[:, 0], lambda y: y),
         "reals": (lambda x: x, lambda y: y.float()), "a column": (lambda x: x, lambda y: y[:, None].numpy()),
         "uint8 labels": (lambda x: x, lambda y: y.byte())}


@pytest.mark.parametrize("kind", KINDS)
def test_images_and_labels_of_any_plain_type_train_the_same_network(kind):
    *_, train, _, loader = utils.get_dataset("digits")
    images, labels = train[:40]
    x, y = (change(part) for change, part in zip(KINDS[kind], (images, labels), strict=True))

    def scored(images, labels, loader):
        network = utils.get_network("ConvNetD1W4", 1, 10, (28, 28), seed=0)
        return utils.evaluate_synset(0, network, images, labels, loader, epochs=2)[1:]

    batches = [[change(part) for change, part in zip(KINDS[kind], batch, strict=True)] for batch in loader]
    assert scored(x, y, batches) == scored(images, labels, loader)
    made = utils.TensorDataset(x, y)
    assert made.images.equal(images) and made.labels.equal(labels) and made.images.dtype == torch.float32
    assert made.labels.dtype == torch.int64 and made[3][0].equal(images[3]) and made[3][1] == labels[3]


def test_distributions_train_as_before_and_whole_ones_as_real_ones():
    *_, train, _, loader = utils.get_dataset("digits")
    images, labels = train[:40]
    rows = 0.9 * torch.eye(10)[labels] + 0.01

    def scored(labels):
        network = utils.get_network("MLP", 1, 10, (28, 28), seed=0)
        return utils.evaluate_synset(0, network, images, labels, loader, epochs=3)[0].state_dict()

    expected = utils.get_network("MLP", 1, 10, (28, 28), seed=0)
    how = training.Protocol("evaluate_synset", 3, schedule="half")
    training.fit(expected, Split(images, rows), how, stream(0, "evaluation order 0"), quiet=True)
    for one, given in ((expected.state_dict(), rows), (scored(torch.eye(10)[labels]), torch.eye(10).long()[labels])):
        assert all(one[name].equal(value) for name, value in scored(given).items())


@pytest.mark.parametrize("rows", [
    pytest.param(lambda y: torch.eye(10)[y] - 0.1, id="targets"),
    pytest.param(lambda y: 8 * torch.eye(10)[y], id="logits"),
    pytest.param(lambda y: (8 * torch.eye(10)[y]).half(), id="half"),
    pytest.param(lambda y: (torch.eye(10)[y] - 0.1).tolist(), id="lists")])
def test_rows_that_are_no_distributions_are_not_trained_on_as_some(rows):
    *_, train, _, loader = utils.get_dataset("digits")
    network = utils.get_network("MLP", 1, 10, (28, 28), seed=0)
    with pytest.raises(InputError, match="which knows what they mean"):
        utils.evaluate_synset(0, network, train.images[:40], rows(train.labels[:40]), loader)
    before = utils.get_network("MLP", 1, 10, (28, 28), seed=0).state_dict()
    assert all(before[name].equal(value) for name, value in network.state_dict().items())


@pytest.mark.parametrize(("change", "words"), [
    ({"images": torch.zeros(40, 1, 28, 28, dtype=torch.uint8)}, "divide bytes by 255"),
    ({"images": np.zeros((40, 28, 28), np.uint8)}, "divide bytes by 255"),
    ({"images": torch.zeros(80, 1, 28, 28)}, "80 images and 40 labels"), ({"labels": [0.5] * 40}, "fractions"),
    ({"labels": torch.full((40,), 10)}, "the 10 that the network"),
    ({"labels": torch.eye(11)[:1].repeat(40, 1)}, "the 10 that"),
    ({"labels": [-1] * 40}, "the 10 that the network"), ({"loader": []}, "no test images"),
    ({"loader": [(torch.zeros(3, 1, 28, 28), torch.zeros(2))]}, "3 images and 2 labels"),
    ({"loader": [(torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.zeros(2))]}, "divide bytes by 255")], ids=str)
def test_what_cannot_be_trained_on_is_a_sentence_before_anything_is_trained(change, words):
    *_, train, _, loader = utils.get_dataset("digits")
    given = {"images": train.images[:40], "labels": train.labels[:40], "loader": loader} | change
    with pytest.raises(InputError, match=words) as error:
        utils.evaluate_synset(0, utils.get_network("MLP", 1, 10, (28, 28)), *given.values(), epochs=10**9)
    assert "\n" not in str(error.value)


def test_an_augmentation_that_does_nothing_trains_the_same_network():
    *_, train, _, loader = utils.get_dataset("digits")
    images, labels = train[:60]
    still = utils.ParamDiffAug(prob_flip=0.0)
    found = [utils.evaluate_synset(0, utils.get_network("MLP", 1, 10, (28, 28), seed=0), images, labels, loader, a)[2]
             for a in (args(dsa=True, dsa_strategy="flip", dsa_param=still), args(dsa=True, dsa_strategy="flip"))]
    assert found[0] != found[1]


def test_args_and_their_parts_are_not_both_taken():
    *_, train, _, loader = utils.get_dataset("digits")
    with pytest.raises(InputError, match="leave lr out"):
        utils.evaluate_synset(0, utils.get_network("MLP", 1, 10, 28), *train[:10], loader, args(), lr=0.1)


def test_parts_have_torchvisions_attributes():
    *_, train, test, loader = utils.get_dataset("digits", None, args())
    digits = load("digits")
    assert train.targets.equal(digits.train.labels) and train.classes == list(digits.classes)
    assert train.data.dtype == torch.uint8 and train.data.shape == digits.train.images[:, 0].shape
    np.testing.assert_allclose(train.data / 255, digits.train.images[:, 0] * digits.std[0] + digits.mean[0], atol=3e-3)
    assert next(iter(loader))[0].shape[0] == 256 and len(test) == len(digits.test)
    with pytest.raises(InputError, match="zca"):
        utils.get_dataset("digits", None, types.SimpleNamespace(zca=True))


@pytest.mark.parametrize("metric", ["ours", "mse", "cos"])
def test_gradient_distances_are_those_of_a_slow_version(metric):
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 2, 3, 3), (4,), (5, 16), (5,)]
    one, other = ([torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes] for _ in range(2))
    found = float(utils.match_loss(one, other, types.SimpleNamespace(dis_metric=metric)))
    flat = [np.concatenate([g.numpy().ravel() for g in part]) for part in (one, other)]
    if metric == "mse":
        right = ((flat[0] - flat[1]) ** 2).sum()
    elif metric == "cos":
        right = 1 - flat[0] @ flat[1] / (np.linalg.norm(flat[0]) * np.linalg.norm(flat[1]))
    else:
        right = sum(1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for x, y in zip(one, other, strict=True)
                    if x.ndim > 1 for a, b in zip(x.flatten(1).numpy(), y.flatten(1).numpy(), strict=True))
    assert found == pytest.approx(right, rel=1e-5)
    assert float(utils.match_loss(one, one, types.SimpleNamespace(dis_metric=metric))) == pytest.approx(0, abs=1e-5)


def test_an_epoch_trains_or_looks():
    *_, train, _, loader = utils.get_dataset("digits")
    network = utils.get_network("ConvNetD1BN", 1, 10, (28, 28), width=4, seed=0)
    optimiser, criterion = torch.optim.SGD(network.parameters(), 0.01), nn.CrossEntropyLoss()
    before = {n: t.clone() for n, t in network.state_dict().items()}
    _, accuracy = utils.epoch("test", loader, network, optimiser, criterion, args())
    assert all(t.equal(before[n]) for n, t in network.state_dict().items()) and 0 <= accuracy <= 1
    batches = torch.utils.data.DataLoader(utils.TensorDataset(*train[:64]), 32)
    utils.epoch("train", batches, network, optimiser, criterion, args(dsa=True, dsa_strategy="crop"), aug=True)
    assert not network.classifier.weight.equal(before["classifier.weight"])
    with pytest.raises(InputError, match="unknown mode"):
        utils.epoch("learn", loader, network, optimiser, criterion)


def test_the_tables_of_the_handout():
    assert [utils.get_loops(ipc) for ipc in (1, 10, 50)] == [(1, 1), (10, 50), (50, 10)]
    with pytest.raises(InputError, match="got 7"):
        utils.get_loops(7)
    assert utils.get_eval_pool("S", "ConvNetBN", "x") == ["ConvNet"]
    assert utils.get_eval_pool("SS", "MLP", "x") == ["MLP"]
    assert utils.get_default_convnet_setting() == (128, 3, "relu", "instancenorm", "avgpooling")
    assert utils.get_daparam("CIFAR10", "ConvNet", "ConvNet", 1)["strategy"] == "none"
    assert utils.get_time().startswith("[20") and len(utils.get_time()) == 21


def test_everything_of_the_handout_is_there():
    wanted = """get_default_convnet_setting get_time distance_wb match_loss get_loops epoch augment get_daparam
    get_eval_pool set_seed_DiffAug TensorDataset rand_scale ResNet18BN VGG11BN AlexNetBN ResNet18BN_AP"""
    assert set(wanted.split()) <= set(utils.__all__) <= set(dir(utils))
    assert len(utils.__all__) == len(set(utils.__all__)) and Path(utils.__file__).name == "__init__.py"
