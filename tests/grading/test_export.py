"""What comes of marking: tables that a spreadsheet opens, pages that a student may read, a page to mark on."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest

from ddkit.exercises.marks import APPLICATIONS, MARKS, points
from ddkit.foundation.errors import InputError
from ddkit.grading.findings import Finding
from ddkit.grading.results import summary, words
from ddkit.grading.results.marks import findings, rows, totals
from ddkit.grading.results.scores import NOT_HANDED_IN, NOT_MARKED, NOT_RELEASED, TO_MARK, UNREADABLE, Lesson, Score
from ddkit.grading.results.totals import FULL, questions, tasks
from ddkit.grading.roster import Student, roster, strangers

pytestmark = pytest.mark.filterwarnings("ignore")  # SQLAlchemy's, of nbgrader's use of it
TINY = "01_tiny"
HARM = """from IPython.display import HTML, Javascript, display
display(HTML('<img src=x onerror="window.harm=2">'), Javascript('window.harm=3'))"""
CELLS = {f"{number:02d}_lesson": {mark.name: mark.points for mark in MARKS if mark.lesson == number}
         for number in sorted({mark.lesson for mark in MARKS})}


def lessons(points_of, cells=CELLS, **changed) -> dict[str, Lesson]:
    """Lessons of somebody who has ``points_of`` a mark's name and points in each."""
    made = {name: Lesson(name, "re-executed", "", {one: Score(points_of(one, most)) for one, most in marks.items()})
            for name, marks in cells.items()}
    return made | changed


def table(cells, *students) -> list[dict[str, str]]:
    head, *found = rows(cells, [(*one, ()) for one in students])
    assert len(set(head)) == len(head)
    return [dict(zip(head, row, strict=True)) for row in found]


# totals

@pytest.mark.parametrize(("application", "pair"), list(product(APPLICATIONS, (False, True))))
def test_a_perfect_student_of_each_choice_gets_what_the_table_of_marks_says(application, pair):
    left_out = {mark.name for mark in MARKS if mark.choice not in ("", application, *(["pair"] if pair else []))}
    (row,) = table(CELLS, (Student("ann", pair="A" if pair else ""),
                           lessons(lambda name, most: 0 if name in left_out else most)))
    for task in (1, 2, 3):
        full = points(task, application, pair)
        assert row[f"Task {task} /{full:g}"] == f"{full:g}"
    assert row["all /45"] == f"{sum(points(task, application, pair) for task in (1, 2, 3)):g}" == "45"


def test_question_4_counts_the_better_application_and_never_both():
    for continual, search, wanted in ((1, 1, "3"), (1, 0, "3"), (0, 1, "3"), (0.5, 1, "3"), (0.5, 0, "1.5")):
        share = dict.fromkeys(CELLS["05_lesson"], continual) | dict.fromkeys(CELLS["09_lesson"], search)
        (row,) = table(CELLS, (Student("ann"), lessons(lambda name, most, share=share: most * share.get(name, 1))))
        assert row["Task 1 4 in all /3"] == wanted


def test_a_pair_has_half_of_its_pipeline_from_lesson_6_and_half_from_lesson_7():
    only_six = questions(lambda mark: mark.points * (mark.lesson == 6), pair=True)
    only_seven = questions(lambda mark: mark.points * (mark.lesson == 7), pair=True)
    assert (only_six[2, "2a"], only_seven[2, "2a"]) == (5, 5)
    assert only_six[2, "1a"] == FULL[2, "1a"]  # which no pair shares
    alone = questions(lambda mark: mark.points * (mark.lesson == 7))
    assert sum(alone.values()) == 0


def test_questions_add_up_to_tasks_and_tasks_to_all():
    (row,) = table(CELLS, (Student("ann"), lessons(lambda name, most: most if len(name) % 2 else most / 2)))
    for task in (1, 2):
        parts = [float(value) for key, value in row.items() if re.match(rf"Task {task} .* in all", key)]
        (whole,) = (float(value) for key, value in row.items() if re.fullmatch(rf"Task {task} /\d+", key))
        assert sum(parts) == pytest.approx(whole)
    assert float(row["all /45"]) == sum(float(row[f"Task {task} /{most:g}"]) for task, most in tasks(FULL).items())


def test_a_question_that_was_not_released_is_told_apart_from_0_and_is_not_on_the_page():
    cells = {name: points for name, points in CELLS.items() if name.startswith("02")}
    given = {name: lesson for name, lesson in lessons(lambda name, most: 0.0).items() if name in cells}
    (row,) = table(cells, (Student("ann"), given))
    assert row["Task 1 2b in all /4"] == "0" and row["Task 2 2b in all /5"] == "not released"
    page = summary.page(Student("ann"), given, cells, {"": [], **{name: [] for name in cells}},
                        totals(cells, Student("ann"), given))
    assert "Task 1 2b" in page and "Task 2 2b" not in page


def test_the_page_of_a_student_says_what_the_table_says():
    given = lessons(lambda name, most: most if len(name) % 2 else most / 2)
    (row,) = table(CELLS, (Student("ann"), given))
    page = summary.page(Student("ann"), given, CELLS, {"": [], **{name: ["a < b"] for name in CELLS}},
                        totals(CELLS, Student("ann"), given))
    assert f"<td>Task 1</td><td class=number>{row['Task 1 /20']} of 20</td>" in page
    assert f"<td>Task 1 2b</td><td class=number>{row['Task 1 2b in all /4']} of 4</td>" in page
    assert f"<td>all</td><td class=number>{row['all /45']} of 45</td>" in page
    assert page.count("<li>a &lt; b</li>") == len(CELLS)


# states

def test_what_was_not_handed_in_unreadable_unmarked_unreleased_and_0_all_look_different():
    name = "02_lesson"
    made = {"absent": Lesson(name, state=NOT_HANDED_IN), "broken": Lesson(name, state=UNREADABLE),
            "late": Lesson(name, state=NOT_MARKED),
            "written": Lesson(name, "re-executed", "", {"task1-1a": Score(None, True)}),
            "zero": Lesson(name, "as-executed", "", {"task1-1a": Score(0.0)})}
    found = table({name: CELLS[name]}, *((Student(one), {name: lesson}) for one, lesson in made.items()))
    shown = [row["task1-1a /1"] for row in found]
    assert shown == [NOT_HANDED_IN, UNREADABLE, NOT_MARKED, TO_MARK, "0"]
    assert {row["kendall /0.5"] for row in found} == {NOT_RELEASED}
    assert [row[name] for row in found] == [NOT_HANDED_IN, UNREADABLE, NOT_MARKED, "re-executed", "as-executed"]
    assert [row["needs a person"] for row in found] == ["", f"{name}: unreadable", f"{name}: not marked",
                                                        f"{name}: task1-1a", ""]


def test_a_mark_given_by_hand_that_is_to_be_looked_at_again_is_shown_and_named():
    name = "02_lesson"
    (row,) = table({name: CELLS[name]}, (Student("ann"), {name: Lesson(name, "re-executed", "",
                                                                       {"task1-1a": Score(0.5, True)})}))
    assert row["task1-1a /1"] == "0.5" and row["needs a person"] == f"{name}: task1-1a"


def test_what_was_noticed_is_named_beside_the_marks_and_told_in_a_table_of_its_own():
    found = (("collected", Finding("duplicated cell", "gain", "it was there twice")),
             ("graded", Finding("over time", "gain", "it took more than 5 s")))
    whole = Finding("left out", "", "x.zip: it is no zip")
    given = {"04_lesson": Lesson("04_lesson", "re-executed", "", {}, found)}
    head, row = rows({"04_lesson": CELLS["04_lesson"]}, [(Student("ann"), given, (whole,))])
    assert row[-2:] == ["files: left out", "files: left out; 04_lesson: duplicated cell, over time"]
    assert head[-2:] == ["needs a person", "noticed"]
    assert findings([(Student("ann"), given, (whole,))])[1:] == [
        ["ann", "files", "collected", "left out", "", "x.zip: it is no zip"],
        ["ann", "04_lesson", "collected", "duplicated cell", "gain", "it was there twice"],
        ["ann", "04_lesson", "graded", "over time", "gain", "it took more than 5 s"]]


# the class

def listed(course_root: Path, text: str, encoding: str = "utf-8"):
    from ddkit.grading.course import Course

    for student in ("ann", "bob"):
        (course_root / "handed_in" / student).mkdir(parents=True, exist_ok=True)
    (course_root / "students.csv").write_bytes(text.encode(encoding))
    return roster(Course(course_root))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_the_list_of_the_class_adds_names_pairs_and_who_handed_nothing_in(tmp_path, sign, encoding):
    text = "\r\n".join(sign.join(row) for row in (("Student", "name", "pair"), ("ann", "Ann Ångström", "A"),
                                                  ("zoe", "", "A"), ("", "", "")))
    assert listed(tmp_path, text, encoding) == [Student("ann", "Ann Ångström", "A"), Student("bob"),
                                                Student("zoe", "", "A")]


def test_the_list_of_the_class_knows_students_by_the_names_they_handed_in_under(tmp_path):
    from ddkit.grading.course import Course

    (tmp_path / "handed_in" / "Jurgen_Gro").mkdir(parents=True)
    text = "student,name,pair\nJürgen Groß,,A\nANN,Ann,A\nZoë Ö,,\n"
    assert listed(tmp_path, text) == [Student("Jurgen_Gro", "Jürgen Groß", "A"), Student("Zoe_O", "Zoë Ö"),
                                      Student("ann", "Ann", "A"), Student("bob")]
    assert strangers(Course(tmp_path)) == ["students.csv names Zoe_O, who handed nothing in",
                                           "bob handed in and is not named in students.csv"]
    (tmp_path / "students.csv").unlink()
    assert strangers(Course(tmp_path)) == []


@pytest.mark.parametrize(("text", "words"), [
    ("name,pair\nAnn,A\n", "has no column 'student'"), ("", "has no column 'student'"),
    ("student\nann\nann\n", "names ann twice"), ("student\nAnn Lee\nann_lee\n", "names ann_lee twice"),
    ("student,name,pair\nann,,A\n", "A has 1"), ("student,pair\nann,A\nbob,A\nzoe,A\n", "A has 3")])
def test_an_unsound_list_of_the_class_is_refused_in_a_sentence(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        listed(tmp_path, text)
    with pytest.raises(InputError, match="UTF-8"):
        listed(tmp_path, "student\nGrün\n", "latin-1")


# words

def test_no_other_name_and_no_place_of_this_machine_is_in_what_a_student_reads(tmp_path):
    from ddkit.grading.course import Course

    folders = words.places(Course(tmp_path / "course"))
    said = words.without_places(f"{tmp_path}/course/x and {sys.prefix}/lib and {Path.home()}/.cache", folders)
    assert str(tmp_path) not in said and sys.prefix not in said and "course/x" in said
    assert words.without_names("run-1 is that of bob, not of bobby or ann-bob", ["bob"]) \
        == "run-1 is that of another student, not of bobby or ann-bob"


# a marked class

@pytest.fixture(scope="module")
def _marked_once(_released_once, tmp_path_factory):
    nbformat, _ = pytest.importorskip("nbformat"), pytest.importorskip("nbgrader")
    from ddkit.grading import sample
    from ddkit.grading.course import Course
    from ddkit.grading.findings import write
    from ddkit.grading.grade.command import grade
    from ddkit.grading.grade.orders import RE_EXECUTED, Way
    from ddkit.grading.kernel.sandbox import Sandbox
    from ddkit.grading.kernel.watch import Limits

    course = Course.at(shutil.copytree(_released_once, tmp_path_factory.mktemp("marked") / "course"))
    source = nbformat.read(course.notebook("source", TINY), as_version=4)
    place = str(course.root)
    for student, notebook in sample.students(source).items():
        path = course.notebook("submitted", TINY, student)
        path.parent.mkdir(parents=True)
        (course.root / "handed_in" / student).mkdir(parents=True)
        if student == "perfect":
            notebook.cells[-1].source += "\n\n<script>window.harm = 1</script> $a < b$ **fine**"
            notebook.cells[1].source += f"\nprint('it lies in ' + '{place[:9]}' + '{place[9:]}/x')"
            notebook.cells[6].source = HARM
        path.write_text(notebook if isinstance(notebook, str) else nbformat.writes(notebook))
    grade(course, Way(RE_EXECUTED, Limits(), Sandbox("none")), jobs=2)
    write(course.findings("perfect", TINY, "collected"),
          [Finding("a neighbour's record", "", f"run-1 is that of mistaken, in {course.root}/records")])
    (course.root / "students.csv").write_text("student,name,pair\nperfect,=1+2,\nabsent,@Absent,\n")
    return course


@pytest.fixture
def marked(_marked_once, tmp_path):
    """The sample class, marked; one of them tries what a page could do to its reader."""
    return replace(_marked_once, root=shutil.copytree(_marked_once.root, tmp_path / "course"))


def by_hand(course, name: str, mark: float, comment: str) -> None:
    from nbgrader.api import Gradebook

    with Gradebook(course.gradebook, "ddkit") as book:
        grade = book.find_grade(name, TINY, TINY, "perfect")
        grade.manual_score, grade.needs_manual_grade = mark, False
        book.find_comment(name, TINY, TINY, "perfect").manual_comment = comment
        book.db.commit()


def test_the_table_opens_in_a_spreadsheet_and_adds_up(marked):
    from ddkit.grading.results.marks import export

    by_hand(marked, "why", 1.25, "")
    path, beside = export(marked)
    assert path.read_bytes().startswith("\ufeff".encode()) and beside.read_bytes().startswith("\ufeff".encode())
    found = {row["student"]: row for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))}
    assert list(found) == ["absent", "broken", "mistaken", "perfect"]
    assert found["perfect"][f"{TINY} why /1.5"] == "1.25" and found["perfect"]["all /4.5"] == "4.25"
    assert found["mistaken"]["all /4.5"] == "2" and found["mistaken"]["needs a person"] == f"{TINY}: why"
    assert {found[one][TINY] for one in ("absent", "broken")} == {NOT_HANDED_IN, UNREADABLE}
    for text in (path.read_text(encoding="utf-8-sig"), beside.read_text(encoding="utf-8-sig")):
        assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell.startswith(tuple("=+-@"))]
    assert (found["perfect"]["name"], found["absent"]["name"]) == ("'=1+2", "'@Absent")
    assert not list(marked.root.glob(".marks*"))


def test_what_was_handed_in_again_since_it_was_marked_is_not_marked(marked):
    from ddkit.grading.results.marks import of_class

    path = marked.notebook("submitted", TINY, "perfect")
    path.write_bytes(path.read_bytes() + b"\n")
    states = {one.student: own[TINY].state for one, own, _ in of_class(marked)}
    assert states == {"absent": NOT_HANDED_IN, "broken": UNREADABLE, "mistaken": "", "perfect": NOT_MARKED}


@pytest.mark.parametrize("schemes", [False, True])
def test_pages_show_code_checks_marks_and_comments_and_no_scheme_unless_asked_for(marked, schemes):
    from ddkit.grading.results.feedback import feedback

    by_hand(marked, "why", 1.25, "short and good")
    assert feedback(marked, schemes, jobs=2) == []
    page = (marked.root / "feedback" / "perfect" / TINY / f"{TINY}.html").read_text()
    for shown in ("largest", "short and good", "1.25", "Grade cell", "fine"):
        assert shown in page
    assert ("1 for the order" in page) == schemes
    files = [path.relative_to(marked.root / "feedback").as_posix() for path in (marked.root / "feedback").rglob("*.*")]
    assert sorted(files) == ["absent/index.html", "broken/index.html", f"mistaken/{TINY}/{TINY}.html",
                             "mistaken/index.html", f"perfect/{TINY}/{TINY}.html", "perfect/index.html"]


def test_nothing_of_a_student_runs_in_a_page_and_it_tells_of_nobody_else(_marked_once):
    from ddkit.grading.results.feedback import feedback

    feedback(_marked_once, jobs=2)
    pages = _marked_once.root / "feedback" / "perfect"
    page, summary = (pages / TINY / f"{TINY}.html").read_text(), (pages / "index.html").read_text()
    assert not [code for code in Runs.of(page) if "window.harm" in code]
    assert "&lt;script&gt;window.harm" in page and "$a &lt; b$" in page  # it can be read
    assert "it lies in course/x" in page and str(_marked_once.root) not in page
    assert "run-1 is that of another student, in course/records" in summary
    assert "mistaken" not in summary + page and str(_marked_once.root) not in summary
    assert "unreadable" in (_marked_once.root / "feedback" / "broken" / "index.html").read_text()


class Runs(HTMLParser):
    """Collects what a page would run."""

    def __init__(self):
        super().__init__()
        self.code, self.inside = [], False

    @classmethod
    def of(cls, page: str) -> list[str]:
        parser = cls()
        parser.feed(page)
        assert parser.code  # nbgrader's own, at least
        return parser.code

    def handle_starttag(self, tag, attrs):
        self.inside = tag == "script"
        self.code += [value or "" for name, value in attrs if name.startswith("on") or "script:" in (value or "")]

    def handle_data(self, data):
        self.code += [data] * self.inside

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"


def get(address: str, data: bytes | None = None, token: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"token {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=60) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_the_page_to_mark_on_shows_the_scheme_and_nothing_but_marking_can_be_done_there(marked):
    command = [sys.executable, "-m", "ddkit.grading", "mark", str(marked.root), "--port", "8947"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env=os.environ | {"PYTHONUNBUFFERED": "1"}) as process:
        try:
            line = process.stdout.readline()
            found = re.search(r"(http://127\.0\.0\.1:\d+)(/\S+)\?token=(\w+)", line)
            assert found, line
            here, page, token = found.groups()
            assert get(here + page, token=token)[0] == 200
            submissions = json.loads(get(f"{here}/formgrader/api/submitted_notebooks/{TINY}/{TINY}", token=token)[1])
            perfect = next(one for one in submissions if one["student"] == "perfect")
            shown = get(f"{here}/formgrader/submissions/{perfect['id']}/", token=token)[1]
            assert "1 for the order" in shown and not [code for code in Runs.of(shown) if "window.harm" in code]
            for closed in ("/api/contents", "/api/kernels", "/api/sessions", "/files/gradebook.db"):
                assert get(here + closed, token=token)[0] == 403
            assert get(f"{here}/formgrader/api/submission/{TINY}/perfect/autograde", b"{}", token)[0] == 403
            assert "perfect" not in get(f"{here}/formgrader/api/submitted_notebooks/{TINY}/{TINY}")[1]  # no token
        finally:
            process.terminate()


# files that belong to no lesson

@pytest.mark.parametrize(("lessons_there", "words", "states"), [
    (["01_tiny"], "Untitled.ipynb: it is no notebook", {"01_tiny": True}),
    (["01_tiny", "02_other"], "02_other.ipynb: it is no notebook", {"01_tiny": False, "02_other": True}),
    (["01_tiny", "02_other"], "Untitled.ipynb: it is no notebook", {"01_tiny": False, "02_other": False})])
def test_a_file_that_could_not_even_be_collected_is_unreadable_or_said(tmp_path, lessons_there, words, states):
    from ddkit.foundation.files import write_json
    from ddkit.grading.course import Course
    from ddkit.grading.findings import write
    from ddkit.grading.grade import arrived

    write_json(tmp_path / "course.json", {"lessons": lessons_there, "released": "", "versions": {}})
    course = Course.at(tmp_path)
    write(course.findings("ann", "handed_in", "collected"), [Finding("unreadable", "", words)])
    assert {one: bool(arrived.unreadable(course, "ann", one)) for one in lessons_there} == states
    assert list(arrived.unplaced(course, "ann")) == ([] if any(states.values()) else [words])
