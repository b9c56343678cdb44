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
    assert all({1, 2, 5, 10, 20} <= rows[name].keys() for name in ("DataDAM", "random real"))
    assert all(len(record.scores.runs) == LAPTOP.seeds for row in rows.values() for record in row.values())


def test_the_lead_over_random_images_shrinks_with_every_size_as_the_page_says(rows):
    leads = [Lead.points(rows["DataDAM"][ipc].scores, rows["random real"][ipc].scores)
             for ipc in (1, 2, 5, 10, 20)]
    assert all(lead.told_apart for lead in leads[:4])
    assert [lead.gap for lead in leads] == sorted((lead.gap for lead in leads), reverse=True)


@pytest.mark.parametrize(("part", "last"), [(0, 10), (1, 20)])  # the largest set and the largest score at hand
def test_what_another_size_takes_lies_on_the_line_through_those_at_hand(part, last, only_reference):
    def spec(ipc):
        return LAPTOP.distill("real", ipc=ipc) if part == 0 else lossless.evaluation(LAPTOP, "DataDAM", ipc)

    first, end, between, more = (lossless.minutes(LAPTOP, ipc, root=REFERENCE)[part]
                                 for ipc in (1, last, (1 + last) / 2, 2 * last - 1))
    assert first == pytest.approx(find(spec(1), root=REFERENCE).seconds / 60)
    assert end == pytest.approx(find(spec(last), root=REFERENCE).seconds / 60)
    assert between == pytest.approx((first + end) / 2) and more == pytest.approx(2 * end - first)


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
