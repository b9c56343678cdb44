"""Lesson 8's records: more than two sizes, found as they are, with what another size would take and what each costs."""

import pytest

from ddkit.course import lossless
from ddkit.course.profiles import profile
from ddkit.runs import REFERENCE, find, run
from ddkit.synthetic.budget import storage
from ddkit.training.leads import Lead

LAPTOP = profile("laptop")


@pytest.fixture
def rows(only_reference):
    return lossless.records(LAPTOP, root=REFERENCE)


def test_more_than_two_sizes_of_distilled_and_of_random_images_came_with_ddkit(rows):
    assert {1, 2, 5, 10} <= rows["DataDAM"].keys() and {1, 2, 5, 10, 20} <= rows["random real"].keys()
    assert all(len(record.scores.runs) == LAPTOP.seeds for row in rows.values() for record in row.values())


def test_the_lead_over_random_images_shrinks_with_every_size_as_the_page_says(rows):
    leads = [Lead.points(rows["DataDAM"][ipc].scores, rows["random real"][ipc].scores) for ipc in (1, 2, 5, 10)]
    assert all(lead.told_apart for lead in leads)
    assert [lead.gap for lead in leads] == sorted((lead.gap for lead in leads), reverse=True)


def test_what_another_size_takes_lies_on_the_line_through_those_at_hand(only_reference):
    one, ten, between, more = (lossless.minutes(LAPTOP, ipc, root=REFERENCE) for ipc in (1, 10, 4, 19))
    for ipc, (to_make, to_judge) in {1: one, 10: ten}.items():
        assert to_make == pytest.approx(find(LAPTOP.distill("real", ipc=ipc), root=REFERENCE).seconds / 60)
        assert to_judge == pytest.approx(find(lossless.evaluation(LAPTOP, "DataDAM", ipc), root=REFERENCE).seconds / 60)
    for part in range(2):
        assert between[part] == pytest.approx((2 * one[part] + ten[part]) / 3)
        assert more[part] == pytest.approx(2 * ten[part] - one[part])


def test_where_fewer_than_two_distillations_are_at_hand_nothing_is_foretold(tmp_path):
    assert lossless.minutes(profile("quick"), 3, root=tmp_path) is None


def test_costs_say_bytes_and_the_distance_from_the_full_data(rows):
    full = run(LAPTOP.baseline(), root=REFERENCE)
    table = lossless.costs(rows, full, root=REFERENCE)
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    by_set = {(row[0], row[1]): row[2:] for row in cells}
    ten = by_set["DataDAM", "10"]
    made = find(LAPTOP.distill("real", ipc=10), root=REFERENCE)
    assert ten[0] == f"{storage(made.synthetic):,}" and ten[1] == f"{made.seconds / 60:.1f}"
    assert ten[4] == f"{100 * (full.scores.mean - rows['DataDAM'][10].scores.mean):.2f}"
    assert by_set["full data", "all"][0] == f"{54_000 * 785:,}"
    assert by_set["random real", "10"][1] == "0" and by_set["DataDAM", "2"][1] == "not at hand"
