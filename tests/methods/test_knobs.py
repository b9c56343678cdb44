"""Every knob of every method, of experts and of protocols, tested from its declaration."""

import dataclasses
import math
import operator

import pytest
from annotated_types import Ge, Gt, Le, Lt

from ddkit.foundation.errors import InputError
from ddkit.foundation.knobs import Declared, declared
from ddkit.methods import METHODS, presets
from ddkit.methods.matching.student import GRADIENTS
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.plots import tables
from ddkit.specs import Distill
from ddkit.synthetic import forms
from ddkit.synthetic.forms import FORMS
from ddkit.training import Protocol
from ddkit.training.difficulty import SCORES
from ddkit.training.experts import Plan

CONFIGS = {name: method.Config for name, method in METHODS.items()} | {"experts": Plan, "protocols": Protocol,
                                                                        "translators": TranslatorPlan}
CONFIGS |= {f"form {name}": form.Config for name, form in FORMS.items()}
KNOBS = [pytest.param(config, knob, id=f"{name}-{knob.name}") for name, config in CONFIGS.items()
         for knob in declared(config)]
PRESETS = [(name, one) for name, found in METHODS.items() for one in found.PRESETS]
OF_ANOTHER_KIND = {int: [1.5, "1", True, None, math.nan, 2**53], float: ["1", True, [1.0], math.nan, math.inf, 1e31],
                   bool: [1, "true", None], str: [1, None, ["x"]]}


def beyond(bound) -> float:
    limit = getattr(bound, type(bound).__name__.lower())
    return {Ge: limit - 1, Gt: limit, Le: limit + 1, Lt: limit}[type(bound)]


def kept(value: float, bound) -> bool:
    name = type(bound).__name__.lower()
    return getattr(operator, name)(value, getattr(bound, name))


@pytest.mark.parametrize("name", CONFIGS)
def test_every_field_is_a_knob_with_a_line_of_doc(name):
    config = CONFIGS[name]
    assert [knob.name for knob in declared(config)] == [field.name for field in dataclasses.fields(config)]
    silent = {knob.name for knob in declared(config) if not knob.knob.doc or "\n" in knob.told}
    assert silent == ({"name"} if config is Protocol else set())


@pytest.mark.parametrize("config, knob", KNOBS)
def test_a_value_of_another_kind_is_refused_by_name(config, knob: Declared):
    for value in OF_ANOTHER_KIND[knob.kind]:
        if value is None and knob.optional:
            continue
        with pytest.raises(InputError, match=f"^{knob.name} must be (a|true)"):
            knob.value(value)


@pytest.mark.parametrize("config, knob", KNOBS)
def test_values_beyond_the_bounds_are_refused_and_those_on_them_are_taken(config, knob: Declared):
    if knob.kind in (bool, str):
        assert knob.bounds == ()
        return
    assert knob.bounds, f"{knob.name} may be any number"
    for bound in knob.bounds:
        with pytest.raises(InputError, match=f"^{knob.name} must {knob.limits}, got"):
            knob.value(beyond(bound))
        if isinstance(bound, Ge | Le):
            assert knob.value(getattr(bound, type(bound).__name__.lower())) is not None


@pytest.mark.parametrize("config, knob", [p for p in KNOBS if p.values[1].choices])
def test_choices_are_taken_and_others_refused_with_the_list(config, knob: Declared):
    assert [knob.value(choice) for choice in knob.choices] == list(knob.choices)
    with pytest.raises(InputError, match=f"unknown {knob.name} 'other': choose one of .*{max(knob.choices)}"):
        knob.value("other")


def test_choices_are_those_that_the_work_knows():
    declared_of = {name: {knob.name: knob.choices for knob in declared(config)} for name, config in CONFIGS.items()}
    assert set(declared_of["trajectory"]["gradient"]) == set(GRADIENTS)
    for name in ("trajectory", "experts"):
        assert set(declared_of[name]["difficulty"]) == {"none", *SCORES}


@pytest.mark.parametrize("method", METHODS)
def test_one_wrong_value_is_refused_when_a_config_is_made(method):
    for knob in declared(METHODS[method].Config):
        for bound in knob.bounds:
            with pytest.raises(InputError, match=knob.name):
                METHODS[method].Config(**{knob.name: beyond(bound)})


@pytest.mark.parametrize("method, preset", PRESETS)
def test_every_preset_is_a_config_and_its_table_shows_what_it_changes(method, preset):
    config = presets.configure(method, preset, {})
    shown = {line.split("|")[1].strip(): line for line in tables.knobs(config, "github").splitlines()[2:]}
    defaults = METHODS[method].Config()
    for name in presets.get(method, preset).values:
        if getattr(config, name) != getattr(defaults, name):
            assert shown[name].split("|")[4].strip(), f"the default of {name} is not shown"


@pytest.mark.parametrize("method, preset", PRESETS)
def test_a_preset_that_is_meant_for_a_form_names_one_and_options_that_it_takes(method, preset):
    name, options = presets.get(method, preset).form or ("pixels", {})
    forms.configure(name, dict(options))


@pytest.mark.parametrize("method, preset, dataset", [
    (*of, dataset) for of in PRESETS for dataset in METHODS[of[0]].PRESETS[of[1]].on])
def test_some_classes_of_a_data_set_have_its_preset(method, preset, dataset):
    whole, some = (Distill(name, method, preset).config for name in (dataset, f"{dataset}-0-1"))
    assert whole == some != presets.configure(method, preset, {})
    said = presets.departures(method, preset, f"{dataset}-0-1")
    assert said == presets.departures(method, preset, dataset) != presets.departures(method, preset)


def test_a_whole_number_may_be_written_as_a_float():
    assert METHODS["datadam"].Config(networks=1e2).networks == 100
    assert isinstance(METHODS["datadam"].Config(networks=1e2).networks, int)


@pytest.mark.parametrize("config, knob", [one for one in KNOBS if one.values[1].kind is float])
def test_a_number_is_one_however_it_is_written(config, knob: Declared):
    for whole in (number for number in range(3) if all(kept(number, bound) for bound in knob.bounds)):
        assert repr(knob.value(whole)) == repr(knob.value(float(whole)))
        assert type(knob.value(whole)) is (int if type(knob.default) is int else float)


@pytest.mark.parametrize("options", [{"image_lr": 5}, {"power": 2}], ids=str)
def test_one_number_is_one_run_however_it_is_written(options):
    names = {Distill("digits", options={name: kind(value) for name, value in options.items()}).name
             for kind in (int, float)}
    assert len(names) == 1


@pytest.mark.parametrize("config", CONFIGS.values())
def test_no_config_checks_by_itself_what_its_knobs_declare(config):
    assert "__post_init__" not in vars(config)
