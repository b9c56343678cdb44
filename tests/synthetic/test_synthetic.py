"""Synthetic sets: where their images come from, and files that come back bit for bit or are refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from ddkit.foundation.errors import InputError
from ddkit.foundation.files import read_tensors, write_tensors
from ddkit.synthetic import SyntheticSet, formats
from ddkit.training import Protocol, score


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def soft(soft):
    """It, from elsewhere."""
    return replace(soft, origin={"seed": 3, "π": "é"})


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

    def full_disk(self, content):
        self.open("wb").write(content[:4])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
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


def test_learned_labels_are_parameters_and_survive_a_round_trip(real, tmp_path):
    logits = torch.randn(12, 3, generator=seeded())
    real.learn_labels(logits, "logits")
    assert [p is q for p, q in zip(real.parameters(), (real.images, real.labels), strict=True)] == [True, True]
    real.labels += 1
    real.save(tmp_path / "set.safetensors")
    back = SyntheticSet.load(tmp_path / "set.safetensors")
    assert torch.equal(back.labels, logits + 1) and torch.equal(back.start_labels, logits)
    assert torch.equal(back.undistilled().labels, logits) and len(back.undistilled().parameters()) == 1


@pytest.mark.parametrize("how", ["copy", "undistilled"])
def test_a_copy_keeps_its_labels_and_its_origin_whatever_becomes_of_the_set(real, how):
    given = getattr(real, how)()
    real.origin["notes"] = ["changed"]
    real.labels += 1
    assert given.origin.get("notes") != ["changed"] and not given.labels.equal(real.labels)
    real.learn_labels(torch.randn(12, 3, generator=seeded()), "logits")
    given = getattr(real, how)()
    kept = real.start_labels.clone()
    real.start_labels += 1
    real.origin["privacy"] = {"steps": 1}
    assert "privacy" not in given.origin
    assert given.start_labels.equal(kept) if how == "copy" else given.labels.equal(kept)


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


AS = {"lists": lambda t: t.tolist(), "arrays": lambda t: t.numpy(), "tensors of a list": list,
      "double": lambda t: t.double(), "half": lambda t: t.half(), "int32": lambda t: t.int(),
      "uint8": lambda t: t.byte(), "column": lambda t: t[:, None]}
SHORT = Protocol("short", epochs=3)


def scored(synthetic, tiny):
    return score(synthetic.training_split(), tiny, "MLP", SHORT, 0, width=8, quiet=True)["losses"]


@pytest.mark.parametrize(("name", "kind"), [*(("labels", kind) for kind in AS),
                                            *(("images", kind) for kind in list(AS)[:5])])
def test_a_set_takes_any_plain_type_and_is_worth_the_same_before_and_after_its_file(real, tiny, tmp_path, name, kind):
    if name == "images":
        real.images = real.start = real.images.half().float()  # which half holds
    given, before = AS[kind](getattr(real, name)), scored(real, tiny)
    also = {"start": given} if name == "images" else {}
    made = replace(real, **{"images": real.images, "form": None, name: given, **also})
    assigned = real.copy()
    for one, value in {name: given, **also}.items():
        setattr(assigned, one, value)
    made.save(tmp_path / "a.safetensors")
    made.export_pt(tmp_path / "a.pt")
    back = SyntheticSet.load(tmp_path / "a.safetensors"), formats.open_set(tmp_path / "a.pt", tiny)
    assigned.save(tmp_path / "b.safetensors")
    for one in (made, *back, SyntheticSet.load(tmp_path / "b.safetensors")):
        assert one.images.dtype == one.start.dtype == torch.float32 and one.labels.dtype == torch.int64
        assert one.images.equal(real.images) and one.labels.equal(real.labels) and scored(one, tiny) == before
    assert scored(assigned, tiny) == before
    in_doubles = (name, kind) == ("images", "double")  # which are kept where they are assigned, to check gradients in
    assert assigned.images.dtype == (torch.double if in_doubles else torch.float32)


@pytest.mark.parametrize("change", [
    {"images": torch.double, "start": torch.double}, {"images": torch.half, "start": torch.half},
    {"labels": torch.float}, {"labels": torch.double}, {"labels": torch.uint8}], ids=str)
def test_a_file_of_another_plain_type_is_worth_the_same(real, tiny, tmp_path, change):
    """Such as sets that were made of double images were saved with."""
    path = tmp_path / "a.safetensors"
    real.images = real.start = real.images.half().float()
    real.save(path)
    tensors, notes = read_tensors(path)
    write_tensors(path, tensors | {name: tensors[name].to(kind) for name, kind in change.items()}, notes)
    assert scored(formats.open_set(path, tiny), tiny) == scored(real, tiny)


def test_rows_are_kept_as_real_numbers(soft, real):
    rows = soft.labels
    for given in (rows.tolist(), rows.double(), rows.numpy()):
        soft.labels = given
        assert soft.training_split().labels.dtype == torch.float32 and soft.training_split().labels.equal(rows)
        assert soft.copy().labels.equal(rows)
    one_hot = torch.eye(3, dtype=torch.int64)[real.labels]
    made = replace(real, images=real.images, form=None, labels=one_hot, meaning=None)
    assert made.labels.equal(torch.eye(3)[real.labels]) and made.meaning == "probabilities"


@pytest.mark.parametrize(("name", "value", "words"), [
    ("images", torch.zeros(12, 1, 8, 8, dtype=torch.uint8), "divide bytes by 255"),
    ("images", [["a"]], "real numbers"), ("images", [[1.0], [1.0, 2.0]], "lists of one length"),
    ("images", 3.0, "lists"), ("labels", [0.5] * 12, "fractions"), ("labels", [float("nan")] * 12, "fractions"),
    ("labels", "four", "real numbers"),
    ("labels", torch.zeros(12, dtype=torch.complex64), "real numbers"), ("labels", torch.zeros(2, 2, 2), "classes]")])
def test_what_are_no_images_or_labels_is_a_sentence(real, name, value, words):
    for make in (lambda: replace(real, **{"images": real.images, "form": None, name: value}),
                 lambda: setattr(real, name, value)):
        with pytest.raises(InputError, match=words) as error:
            make()
        assert "\n" not in str(error.value)


def test_rows_that_are_no_probabilities_are_not_taken_for_some(real):
    rows = 3 * torch.eye(3)[real.labels]
    with pytest.raises(InputError, match="need a meaning: logits, targets or weights"):
        replace(real, images=real.images, form=None, labels=rows, meaning=None)
    made = replace(real, images=real.images, form=None, labels=rows, meaning="logits")
    assert made.training_split().labels.equal(rows.softmax(1))


def test_chosen_images_have_their_own_labels_or_are_refused(tiny):
    order = tiny.train.labels.argsort(stable=True)
    assert SyntheticSet.from_indices(tiny, order, "all").labels.equal(tiny.train.labels[order])
    for wrong in (order.flip(0), torch.cat([order[:8], order[:4]])):
        with pytest.raises(InputError, match="sorted by class"):
            SyntheticSet.from_indices(tiny, wrong, "all")


def test_a_healthy_file_of_another_kind_is_told_by_whom_it_is_read(real, tiny, tmp_path):
    real.save(tmp_path / "a.safetensors")
    real.export_pt(tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"formats.open_set\(path, dataset\)") as error:
        SyntheticSet.load(tmp_path / "a.pt")
    assert "damaged" not in str(error.value) and "delete" not in str(error.value)
    (tmp_path / "named otherwise.pt").write_bytes((tmp_path / "a.safetensors").read_bytes())
    for name in ("a.safetensors", "named otherwise.pt"):
        with pytest.raises(InputError, match=r"SyntheticSet.load\(path\)") as error:
            formats.import_pt(tmp_path / name, tiny)
        assert "pickle" not in str(error.value)
        assert SyntheticSet.load(tmp_path / name).images.equal(real.images)
    assert formats.open_set(tmp_path / "a.pt", tiny).images.equal(real.images)
