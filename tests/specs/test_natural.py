"""What a person would write works: options in any form, numbers as text, records where sets are wanted."""

import dataclasses

import numpy as np
import pytest
import torch

from ddkit import load, plots, runs
from ddkit.applications.continual import Continual
from ddkit.applications.search import Search
from ddkit.course.profiles import profile
from ddkit.foundation.errors import InputError
from ddkit.networks import build_for
from ddkit.plots import kernels, moving
from ddkit.runs import find, run
from ddkit.specs import Coreset, Distill, Evaluate, Experts, File, Full, RandomReal, Start, describe_spec, restore_spec

TINY = Distill("digits", ipc=2, network="ConvNetD1", width=4, updates=2, options=(("network_steps", 1),))
SPECS = {
    "Distill": TINY, "Coreset": Coreset("digits", 2), "RandomReal": RandomReal("digits", 2), "Full": Full("digits"),
    "Evaluate": Evaluate(RandomReal("digits", 2)), "Experts": Experts("digits"),
    "Continual": Continual(Coreset("digits", 2)), "Search": Search(RandomReal("digits", 2)),
    "File": File("x.pt", "0", "digits")}
WHOLE = [(kind, field.name) for kind, spec in SPECS.items() for field in dataclasses.fields(spec)
         if field.type in (int, int | None)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def record(root):
    return run(TINY, root=root, quiet=True)


@pytest.fixture(scope="module")
def scored(root):
    return run(Evaluate(RandomReal("digits", 1), "assignment", "MLP", seeds=1, epochs=1), root=root, quiet=True)


@pytest.mark.parametrize(("kind", "name"), WHOLE)
@pytest.mark.parametrize("given", [12.0, "12", " 12 ", np.int64(12), np.float32(12), torch.tensor(12)])
def test_a_whole_number_may_be_written_as_a_float_or_as_digits(kind, name, given):
    meant = dataclasses.replace(SPECS[kind], **{name: 12})
    written = dataclasses.replace(SPECS[kind], **{name: given})
    assert written == meant and type(getattr(written, name)) is int
    assert kind in ("Full", "RandomReal", "File") or written.name == meant.name


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in WHOLE if kind != "File"])
@pytest.mark.parametrize("given", ["ten", "", 1.5, "1.5", [10], True, float("nan"), float("inf")])
def test_what_is_no_whole_number_is_answered_in_a_sentence_with_its_name(kind, name, given, tmp_path):
    spec = dataclasses.replace(SPECS[kind], **{name: given})
    if kind in ("Full", "RandomReal"):
        spec = Evaluate(spec)
    with pytest.raises(InputError, match=name) as error:
        run(spec, root=tmp_path / "runs", quiet=True)
    assert "\n" not in str(error.value) and not (tmp_path / "runs").exists()


FORMS = {"a dict": dict, "a list": list, "lists": lambda pairs: [list(one) for one in pairs], "pairs": tuple}


@pytest.mark.parametrize("form", FORMS)
def test_options_in_any_form_are_the_same_run(form):
    options = (("network_steps", 1), ("lam", 0.1))
    written = dataclasses.replace(TINY, options=FORMS[form](options))
    meant = dataclasses.replace(TINY, options=options)
    assert written == meant and hash(written) == hash(meant) and written.name == meant.name
    assert restore_spec(describe_spec(written)) == meant
    assert Distill(options=None) == Distill(options={}) == Distill()


@pytest.mark.parametrize("given", [np.float64(0.25), np.float32(0.25), torch.tensor(0.25)])
def test_an_option_may_be_a_number_of_numpys_or_torchs(given):
    written, meant = (dataclasses.replace(TINY, options={"lam": value}) for value in (given, 0.25))
    assert written == meant and written.name == meant.name


@pytest.mark.parametrize("given", [5, "lam", ["lam"], ("lam", 0.1), [("lam", 0.1, 2)], [(1, 2)], [{"lam": 1}]])
def test_options_that_are_no_pairs_are_refused_in_a_sentence(given):
    with pytest.raises(InputError, match=r"options are a dict, as \{'lam': 0.1\}, or pairs") as error:
        Distill("digits", options=given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("options", "says"), [
    ({"lam": "much"}, "lam must be a number"), ({"lam": [0.1]}, "lam must be a number"),
    ({"speed": 1}, "unknown option of datadam 'speed'"), ({"power": 0}, "power must be at least 1")])
def test_a_bad_option_is_refused_in_its_own_sentence(options, says, tmp_path):
    with pytest.raises(InputError, match=says):
        run(dataclasses.replace(TINY, options=options), root=tmp_path)


WANTED = {
    "Evaluate": lambda s: Evaluate(s, "assignment", "MLP", seeds=1, epochs=1), "Start": Start, "Search": Search,
    "Start in Evaluate": lambda s: Evaluate(Start(s)), "Continual": Continual,
    "profile.evaluate": lambda s: profile("quick").evaluate(s, "standard"),
    "profile.transfer": lambda s: profile("quick").transfer(s, "MLP")}


@pytest.mark.parametrize("where", WANTED)
def test_a_record_stands_for_the_set_it_is_of(where, record):
    assert WANTED[where](record) == WANTED[where](TINY)


def test_a_record_names_its_run_and_is_scored_by_its_set(record, root, monkeypatch):
    found = run(WANTED["Evaluate"](record), root=root, quiet=True)
    assert found == run(WANTED["Evaluate"](TINY), root=root)
    assert run(record, root=root) == record == find(record, root)
    data = load("digits")
    assert runs.training_set(record, data, 0, root=root).images.equal(record.synthetic.images)
    assert runs.starting_set(record, data).images.equal(record.synthetic.start)


@pytest.mark.parametrize("where", ["Evaluate", "Start", "Search", "profile.evaluate", "profile.transfer"])
@pytest.mark.parametrize("given", ["scored", "set", 5, "digits", None])
def test_what_is_no_set_is_refused_in_a_sentence(where, given, record, scored):
    given = {"scored": scored, "set": record.synthetic}.get(given, given)
    with pytest.raises(InputError, match="a set is wanted: a Distill or Coreset, the record of one") as error:
        WANTED[where](given)
    assert "\n" not in str(error.value)


def test_the_start_of_images_that_have_none_is_refused():
    for source in (RandomReal("digits", 2), Full("digits")):
        with pytest.raises(InputError, match="a set is wanted"):
            Start(source)


@pytest.mark.parametrize("ask", [run, find])
@pytest.mark.parametrize("given", [RandomReal("digits", 2), 5, "distill", None])
def test_what_names_no_run_is_refused_in_a_sentence(ask, given, tmp_path):
    with pytest.raises(InputError, match="a run is named by a spec"):
        ask(given, root=tmp_path)


DRAWN = {
    "image_grid": plots.image_grid, "start_end_difference": plots.start_end_difference,
    "embedding_2d": lambda s: plots.embedding_2d(
        build_for(load("digits"), "ConvNetD1", 4, torch.Generator().manual_seed(0)), load("digits").train, s, 5),
    "kernel_matrix": lambda s: kernels.kernel_matrix(torch.eye(20), s)}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_of_a_record_is_that_of_its_set(name, record, tmp_path):
    def drawn(shown, place):
        return [path.read_bytes() for path in plots.save(DRAWN[name](shown), tmp_path / place, "figure")]

    assert drawn(record, "record") == drawn(record.synthetic, "set")


def test_moving_pictures_take_a_record(record):
    assert np.array_equal(moving.images_of(record), moving.images_of(record.synthetic))
    assert moving.Augmenting(record, load("digits")).shown == 2
    assert moving.Attending(record, load("digits"), "ConvNetD1", 4).images["end"].shape[1] == 2


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("given", ["scored", 5])
def test_a_picture_of_what_has_no_set_is_refused_in_a_sentence(name, given, scored):
    with pytest.raises(InputError, match=r"holds no set|a set or a record of one is wanted") as error:
        DRAWN[name](scored if given == "scored" else given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("power", [400, 400.0, 17])
def test_a_steep_attention_map_can_be_matched(power, tmp_path):
    record = run(dataclasses.replace(TINY, options={"network_steps": 1, "power": power}), root=tmp_path, quiet=True)
    assert record.updates == 2 and record.result["moved"] > 0


@pytest.mark.parametrize(("method", "preset", "init"), [
    ("datadam", "course", "real"), ("private", "psg", "noise"), ("trajectory", "datm", "real"),
    ("kip", "course", "real")])
def test_a_distillation_begins_from_what_its_method_can_if_it_is_asked_to(method, preset, init):
    spec = Distill("digits", method, preset).able
    assert spec.init == init and spec.able == spec
    spec.check()
    kept = dataclasses.replace(Distill("digits", method, preset), init=init)
    assert kept.able == kept
