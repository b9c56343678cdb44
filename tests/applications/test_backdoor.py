"""Backdoors: the square is where it is said to be, success counts other classes only, runs resume."""

import dataclasses
import json

import joblib
import pytest
import torch

from ddkit.__main__ import main
from ddkit.applications.backdoor import Backdoor, report
from ddkit.applications.backdoor import spec as backdoor
from ddkit.applications.backdoor.trigger import Square, poisoned, rank, suspicion
from ddkit.course.profiles import profile
from ddkit.data import Split, denormalise
from ddkit.foundation.errors import InputError
from ddkit.methods.kernel.kip import METHOD
from ddkit.runs import run
from ddkit.specs import Coreset, Distill, File, Full, RandomReal, Start, describe_spec, restore_spec
from ddkit.training import logits, trained

KIP = Distill("digits", "kip", "course", ipc=2, updates=4, options=(("real_batch", 40),))
SPEC = Backdoor(KIP, 0.1, target=3, width=8, seeds=3, epochs=3)


def dirty(digits, share=0.1, side=2):
    return poisoned(digits, Square(side), share, 3, 0)


def test_the_square_is_white_and_one_pixel_from_the_edges(digits):
    images = digits.train.images[:5]
    for square, first in ((Square(2), 25), (Square(2, "upper left"), 1)):
        changed = square.on(images, digits)
        moved = torch.nonzero((changed - images).abs().amax((0, 1)) > 0)
        assert moved.min() >= first and moved.max() <= first + 1
        pixels = denormalise(changed, digits.mean, digits.std)[..., first:first + 2, first:first + 2]
        assert torch.equal(pixels, torch.ones_like(pixels)) and square.brightness(changed, digits).tolist() == [1.0] * 5
    assert torch.equal(images, digits.train.images[:5])  # the given ones stay


def test_only_the_images_drawn_change_and_get_the_targets_label(digits):
    changed, marked = dirty(digits)
    train, before = changed.train, digits.train
    assert int(marked.sum()) == round(0.1 * len(before)) and not bool((before.labels[marked] == 3).any())
    assert torch.equal(train.images[~marked], before.images[~marked])
    assert torch.equal(train.labels[~marked], before.labels[~marked]) and set(train.labels[marked].tolist()) == {3}
    assert torch.equal(train.images[marked], Square(2).on(before.images[marked], digits))
    assert changed.test is digits.test and changed.val is digits.val
    assert len({digits.fingerprint, changed.fingerprint, dirty(digits, 0.2)[0].fingerprint,
                dirty(digits, side=3)[0].fingerprint}) == 4
    none, nobody = dirty(digits, 0.0)
    assert torch.equal(none.train.images, before.images) and not bool(nobody.any())


def test_more_poison_contains_less_of_it(digits):
    few, many = dirty(digits, 0.05)[1], dirty(digits, 0.2)[1]
    assert bool(many[few].all()) and int(many.sum()) > int(few.sum())


class Told(torch.nn.Module):
    """Calls 3 whatever has a white lower right corner, and else its own answer."""

    def __init__(self, digits, otherwise):
        super().__init__()
        self.digits, self.otherwise = digits, otherwise

    def forward(self, images):
        bright = Square(2).brightness(images, self.digits) > 0.99
        answers = torch.full((len(images),), self.otherwise)
        answers[bright] = 3
        return torch.nn.functional.one_hot(answers, 10).float()


def test_success_counts_images_of_other_classes_only(digits):
    fooled = backdoor.called_target(Told(digits, 1), digits, Square(2), 3)
    assert fooled == {"success": 1.0, "elsewhere": 0.0, "without": 0.0}
    always = backdoor.called_target(Told(digits, 3), digits, Square(2), 3)
    assert set(always.values()) == {1.0}  # although no image of 3 was counted
    assert backdoor.called_target(Told(digits, 1), digits, Square(2), 1)["success"] == 0.0


def test_some_of_the_images_are_a_sample_of_all(digits):
    class Bright(torch.nn.Module):
        """Calls 3 what has much ink."""

        def forward(self, images):
            answers = 3 * (images.mean((1, 2, 3)) > digits.test.images.mean())
            return torch.nn.functional.one_hot(answers, 10).float()

    every, some, again = (backdoor.called_target(Bright(), digits, Square(2), 3, most) for most in (None, 150, 150))
    assert some == again != every and some["without"] == pytest.approx(every["without"], abs=0.15)
    assert some["without"] * 150 == pytest.approx(round(some["without"] * 150))


def test_a_square_that_was_put_into_a_set_is_found_first(digits):
    images = torch.cat([digits.train.of_class(c)[:5] for c in range(10)])
    labels = torch.arange(10).repeat_interleave(5)
    clean = suspicion(images, labels, digits.val, digits, 2)
    marked = torch.where((labels == 3)[:, None, None, None], Square(2).on(images, digits), images)
    found = suspicion(marked, labels, digits.val, digits, 2)
    assert found.shape == (10, 27, 27) and rank(found, Square(2), 3, 28) == 1 < rank(clean, Square(2), 3, 28)
    assert rank(found, Square(2), 4, 28) > 1
    slow = denormalise(marked[labels == 3], digits.mean, digits.std)[:, 0, 7:9, 4:6].mean() - denormalise(
        digits.val.of_class(3), digits.mean, digits.std)[:, 0, 7:9, 4:6].mean()
    assert float(found[3, 7, 4]) == pytest.approx(float(slow), abs=1e-6)
    soft = torch.nn.functional.one_hot(labels, 10).float()
    torch.testing.assert_close(suspicion(marked, soft, digits.val, digits, 2), found)
    without = suspicion(marked[labels != 5], labels[labels != 5], digits.val, digits, 2)
    assert not bool(without[5].any()) and torch.equal(without[3], found[3])


def answers(record):
    """All of the result but the seconds."""
    return [{name: value for name, value in one.items() if "seconds" not in name} for one in record.result["runs"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(SPEC, root=tmp_path_factory.mktemp("backdoor"), quiet=True)


def test_the_set_is_that_of_the_poisoned_data_and_lies_beside_the_record(made, digits, tmp_path):
    changed, marked = SPEC.poisoned(digits)
    job = backdoor.Job(changed, tmp_path, {"run": "x"}, None, {}, True)
    assert torch.equal(made.synthetic.images, KIP.work(job).synthetic.images)
    assert made.result["poisoned"] == int(marked.sum()) and made.result["training_images"] == 20
    assert made.result["of_target"] == pytest.approx(int(marked.sum()) / int((changed.train.labels == 3).sum()))
    assert not (made.folder / "parts").exists() and made.synthetic.origin["fingerprint"] == changed.fingerprint
    assert len({one["success"] for one in made.result["runs"]}) > 1


def test_without_poison_the_square_means_no_more_than_its_mistakes(tmp_path):
    """All digits, so that networks learn; then a fifth of them poisoned, so that they learn the square."""
    common = dataclasses.replace(SPEC, of=Full("digits"), protocol="assignment", epochs=30, seeds=2, network="MLP",
                                 width=64)
    clean, poison = (run(dataclasses.replace(common, share=share), root=tmp_path, quiet=True) for share in (0.0, 0.2))
    assert backdoor.measured(clean, "success").mean < 0.15
    taught = {name: backdoor.measured(poison, name).mean for name in backdoor.MEASURES}
    assert taught["success"] > 0.9 > 0.3 > taught["elsewhere"] and taught["without"] < 0.2
    assert clean.result["runs"][0]["seen"]["target"] < 0.1 < poison.result["runs"][0]["seen"]["target"]


def test_at_a_share_of_0_success_is_the_rate_of_ordinary_mistakes(digits, tmp_path):
    """Counted here, in pixels, of a network that was trained on the set of the data as they are: over all targets
    successes are the network's mistakes, each counted once."""
    found = run(dataclasses.replace(SPEC, share=0.0, seeds=1, epochs=20), root=tmp_path, quiet=True)
    training = run(KIP, root=tmp_path, quiet=True).synthetic.training_split()
    how = dataclasses.replace(SPEC, epochs=20).evaluation.how(digits)
    network, _ = trained(training, digits, "ConvNetD3", how, 0, width=8, quiet=True)
    marked, labels = denormalise(digits.test.images, digits.mean, digits.std), digits.test.labels
    some = dataclasses.replace(digits, test=Split(digits.test.images[:80], labels[:80]))
    marked[..., 25:27, 25:27] = 1
    scale, shift = (torch.tensor(value)[:, None, None] for value in (digits.std, digits.mean))
    called, others = logits(network, (marked - shift) / scale).argmax(1), labels != 3
    one, share = found.result["runs"][0], float((called == 3)[others].double().mean())
    assert one["success"] == pytest.approx(share, abs=1e-9)
    successes = [backdoor.called_target(network, some, Square(2), target)["success"]
                 * int((labels[:80] != target).sum()) for target in range(10)]
    assert 0 < sum(successes) == pytest.approx(int((called != labels)[:80].sum()), abs=1e-6)
    assert float((called != labels).double().mean()) == pytest.approx(1 - one["accuracy"], abs=0.1)


def test_random_real_images_are_drawn_from_the_poisoned_data_anew_for_every_network(tmp_path):
    found = run(dataclasses.replace(SPEC, of=RandomReal("digits", 20), share=0.2), root=tmp_path, quiet=True)
    bright = [one["seen"]["target"] for one in found.result["runs"]]
    assert len(set(bright)) > 1 and min(bright) > 0.2 and not (found.folder / "set").exists()


@pytest.mark.parametrize("of", [Coreset("digits", 1, "herding"), Start(KIP)], ids=lambda of: type(of).__name__)
def test_other_sources_are_made_of_the_poisoned_data(tmp_path, of):
    spec = dataclasses.replace(SPEC, of=of, share=0.6, target=0, seeds=1)
    found = run(spec, root=tmp_path, quiet=True)
    assert found.result["runs"][0]["seen"]["target"] > 0.2


@pytest.mark.parametrize("at", [1, 3])
def test_one_that_is_killed_goes_on_to_the_same_numbers(made, tmp_path, monkeypatch, at):
    real, begun = backdoor.trained, []

    def killed(*arguments, **options):
        begun.append(1)
        if len(begun) == at:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(backdoor, "trained", killed)
    with pytest.raises(KeyboardInterrupt):
        run(SPEC, root=tmp_path, quiet=True)
    again = run(SPEC, root=tmp_path, quiet=True)
    assert answers(again) == answers(made) and len(begun) == 3 + 1  # those made before were not made again
    assert torch.equal(again.synthetic.images, made.synthetic.images)


def test_a_distillation_that_was_done_is_not_done_again(tmp_path, monkeypatch):
    real, updates = METHOD.update, []
    monkeypatch.setattr(METHOD, "update", lambda self: updates.append(1) or real(self))
    monkeypatch.setattr(backdoor, "trained", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(SPEC, root=tmp_path, quiet=True)
    assert len(updates) == KIP.updates


def test_networks_side_by_side_give_the_same_numbers(made, tmp_path, one_thread):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert answers(run(SPEC, root=tmp_path, quiet=True)) == answers(made)


@pytest.mark.parametrize(("changes", "words"), [
    ({"share": 1.5}, "from 0 to 1"), ({"share": "some"}, "from 0 to 1"), ({"share": 1.0}, "left as they are"),
    ({"target": 10}, "none of them"), ({"target": -1}, "target"), ({"side": 0}, "side"), ({"images": 0}, "images"),
    ({"side": 14}, "does not fit"),
    ({"of": File("x.pt", "0" * 64, "digits")}, "made anew"), ({"protocol": "learned"}, "one learning rate"),
    ({"of": Distill("digits", "trajectory", "pad")}, "experts have seen all"), ({"seeds": 0}, "seeds"),
    ({"of": RandomReal("digits", 10**5)}, "images per class"), ({"network": "Net"}, "Net"),
])
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        run(dataclasses.replace(SPEC, **changes), root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


def test_its_spec_is_written_down_and_read_back():
    again = restore_spec(json.loads(json.dumps(describe_spec(SPEC))))
    assert again == SPEC and again.name == SPEC.name and SPEC.name.startswith("backdoor-digits-distill-")
    assert dataclasses.replace(SPEC, share=0.2).name != SPEC.name


@pytest.mark.parametrize("name", ["quick", "laptop", "full"])
def test_the_lessons_runs_can_be_asked_for_in_every_profile(name):
    for of in report.asked(profile(name)).values():
        for share, spec in of.items():
            spec.check()
            assert spec.share == share


def test_the_command_shows_all_rows(tmp_path, capsys):
    command = ["backdoor", "--dataset", "digits", "--method", "kip", "--ipc", "1", "--updates", "2", "--set",
               "real_batch=10", "--shares", "0,0.2", "--network", "MLP", "--epochs", "2", "--full-epochs", "1",
               "--seeds", "2", "--runs", str(tmp_path)]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert all(row in text for row in ("kip", "random real", "full data", "without the square", "first sight"))
    assert main([*command, "--json", "--figure", str(tmp_path / "figures")]) == 0
    assert len(list((tmp_path / "figures").glob("backdoor*.png"))) == 2
    assert set(json.loads(capsys.readouterr().out)["kip"]) == {"0", "0.2"}
