"""Any method drives any form of a set: whichever there are, they move it, resume to the same bits, and keep it."""

from dataclasses import fields, replace
from functools import cache, partial

import pytest
import torch

from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods import METHODS, presets
from ddkit.methods.loop import Callback, distill
from ddkit.runs import run
from ddkit.specs import Distill, Evaluate, File, Start
from ddkit.synthetic import SyntheticSet, formats, forms
from ddkit.synthetic.forms import FORMS, Canvas
from ddkit.training.experts import Trajectories, train_expert
from ddkit.training.kernels import InfiniteNetwork

UPDATES, AT, WHOSE = 4, 2, {"run": "experts", "fingerprint": "0" * 64}
OF_PIXELS = ("940effcd", "start-standard-ConvNetD3-e4e1cd07")
SMALL = {"networks": 2, "iterations": 2, "network_steps": 2, "outer": 2, "inner": 2, "pool": 2, "real_batch": 8,
         "network_batch": 8, "base_batch": 5, "most_steps": 3, "width": 4, "updates": UPDATES, "expert_span": 1,
         "experts": 2, "expert_epochs": 12, "expert_lr": 0.1, "expert_batch": 6, "first_start": 0, "last_start": 1,
         "final_start": 2, "expansion": 2, "student_steps": 3, "translator": "identity", "inner_updates": 2,
         "threshold": 0.0, "starts": 2, "steps": 4, "step_images": 0}
FIRST = [(name, next(iter(kind.PRESETS))) for name, kind in METHODS.items()]
EVERY = [(name, preset) for name, kind in METHODS.items() for preset in kind.PRESETS]
WAYS = sorted({*FIRST, ("trajectory", "datm"), ("gradient", "idc_i"), ("distribution", "idm")})
OPTIONS = {"bases": {"number": 6}, "frequencies": {"kept": 9}, "hallucinators": {"number": 2},
           "decoder": {"width": 2, "fit_steps": 3}, "pca": {"components": 4}}


def small(way):
    """Options of a preset in small, on a network of one block where it has one to choose."""
    method, preset = way
    config, own = METHODS[method].Config, METHODS[method].PRESETS[preset].values
    changes = {name: value for name, value in SMALL.items() if name in {field.name for field in fields(config)}}
    if "network" in {field.name for field in fields(config)} and not InfiniteNetwork.named(config().network):
        changes["network"] = "ConvNetD1"
    changes |= {"window": 2} if "window" in own else {}
    return changes | ({"starts": 1} if own.get("initialisation") == "fixed" else {})


def config_of(way):
    """A preset in small."""
    return presets.configure(*way, small(way))


@cache
def ipc_of(form, canvas):
    """The smallest budget that the form takes."""
    config = forms.configure(form, OPTIONS.get(form, {}))
    for ipc in range(1, 200):
        try:
            FORMS[form].count(config, canvas, ipc)
            return ipc
        except InputError:
            continue
    raise AssertionError(f"{form} needs the bytes of 200 images of each class")


def begun(form, dataset, init):
    config = forms.configure(form, OPTIONS.get(form, {}))
    made = forms.begin(form, config, dataset, ipc_of(form, Canvas.of(dataset)), init, stream(0, "init"))
    return SyntheticSet.of_form(made, dataset, init)


class Interrupting(Callback):
    def on_update(self, synthetic, history):
        if history.updates == AT:
            raise KeyboardInterrupt


def distilled(way, form, dataset, experts, checkpoint=None, **watched):
    config = config_of(way)
    method = METHODS[way[0]](config)
    synthetic = begun(form, dataset, "noise" if METHODS[way[0]].private else "real")
    if getattr(config, "plan", None):
        method.trajectories = experts(config.plan)
    history = distill(method, synthetic, dataset, updates=UPDATES, seed=0, checkpoint=checkpoint, quiet=True, **watched)
    return synthetic, history


@pytest.fixture(scope="module")
def experts(tmp_path_factory):
    """Gives the trajectories of a plan on a data set, trained once."""
    places = {}

    def of(dataset):
        def trained(plan):
            if plan not in places:
                places[plan] = tmp_path_factory.mktemp("experts")
                for number in range(plan.experts):
                    train_expert(places[plan], number, plan, dataset, 0, None, WHOSE, True)
            return Trajectories(places[plan], plan, WHOSE)
        return trained
    return of


def refused(way, form):
    try:
        METHODS[way[0]].check_form(form)
        return False
    except InputError:
        return True


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_any_method_moves_any_form_and_resumes_it_to_the_same_bits(tiny, tmp_path, experts, way, form):
    if refused(way, form):
        with pytest.raises(InputError, match="form"):
            Distill("digits", *way, form=form, init="noise" if METHODS[way[0]].private else "real").check()
        return
    unbroken, history = distilled(way, form, tiny, experts(tiny))
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(KeyboardInterrupt):
        distilled(way, form, tiny, experts(tiny), checkpoint, callbacks=[Interrupting()])
    resumed, again = distilled(way, form, tiny, experts(tiny), checkpoint)
    assert again.losses == history.losses and again.updates == UPDATES
    for one, other in zip(unbroken.parameters(), resumed.parameters(), strict=True):
        assert one.equal(other)
    assert unbroken.images.equal(resumed.images) and unbroken.start.equal(resumed.start)
    assert resumed.learning_rate == unbroken.learning_rate and resumed.form_name == form
    assert unbroken.moved > 0 or METHODS[way[0]].keeps_images
    assert list(again.snapshots) == list(history.snapshots) and again.snapshots[UPDATES].equal(resumed.images)
    resumed.save(tmp_path / "set.safetensors")
    back = SyntheticSet.load(tmp_path / "set.safetensors")
    one, other = back.training_split(), unbroken.training_split()
    assert one.images.equal(other.images) and one.labels.equal(other.labels) and back.size == unbroken.size
    formats.export_pt(back, tmp_path / "set.pt", quiet=True)
    assert torch.load(tmp_path / "set.pt", weights_only=True)["data"][0][0].equal(unbroken.images)


class Looking(Callback):
    """Looks at all there is to see after every update, as a dashboard does, and changes the copies that it takes."""

    def __init__(self, path):
        self.path, self.updates = path, 0

    def on_update(self, synthetic, history):
        self.updates += 1
        taken = synthetic.copy()
        taken.images.detach().zero_()
        taken.labels.zero_()
        synthetic.save(self.path)
        _ = synthetic.pixels(), synthetic.moved, synthetic.undistilled(), synthetic.training_split(), synthetic.size


@pytest.mark.parametrize("way", EVERY, ids="-".join)
def test_watching_changes_no_bit_of_what_is_distilled(tiny, tmp_path, experts, way):
    """Nobody looks, or a network is trained on the set, and all of it looked at, after every update."""
    unseen, alone = distilled(way, "pixels", tiny, experts(tiny))
    spec, looking = Distill("digits", *way, options=small(way)), Looking(tmp_path / "set.safetensors")
    validated = {} if METHODS[way[0]].private else {"validate": partial(spec._validation_score, dataset=tiny)}
    seen, watched = distilled(way, "pixels", tiny, experts(tiny), callbacks=[looking], validate_every=1, **validated)
    assert looking.updates == UPDATES and len(watched.validation) == UPDATES * bool(validated)
    assert watched.losses == alone.losses and not alone.validation
    assert all(one.equal(watched.snapshots[update]) for update, one in alone.snapshots.items())
    seen.save(tmp_path / "seen.safetensors")
    unseen.save(tmp_path / "unseen.safetensors")  # images, labels, start, rate and schedule
    assert (tmp_path / "seen.safetensors").read_bytes() == (tmp_path / "unseen.safetensors").read_bytes()


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_resumed_form_keeps_what_another_machine_would_have_begun_with(tiny, tmp_path, experts, monkeypatch, form):
    """What is fitted to images, as principal components are, has other signs elsewhere: a checkpoint brings its own."""
    way = ("datadam", "course")
    unbroken, _ = distilled(way, form, tiny, experts(tiny))
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(KeyboardInterrupt):
        distilled(way, form, tiny, experts(tiny), checkpoint, callbacks=[Interrupting()])
    if form != "pixels":
        begin = forms.begin

        def elsewhere(*arguments):
            made = begin(*arguments)
            for tensors in (made.parts, made.fixed):
                tensors |= {name: -t if t.is_floating_point() else t for name, t in tensors.items()}
            return made

        monkeypatch.setattr(forms, "begin", elsewhere)
    resumed, _ = distilled(way, form, tiny, experts(tiny), checkpoint)
    resumed.save(tmp_path / "set.safetensors")
    for found in (resumed, SyntheticSet.load(tmp_path / "set.safetensors")):
        assert found.images.equal(unbroken.images) and found.start.equal(unbroken.start)
        assert found.undistilled().images.equal(unbroken.start)


def spec_of(form, **more):
    options = {"networks": 2, "iterations": 1, "network_steps": 0, "real_batch": 8}
    canvas = Canvas(10, (1, 28, 28), (0.3,), (0.3,))
    return Distill("digits", ipc=ipc_of(form, canvas), width=4, updates=2, options=options, form=form,
                   form_options=OPTIONS.get(form, {}), **more)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_run_keeps_its_set_and_scores_say_what_it_takes(tmp_path, form):
    spec = spec_of(form)
    record = run(spec, root=tmp_path, quiet=True)
    made, size = record.synthetic, record.result["size"]
    assert made.form_name == size["form"] == form and size["images"] == len(made.images)
    assert size["bytes"] == made.size.bytes + len(made.labels) and size["shared_bytes"] == made.size.shared_bytes
    assert made.size.bytes <= 4 * 10 * 784 * spec.ipc and record.evolution[0].equal(made.start)
    how = {"network": "ConvNetD1", "width": 4, "seeds": 1, "epochs": 1}
    formats.export_pt(made, tmp_path / "set.pt", quiet=True)
    files = [File.of(record.folder / "synthetic.safetensors", "digits"), File.of(tmp_path / "set.pt", "digits")]
    scores = [run(Evaluate(of, **how), root=tmp_path, quiet=True) for of in (spec, *files)]
    assert len({score.scores.headline.mean for score in scores}) == 1
    starts = [run(Evaluate(Start(of), **how), root=tmp_path, quiet=True) for of in (spec, files[0])]
    assert starts[0].scores.headline.mean == starts[1].scores.headline.mean
    assert all(score.result["size"] == size for score in scores)
    assert all(start.result["size"]["images"] == size["images"] for start in starts)


def test_pixels_name_the_runs_that_they_named_before_there_were_forms():
    assert Distill("digits").name == "distill-digits-datadam-course-ipc10-real-" + OF_PIXELS[0]
    assert Evaluate(Start(Distill("digits"))).name.endswith(OF_PIXELS[1])


def test_every_field_of_a_form_names_another_run():
    base = spec_of("multi-formation")
    others = [replace(base, form_options={"factor": 3}), replace(base, ipc=2), replace(base, budget=10**5),
              replace(base, form="pixels"), replace(base, budget=10**5 + 1)]
    assert len({spec.name for spec in (base, *others)}) == 6
    assert len({Evaluate(Start(spec)).name for spec in (base, *others)}) == 6
    assert replace(base, form_options={"factor": 2}).name == base.name  # which is the form's own
    assert replace(base, budget=10**5, ipc=3).name == replace(base, budget=10**5).name


@pytest.mark.parametrize(("method", "preset"), [(name, one) for name, method in METHODS.items()
                                                for one in method.PRESETS])
def test_a_preset_brings_the_form_that_it_is_meant_for_unless_another_is_named(method, preset):
    name, options = presets.get(method, preset).form or ("pixels", {})
    own = Distill("digits", method, preset)
    assert (own.form, dict(own.form_options)) == (name, dict(options))
    assert own.name == Distill("digits", method, preset, form=name, form_options=options).name
    pixels = Distill("digits", method, preset, form="pixels")
    assert pixels.form == "pixels" and (pixels.name == own.name) == (name == "pixels")


def test_a_presets_form_takes_other_options():
    spec = Distill("digits", "gradient", "idc", form_options={"factor": 3})
    assert spec.form_config.factor == 3 and spec.form == "multi-formation"
    assert replace(spec).name == spec.name != Distill("digits", "gradient", "idc").name


def test_a_budget_is_used_as_far_as_it_goes(digits):
    for form in sorted(FORMS):
        spec = replace(spec_of(form), budget=3 * 31_360 + 777)
        taken = spec.starting_set(digits).size
        assert 0 < taken.bytes <= 3 * 31_360 + 777 and taken.decoded == 10 * spec.images_per_class(digits)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"form": "none such"}, "unknown form"), ({"form_options": {"none": 1}}, "unknown option of form"),
    ({"form": "pixels", "form_options": {"factor": 2}}, "no options"), ({"form_options": {"factor": 0}}, "factor must"),
    ({"budget": 0}, "budget"), ({"form_options": {"factor": 99}}, "finer"), ({"budget": 99}, "99")])
def test_what_cannot_work_is_a_sentence_before_any_work(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        run(replace(spec_of("multi-formation"), **changes), root=tmp_path, quiet=True)
    assert "\n" not in str(error.value) and not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("init", ["real", "noise", "herding"])
def test_a_form_begins_as_it_is_told(digits, init):
    spec = replace(spec_of("multi-formation"), init=init)
    made = spec.starting_set(digits)
    assert made.origin["init"] == init and len(made.images) == 40
    if init == "herding":
        chosen = replace(spec, form="pixels", form_options=(), ipc=4).starting_set(digits)
        assert (made.images - chosen.images).norm() < 0.5 * (chosen.images - chosen.images.mean()).norm()
