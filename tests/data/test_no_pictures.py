"""Data that are no pictures: any numbers of a fixed shape, augmented by what their source says, or not at all."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddkit.data import PICTURES, SOURCES, load, names, sources
from ddkit.data.source import Source, always_there
from ddkit.foundation.errors import InputError
from ddkit.foundation.finding import modules_in
from ddkit.methods.matching.gradient import Config
from ddkit.specs import Distill, Evaluate, Full
from ddkit.training import fitting, protocol


def read(root, size):
    draw = np.random.default_rng(0)
    parts = [(draw.normal(3, 5, (n, 1, 1, 12)).astype(np.float32), np.arange(n) % 2) for n in (40, 10, 20)]
    return *parts, ["even", "odd"], "numbers, drawn"


TABLE = Source(read, always_there, 12, (3.0,), (5.0,), strategy="none", classes=2, pictures=False, validated=True)


@pytest.fixture
def table(monkeypatch):
    monkeypatch.setitem(SOURCES, "table", TABLE)
    return load("table")


def test_the_parts_are_those_of_the_source_and_its_numbers_are_not_clipped(table):
    assert [len(part) for part in (table.train, table.val, table.test)] == [40, 10, 20]
    raw, labels = read(None, 12)[1]
    assert torch.allclose(table.val.images, torch.from_numpy(raw - 3) / 5) and table.val.labels.tolist() == list(labels)
    assert table.train.images.min() < -1 and table.notes == ("numbers, drawn",) and not table.pictures


def test_every_part_is_in_the_fingerprint(table, monkeypatch):
    for part in range(3):
        def other(root, size, part=part):
            found = list(read(root, size))
            found[part][0][0, 0, 0, 0] += 1
            return tuple(found)

        monkeypatch.setitem(SOURCES, "table", replace(TABLE, read=other))
        assert load("table").fingerprint != table.fingerprint


def test_they_have_no_other_size(table):
    assert load("table", size=12).fingerprint == table.fingerprint
    with pytest.raises(InputError, match="table are no pictures"):
        load("table", size=16)


def test_a_strategy_that_makes_no_sense_is_refused(table):
    assert table.augmentation() == "none" and table.augmentation("none") == "none"
    with pytest.raises(InputError, match="'rotate' makes no sense"):
        table.augmentation("rotate")
    with pytest.raises(InputError, match="'scale' makes no sense"):
        replace(table, strategy="crop").augmentation("crop_scale")
    with pytest.raises(InputError, match="'rotate' makes no sense"):
        Config(augmented=True, operations="rotate").strategy(table)
    with pytest.raises(InputError, match="augments pictures"):
        fitting._strategy(replace(protocol("standard", table), augmentation="randaugment"), table)
    assert load("digits").augmentation("color") == "color"


def test_what_is_to_be_augmented_by_kip_is_refused_where_nothing_is(table):
    with pytest.raises(InputError, match="set augmentation to 0"):
        from ddkit import run

        run(Distill("table", method="kip", ipc=1, updates=2, options={"augmentation": 0.5}))


@pytest.mark.parametrize(("form", "options"), [("bytes", {}), ("multi-formation", {"factor": 1})])
def test_forms_that_keep_pixels_between_black_and_white_are_refused(table, form, options):
    with pytest.raises(InputError, match="those of table are no pixels"):
        Distill("table", method="kip", ipc=1, form=form, form_options=options).check_on(table)


def test_multi_formation_keeps_any_numbers_where_nothing_is_clamped(table):
    Distill("table", method="kip", ipc=1, form="multi-formation", network="NTK",
            form_options={"factor": 1, "clamped": False}).check_on(table)


def test_networks_for_square_pictures_are_refused(table):
    with pytest.raises(InputError, match="takes square images, and those of table are 1x12"):
        Evaluate(Full("table"), network="MLP").check_on(table)


def test_sources_are_found_in_folders_as_well():
    homes = {module.__name__.rsplit(".", 1)[1]: module for module in modules_in(sources, deep=True)}
    assert set(SOURCES) == {name for name, module in homes.items() if hasattr(module, "SOURCE")}
    assert set(PICTURES) < set(names.SOURCES) or set(PICTURES) == set(names.SOURCES)
