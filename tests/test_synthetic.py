"""Synthetic sets: where their images come from, and files that come back bit for bit or are refused."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from ddkit.data import Split
from ddkit.errors import InputError
from ddkit.synthetic import SyntheticSet


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def real(tiny):
    return SyntheticSet.from_real(tiny, 4, seeded())


@pytest.fixture
def soft(real):
    """A moved set with everything that can be learned: images, soft labels, learning rate."""
    labels = torch.rand(12, 3, generator=seeded()).softmax(1)
    return replace(real, images=real.images + 0.1, labels=labels, meaning="probabilities",
                   learning_rate=0.1 + 0.2, origin={"seed": 3, "π": "é"})


def test_real_starts_are_training_images_with_their_labels_and_none_twice(tiny, real):
    pairs = zip(tiny.train.images, tiny.train.labels, strict=True)
    train = {image.numpy().tobytes(): int(label) for image, label in pairs}
    picked = [image.numpy().tobytes() for image in real.images]
    assert [train[image] for image in picked] == real.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert len(set(picked)) == 12 and real.ipc == 4 and not real.soft


def test_a_whole_class_can_be_picked_and_more_is_refused(tiny):
    assert SyntheticSet.from_real(tiny, 12, seeded()).ipc == 12
    for begin in (SyntheticSet.from_real, SyntheticSet.from_noise):
        for ipc in (0, -1, 13):
            with pytest.raises(InputError, match="1 to 12"):
                begin(tiny, ipc, seeded())


def test_noise_starts_are_standard_normal(digits):
    noise = SyntheticSet.from_noise(digits, 10, seeded()).images
    assert noise.shape == (100, 1, 28, 28)
    assert abs(float(noise.mean())) < 0.02 and abs(float(noise.std()) - 1) < 0.02
    assert abs(float((noise.abs() < 1).float().mean()) - 0.6827) < 0.01


@pytest.mark.parametrize("init", ["real", "noise"])
def test_the_start_depends_on_the_generator_alone(tiny, init, untouched_randomness):
    one, same, other = (SyntheticSet.begin(init, tiny, 2, seeded(s)).images for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_an_unknown_start_is_refused(tiny):
    with pytest.raises(InputError, match="noise, real"):
        SyntheticSet.begin("zeros", tiny, 1, seeded())


def test_the_way_moved_is_the_euclidean_norm_and_undistilling_goes_back(tiny, real):
    assert real.moved == 0
    start = real.images.clone()
    real.images += 0.5
    assert real.moved == pytest.approx(0.5 * (12 * 64) ** 0.5)
    assert torch.equal(real.undistilled().images, start)


def test_changing_the_set_leaves_the_data_set_alone(tiny):
    before = tiny.train.images.clone()
    SyntheticSet.from_real(tiny, 12, seeded()).images.zero_()
    assert torch.equal(tiny.train.images, before)


@pytest.mark.parametrize(("name", "value"), [
    ("images", torch.zeros(12, 8, 8)), ("start", torch.zeros(11, 1, 8, 8)), ("labels", torch.zeros(11)),
    ("labels", torch.zeros(12, 2))])
def test_shapes_that_do_not_fit_are_refused(real, name, value):
    with pytest.raises(InputError, match="must"):
        replace(real, **{name: value})


@pytest.mark.parametrize("kind", ["real", "soft"])
def test_a_saved_set_comes_back_bit_for_bit(request, tmp_path, kind):
    made = request.getfixturevalue(kind)
    made.save(tmp_path / "deep" / "set.safetensors")
    back = SyntheticSet.load(tmp_path / "deep" / "set.safetensors")
    for name in ("images", "labels", "start"):
        assert torch.equal(getattr(back, name), getattr(made, name))
        assert getattr(back, name).dtype == getattr(made, name).dtype
    for name in ("mean", "std", "classes", "learning_rate", "origin", "soft", "moved"):
        assert getattr(back, name) == getattr(made, name)


def test_a_set_that_shares_its_start_can_be_saved(real, tmp_path):
    replace(real, start=real.images).save(tmp_path / "set.safetensors")
    assert SyntheticSet.load(tmp_path / "set.safetensors").moved == 0


def test_a_failed_save_leaves_the_old_file_and_nothing_else(real, soft, tmp_path, monkeypatch):
    path = tmp_path / "set.safetensors"
    real.save(path)
    before = path.read_bytes()

    def full_disk(tensors, target, metadata):
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full_disk)
    with pytest.raises(InputError, match="No space left"):
        soft.save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", [
    pytest.param(lambda content: content[: len(content) // 2], id="truncated"),
    pytest.param(lambda content: b"", id="empty"),
    pytest.param(lambda content: b"not a tensor in sight", id="text"),
    pytest.param(lambda _: safetensors.torch.save({"images": torch.zeros(1)}), id="another tool's"),
    pytest.param(lambda _: safetensors.torch.save({n: torch.zeros(1, 1, 8, 8) for n in ("images", "labels", "start")},
                                                  {"ddkit": "{}"}), id="no description"),
])
def test_a_damaged_set_is_refused_by_name(real, tmp_path, damage):
    path = tmp_path / "set.safetensors"
    real.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        SyntheticSet.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_set_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.safetensors"):
        SyntheticSet.load(tmp_path / "nowhere.safetensors")
    with pytest.raises(InputError, match="res_DC"):
        SyntheticSet.import_pt(tmp_path / "res_DC.pt", None)


@pytest.mark.parametrize("kind", ["real", "soft"])
def test_an_export_is_the_fields_layout_and_comes_back(request, tiny, tmp_path, kind):
    made = request.getfixturevalue(kind)
    made.labels = made.labels if made.labels.ndim == 1 else torch.eye(3)[torch.arange(3).repeat_interleave(4)]
    made.export_pt(tmp_path / "res.pt")
    content = torch.load(tmp_path / "res.pt", weights_only=True)
    assert set(content) == {"data", "accs_all_exps"} and content["accs_all_exps"] == {}
    [[images, labels]] = content["data"]
    assert torch.equal(images, made.images) and torch.equal(labels, made.labels)
    back = SyntheticSet.import_pt(tmp_path / "res.pt", tiny)
    assert torch.equal(back.images, made.images) and torch.equal(back.labels, made.labels) and back.moved == 0


def field_file(path, *entries):
    torch.save({"data": [list(entry) for entry in entries], "accs_all_exps": {"ConvNet": [0.9]}}, path)
    return path


@pytest.mark.parametrize("kind", ["hard", "float", "soft"])
def test_an_import_is_sorted_by_class_and_images_keep_their_labels(real, tiny, tmp_path, kind):
    order = torch.randperm(12, generator=seeded(5))
    labels = {"hard": real.labels, "float": real.labels.float(), "soft": torch.eye(3)[real.labels]}[kind]
    path = field_file(tmp_path / "res.pt", (real.images[order], labels[order]))
    back = SyntheticSet.import_pt(path, tiny)
    label_of = {image.numpy().tobytes(): int(label) for image, label in zip(real.images, real.labels, strict=True)}
    hard = back.labels.argmax(1) if back.soft else back.labels
    assert hard.tolist() == sorted(hard.tolist()) == [label_of[image.numpy().tobytes()] for image in back.images]
    assert back.labels.dtype == (torch.float32 if kind == "soft" else torch.int64)


def test_an_import_takes_the_last_entry_unless_told_otherwise(real, tiny, tmp_path):
    path = field_file(tmp_path / "res.pt", (real.images, real.labels), (real.images + 1, real.labels))
    assert torch.equal(SyntheticSet.import_pt(path, tiny).images, real.images + 1)
    assert torch.equal(SyntheticSet.import_pt(path, tiny, entry=0).images, real.images)
    with pytest.raises(InputError, match="entry 2"):
        SyntheticSet.import_pt(path, tiny, entry=2)


def test_imported_images_that_carried_gradients_can_be_distilled_further(real, tiny, tmp_path):
    path = field_file(tmp_path / "res.pt", (real.images.clone().requires_grad_(), real.labels))
    back = SyntheticSet.import_pt(path, tiny)
    assert back.images.is_leaf and not back.images.requires_grad and not back.start.requires_grad


X, Y = torch.zeros(6, 1, 8, 8), torch.arange(3).repeat_interleave(2)


@pytest.mark.parametrize("content", [
    pytest.param({"data": [[torch.zeros(6, 1, 9, 9), Y]]}, id="another size"),
    pytest.param({"data": [[X, Y + 1]]}, id="labels out of range"),
    pytest.param({"data": [[X, Y - 1]]}, id="negative labels"),
    pytest.param({"data": [[X, torch.zeros(6, 4)]]}, id="soft labels of four classes"),
    pytest.param({"data": [[X, Y[:5]]]}, id="too few labels"),
    pytest.param({"data": [[X, torch.cat([Y, Y])]]}, id="too many labels"),
    pytest.param({"data": [[X[:0], Y[:0]]]}, id="no images"),
    pytest.param({"data": [[X]]}, id="no labels"),
    pytest.param({"data": []}, id="no entry"),
    pytest.param({"images": X}, id="another layout"),
    pytest.param([X, Y], id="a list"),
    pytest.param(X, id="a tensor"),
    pytest.param({"data": [["images", "labels"]]}, id="strings"),
])
def test_an_import_that_does_not_fit_is_refused(tiny, tmp_path, content):
    torch.save(content, tmp_path / "res.pt")
    with pytest.raises(InputError):
        SyntheticSet.import_pt(tmp_path / "res.pt", tiny)


class Touch:
    """Pickles to a call of os.system that makes a marker file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        import os

        return os.system, (f"touch '{self.marker}'",)


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))],
                         ids=["torch.save", "plain pickle"])
def test_a_hostile_file_is_refused_and_its_code_not_run(tiny, tmp_path, write):
    marker, path = tmp_path / "marker", tmp_path / "res.pt"
    write({"data": [[Touch(marker), Y]]}, path)
    with pytest.raises(InputError, match="refused"):
        SyntheticSet.import_pt(path, tiny)
    assert not marker.exists()
    pickle.loads(pickle.dumps(Touch(marker)))
    assert marker.exists(), "the attack itself works"


@pytest.mark.parametrize("keep", [0, 1, 100, -30])
def test_a_truncated_export_is_refused_by_name(real, tiny, tmp_path, keep):
    path = tmp_path / "res.pt"
    real.export_pt(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"res\.pt"):
        SyntheticSet.import_pt(path, tiny)


@pytest.mark.parametrize("channels", [1, 3])
def test_pngs_hold_the_very_pixels(tiny, tmp_path, channels):
    levels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8).repeat(1, channels, 1, 1)[[0, 1, 2, 3, 0, 1]]
    mean, std = (0.1307,) * channels, (0.3081,) * channels
    images = (levels / 255 - 0.1307) / 0.3081
    dataset = replace(tiny, train=Split(images, Y), mean=mean, std=std)
    paths = SyntheticSet(images, Y, images.clone(), mean, std, dataset.classes).export_png(tmp_path / "png")
    assert [str(p.relative_to(tmp_path / "png")) for p in paths] == [
        f"{name}/{i:03d}.png" for name in ("up", "mid-dle", "down") for i in range(2)]
    for path, level in zip(paths, levels, strict=True):
        read = np.atleast_3d(np.asarray(Image.open(path)))
        assert np.array_equal(read, level.permute(1, 2, 0).numpy())


def test_learned_labels_are_parameters_and_survive_a_round_trip(real, tmp_path):
    logits = torch.randn(12, 3, generator=seeded())
    real.learn_labels(logits, "logits")
    assert [p is q for p, q in zip(real.parameters(), (real.images, real.labels), strict=True)] == [True, True]
    real.labels += 1
    real.save(tmp_path / "set.safetensors")
    back = SyntheticSet.load(tmp_path / "set.safetensors")
    assert torch.equal(back.labels, logits + 1) and torch.equal(back.start_labels, logits)
    assert torch.equal(back.undistilled().labels, logits) and len(back.undistilled().parameters()) == 1


def test_networks_train_on_what_the_labels_mean(real):
    logits = torch.randn(12, 3, generator=seeded())
    assert torch.equal(real.training_split().labels, real.labels) and not real.training_split().squared
    real.learn_labels(logits, "logits")
    torch.testing.assert_close(real.training_split().labels, logits.exp() / logits.exp().sum(1, keepdim=True))
    real.learn_labels(logits, "targets")
    assert torch.equal(real.training_split().labels, logits) and real.training_split().squared


@pytest.mark.parametrize(("labels", "meaning"), [(torch.zeros(12, 3), "classes"), (torch.zeros(12, 3), "guesses"),
                                                 (torch.zeros(12, dtype=torch.int64), "logits")])
def test_labels_that_cannot_have_their_meaning_are_refused(real, labels, meaning):
    with pytest.raises(InputError, match="labels"):
        real.learn_labels(labels, meaning)


def test_datms_files_come_back_with_logits_and_rate(tiny, real, tmp_path):
    real.learn_labels(torch.eye(3)[real.labels] * 5 + torch.randn(12, 3, generator=seeded()), "logits")
    real.learning_rate = 0.02
    real.export_datm(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images_best.pt", "labels_best.pt", "lr_best.pt"]
    back = SyntheticSet.import_datm(tmp_path / "images_best.pt", tiny)
    order = real.labels.argmax(1).argsort(stable=True)
    assert torch.equal(back.images, real.images[order]) and torch.equal(back.labels, real.labels[order])
    assert back.meaning == "logits" and back.learning_rate == pytest.approx(0.02)


def test_datms_files_that_are_incomplete_are_refused(tiny, real, tmp_path):
    with pytest.raises(InputError, match="learned learning rate"):
        real.export_datm(tmp_path)
    torch.save(real.images, tmp_path / "images_best.pt")
    with pytest.raises(InputError, match=r"labels_best.pt"):
        SyntheticSet.import_datm(tmp_path / "images_best.pt", tiny)
