"""README.md, CONTRIBUTING.md and data/reference/README.md: short, true to the records and to the code."""

import re
import shlex
from pathlib import Path

import pytest

from ddkit import runs
from ddkit.commands import parser
from ddkit.course import polyps as polyp_course
from ddkit.course import trajectories as trajectory_course
from ddkit.course.profiles import profile
from ddkit.foundation.errors import InputError
from ddkit.methods import METHODS
from ddkit.reference import best_rows
from ddkit.reference import page as reference
from ddkit.runs import REFERENCE
from ddkit.training.kernels import InfiniteNetwork
from ddkit.training.leads import Lead

ROOT = Path(__file__).parents[2]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8")
         for name in ("README.md", "CONTRIBUTING.md", "data/reference/README.md", "data/reference/template.md")}
README, PAGE = TEXTS["README.md"], TEXTS["data/reference/README.md"]
LAPTOP, POLYPS = profile("laptop"), profile("laptop", "mhist_like")
COMMANDS = re.findall(r"^(?:pip install .* && )?(python -m ddkit .*)$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def rows() -> dict[str, list[best_rows.Row]]:
    return best_rows.rows(LAPTOP, root=REFERENCE)


def test_the_readme_is_short_and_holds_the_two_commands():
    assert len(README.encode()) < 12_000
    for command in ("python -m ddkit course", "pytest -n 2 --dist loadfile"):
        assert f"\npip install -r requirements.txt && {command}\n" in README


@pytest.mark.real_seed
def test_the_page_is_what_the_records_give(only_reference):
    assert reference.page(LAPTOP, POLYPS) == PAGE


def test_words_of_a_method_say_which_of_its_filters_are_off_and_whether_a_lead_is_told_apart(only_reference):
    words = " ".join(PAGE.split())
    left_out = LAPTOP.match_trajectories("pad").config.left_out
    assert left_out == 0 and "The filter by depth is off** (`left_out` 0)" in words
    ours = {name: runs.run(LAPTOP.evaluate(source, "assignment"), root=REFERENCE).scores
            for name, source in trajectory_course.sources(LAPTOP).items()}
    gap = Lead.points(ours["PAD"], ours["PAD's start"])
    verdict = f"{gap.gap:+.1f} ± {gap.error:.1f} points ({'' if gap.told_apart else 'not '}told apart) beside its start"
    assert f"Under the assignment's protocol it has {verdict}" in words
    assert not re.findall(r"\b(?:beats|better|worse|hardly more|pays for it)\b", words)


def test_the_readmes_table_is_what_the_records_give(only_reference):
    table = best_rows.table(LAPTOP, root=REFERENCE)
    assert reference.with_best(README, table) == README
    assert reference.with_best(README.replace(table, "| old |"), table) == README


def test_no_score_stands_in_the_readme_but_in_that_table():
    before, rest = README.split(reference.MARKS[0])
    assert not re.findall(r"\d+(?:\.\d+)? ?%", before + rest.split(reference.MARKS[1])[1])


def test_the_readmes_numbers_of_images_are_those_of_the_records(only_reference):
    full = runs.run(LAPTOP.baseline(), root=REFERENCE)
    assert f"the {full.result['training_images']:,} digits" in README
    distilled = runs.run(LAPTOP.distill("real"), root=REFERENCE)
    assert len(distilled.synthetic.images) == 100 and "a hundred synthetic images" in README


def test_every_scored_method_has_a_line(rows):
    folders = [path.parent.name for path in REFERENCE.glob("distill-mnist-*/record.json")]
    recorded = {name.split("-")[2] for name in folders if f"-ipc{LAPTOP.ipc}-" in name}
    shown = {name.lower() for name in rows} | {"trajectory"}  # which goes by its presets' names, as PAD
    assert recorded <= set(METHODS) and recorded <= shown and "PAD" in rows


def test_the_best_row_is_the_highest_and_says_who_judged(rows):
    for name, best in best_rows.best(LAPTOP, root=REFERENCE).items():
        assert best.scores.mean == max(row.scores.mean for row in rows[name])
        assert (InfiniteNetwork.named(best.spec["network"]) is not None) == ("infinitely wide" in best.judge)
        assert ("features" in best.judge) <= ("kernel" in best.protocol)


def test_rows_say_on_what_a_set_was_made_if_it_was_distilled(rows):
    assert {row.made_on for row in rows["RFAD"]} == {"width 32", "width 128"}
    assert {row.made_on for row in rows["KIP"]} == {"NTK"}
    assert {row.made_on for name in ("herding", "random real", "full data") for row in rows[name]} == {""}


@pytest.mark.parametrize("name", ["PAD", "DataDAM", "k-centre"])
def test_where_no_figure_is_published_or_at_hand_the_words_say_so(name):
    assert name not in best_rows.PUBLISHED
    assert re.search(rf"^\| {name} .*\| {best_rows.UNPUBLISHED} +\|$", README, re.MULTILINE)
    assert name in README.split("Nobody has")[1].split("\n\n")[0]


@pytest.mark.real_seed
def test_the_polyps_protocol_is_as_long_as_the_records_say(only_reference):
    epochs = {record.result["epochs"] for ipc in polyp_course.IPCS["laptop"]
              for record in polyp_course.scores(POLYPS, ipc, root=REFERENCE).values()}
    assert len(epochs) == 1
    assert f"protocol cut to {epochs.pop()} of its 1,000 epochs" in " ".join(PAGE.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shown_is_one(command):
    parser().parse_args(shlex.split(command, comments=True)[3:])


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_to_a_file(name):
    links = re.findall(r"\]\(([^)#]+)\)", TEXTS[name])
    inside = [link for link in links if "://" not in link]
    assert all(((ROOT / name).parent / link).is_file() for link in inside)
    assert inside or name == "CONTRIBUTING.md"


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:ddkit|tests|notebooks|data)/[\w/.]+\.(?:py|md))`",
                                                      TEXTS["CONTRIBUTING.md"]))))
def test_every_file_named_for_contributors_is_there(path):
    assert (ROOT / path).is_file() or re.search("NAME|NN_name", path)


@pytest.mark.parametrize("kind", ["method", "form", "data set", "application", "lesson"])
def test_contributors_get_ten_lines_and_a_test(kind):
    part = re.split("^## ", TEXTS["CONTRIBUTING.md"], flags=re.MULTILINE)
    steps = next(text for text in part if re.match(rf"An? {kind}\n", text))
    assert re.findall(r"^(\d+)\. ", steps, re.MULTILINE) == [str(number) for number in range(1, 11)]
    assert "Test" in steps and re.search(r"tests/\w+/test_", steps)


@pytest.mark.parametrize("damage", [lambda s: s.replace(reference.MARKS[0], ""), lambda s: s + reference.MARKS[1]])
def test_a_readme_without_its_marks_is_refused(damage):
    with pytest.raises(InputError, match="must hold once each"):
        reference.with_best(damage(README), "| a |")


def test_the_readmes_picture_of_the_package_names_every_room():
    part = README.split("## The package in one picture")[1].split("## ")[0]
    rooms = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in part.splitlines() if line.startswith("| `")))
    assert sorted(set(rooms) - {"ddkit"}) == sorted(path.parent.name for path in (ROOT / "ddkit").glob("*/__init__.py"))
