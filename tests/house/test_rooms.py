"""The plan of the house: rooms on floors, small, each with a word on what lives there, and the same rooms for tests."""

from pathlib import Path

import pytest

import ddkit

HOUSE = Path(ddkit.__file__).parent
TESTS = Path(__file__).parents[1]
ROOMS = sorted(path.parent for path in HOUSE.rglob("__init__.py"))
FLOORS = {path.name for path in ROOMS if path.parent == HOUSE}


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: str(path.relative_to(HOUSE.parent)))
def test_no_room_has_more_than_a_dozen_files_and_each_says_what_lives_there(room):
    assert len(list(room.glob("*.py"))) <= 12
    assert (room / "__init__.py").read_text(encoding="utf-8").startswith('"""')


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda path: str(path.relative_to(HOUSE.parent)))
def test_no_file_is_too_long_to_be_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


def test_tests_have_the_same_rooms():
    found = {path.name for path in TESTS.iterdir() if path.is_dir() and any(path.rglob("test_*.py"))}
    assert found - {"house"} <= FLOORS
    assert not list(TESTS.glob("test_*.py"))
