"""What is released: nothing that is the instructor's, marks that add up, and no mark lost when it is done again."""

import contextlib
import json
import shutil
import sqlite3
import zipfile

import pytest

from ddkit.exercises import cells, marks
from ddkit.foundation.errors import InputError
from ddkit.grading.__main__ import main
from ddkit.grading.course import Course

pytest.importorskip("nbgrader")

import nbformat

from ddkit.grading import release as releasing
from ddkit.grading import restore
from ddkit.grading.release import gradebook, lessons, release

TINY = "01_tiny"
LESSONS = lessons.found()


def read(path):
    return nbformat.read(path, as_version=4)


def graded(notebook) -> dict:
    """Of each cell of nbgrader's: its type, points and kind, by its id."""
    kinds = ("grade_id", "grade", "solution", "locked", "task")
    return {cell.id: (cell.cell_type, data.get("points"), *(data[kind] for kind in kinds))
            for cell in notebook.cells if (data := cell.metadata.get("nbgrader"))}


def book(course):
    return sqlite3.connect(course.root / "gradebook.db")


def points_of(course) -> dict[str, float]:
    with contextlib.closing(book(course)) as found:
        return dict(found.execute("SELECT name, max_score FROM grade_cells JOIN base_cell USING (id)"))


def mark(course, student: str = "ann") -> dict:
    """Give marks as grading and an instructor do; returns them."""
    from nbgrader.api import Gradebook

    with gradebook.nbgraders_ways(), Gradebook(course.gradebook, "ddkit") as open_book:
        open_book.add_student(student)
        open_book.add_submission(TINY, student)
        for grade in open_book.find_submission_notebook(TINY, TINY, student).grades:
            grade.auto_score, grade.manual_score = (1, None) if grade.name != "why" else (None, 0.5)
        open_book.db.commit()
    return given(course)


def given(course) -> dict:
    with contextlib.closing(book(course)) as found:
        return {name: (auto, by_hand) for name, auto, by_hand in found.execute(
            "SELECT base_cell.name, auto_score, manual_score FROM grade JOIN base_cell ON cell_id = base_cell.id")}


def rewritten(folder, notebooks, change):
    """A folder with the tiny lesson, changed by a function of its notebook."""
    notebook = read(notebooks / f"{TINY}.ipynb")
    change(notebook)
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook, folder / f"{TINY}.ipynb")
    return folder


def cell(notebook, name: str):
    return next(one for one in notebook.cells if one.id == name)


@pytest.fixture(scope="module")
def whole_course(tmp_path_factory) -> Course:
    """All lessons of the repository, released."""
    return release(tmp_path_factory.mktemp("all") / "course")[0]


class TestLessons:
    @pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
    def test_students_get_the_lesson_cell_by_cell_and_nothing_of_the_instructors(self, whole_course, path):
        whole, made = read(path), read(whole_course.notebook("release", path.stem))
        wanted = cells.student(whole)
        assert [(one.id, one.cell_type, one.source) for one in made.cells] == \
            [(one.id, one.cell_type, one.source) for one in wanted.cells]
        assert graded(made) == graded(whole)
        assert not any(one.get("outputs") or one.get("execution_count") for one in made.cells)
        kept = [line.strip() for one in whole.cells for what in ("HIDDEN TESTS", "MARK SCHEME")
                for line in cells.region(one.source, what).splitlines() if line.strip()]
        folder = b"".join(file.read_bytes() for file in whole_course.notebook("release", path.stem).parent.iterdir())
        text = folder.decode()
        assert not [line for line in kept if json.dumps(line, ensure_ascii=False)[1:-1] in text]
        assert not any(f"BEGIN {what}" in text for what in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME"))

    def test_marks_add_up_to_the_courses(self, whole_course):
        assert whole_course.lessons == [path.stem for path in LESSONS]
        assert points_of(whole_course) == {mark.name: mark.points for mark in marks.MARKS}

    def test_every_answer_has_its_scheme_for_the_instructor(self, whole_course):
        for path in LESSONS:
            answers = {one.id: cells.region(one.source, "MARK SCHEME").strip() for one in read(path).cells
                       if one.cell_type == "markdown" and "nbgrader" in one.metadata}
            assert whole_course.schemes(path.stem) == answers

    def test_one_file_has_all_of_them(self, whole_course):
        with zipfile.ZipFile(whole_course.root / "release" / "lessons.zip") as packed:
            assert {name: packed.read(name) for name in packed.namelist()} == {
                f"lessons/{name}.ipynb": whole_course.notebook("release", name).read_bytes()
                for name in whole_course.lessons}


EDITORS = ("JupyterLab", "Colab", "Colab, without nbgrader's metadata", "an editor that drops all metadata")


def saved(notebook, editor: str) -> dict:
    """The content of a student's file of a released lesson: executed, and saved by an editor."""
    made = json.loads(nbformat.writes(notebook))
    made["metadata"] |= {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}, "trusted": True}
    for count, one in enumerate(made["cells"], start=1):
        if one["cell_type"] == "code":
            one |= {"execution_count": count, "outputs": [{"output_type": "stream", "name": "stdout", "text": "seen"}]}
        if editor == "JupyterLab":
            one["metadata"] |= {"trusted": True} if "outputs" in one else {"jp-MarkdownHeadingCollapsed": True}
        else:
            name, kept = one.pop("id"), one["metadata"] if editor == "Colab" else {}
            one["metadata"] = {} if "drops" in editor else kept | {"id": name, "outputId": "4f-x", "collapsed": False}
    if editor != "JupyterLab":
        made |= {"nbformat_minor": 0 if "Colab" in editor else 4}
        made["metadata"] |= {"colab": {"provenance": []}, "accelerator": "GPU"}
    return made


class TestSavedAgain:
    """A released lesson that went through a student's editor is again what nbgrader gave points for."""

    @pytest.mark.parametrize("editor", EDITORS)
    @pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
    def test_ids_points_types_and_texts_come_back(self, whole_course, path, editor):
        handed_out = read(whole_course.notebook("release", path.stem))
        file = json.dumps(saved(handed_out, editor)).encode()
        made, findings = restore.restore(restore.read(file), read(whole_course.notebook("source", path.stem)))
        assert graded(made) == graded(handed_out)
        assert [(one.cell_type, one.source) for one in made.cells] == \
            [(one.cell_type, one.source) for one in handed_out.cells]
        points = {name: one[1] for name, one in graded(made).items() if one[1] is not None}
        assert points == {mark.name: mark.points for mark in marks.of_lesson(int(path.stem[:2]))}
        assert {one.kind for one in findings} <= ({"lost metadata", "guessed cell"} if editor in EDITORS[2:] else set())


class TestTiny:
    def test_what_an_instructor_keeps_is_kept(self, tiny, tiny_source):
        assert {path.name for path in (tiny.root / "release").iterdir()} == {TINY, "lessons.zip"}
        assert [path.name for path in (tiny.root / "release" / TINY).iterdir()] == [f"{TINY}.ipynb"]
        assert (tiny.root / "gradebook.db").stat().st_mode & 0o77 == 0
        assert (tiny.root / "source").stat().st_mode & 0o77 == 0
        assert not (tiny.root / ".releasing").exists()
        assert "x + x" in cell(tiny_source, "exercise-double").source
        assert "for the order" in tiny.schemes(TINY)["why"] and "for the order" not in cell(tiny_source, "why").source

    def test_the_package_goes_out_with_the_released_lessons_alone(self, tmp_path, tiny, tiny_notebooks, capsys):
        assert main(["release", str(tmp_path / "new"), "--notebooks", str(tiny_notebooks), "--package"]) == 0
        out = tmp_path / "new" / "release" / "ddkit.zip"
        assert str(out) in capsys.readouterr().out
        with zipfile.ZipFile(out) as packed:
            names = set(packed.namelist())
            assert {"ddkit/requirements.txt", "ddkit/pyproject.toml", "ddkit/ddkit/__init__.py"} <= names
            assert [name for name in names if name.endswith(".ipynb")] == [f"ddkit/notebooks/{TINY}.ipynb"]
            assert packed.read(f"ddkit/notebooks/{TINY}.ipynb") == tiny.notebook("release", TINY).read_bytes()
        assert any(name.startswith("ddkit/data/reference/") for name in names)
        assert not [name for name in names if "notebooks/src" in name or "/tests/" in name or "__pycache__" in name]

    def test_nbgraders_own_command_hands_out_no_scheme_either(self, tiny):
        shutil.rmtree(tiny.root / "release" / TINY)
        releasing._generate(tiny, TINY)
        assert [path.name for path in (tiny.root / "release" / TINY).iterdir()] == [f"{TINY}.ipynb"]

    def test_a_lesson_is_added_to_others(self, tiny, tiny_notebooks, tmp_path):
        folder = tmp_path / "more"
        folder.mkdir()
        shutil.copy(tiny_notebooks / f"{TINY}.ipynb", folder / "02_second.ipynb")
        before, points = mark(tiny), points_of(tiny)
        course, told = release(tiny.root, folder, "2")
        assert course.lessons == [TINY, "02_second"] and told == []
        assert given(course) == before and points_of(course) == points
        with zipfile.ZipFile(course.root / "release" / "lessons.zip") as packed:
            assert len(packed.namelist()) == 2

    def test_without_marks_anything_may_change(self, tiny, tiny_notebooks, tmp_path):
        def change(notebook):
            cell(notebook, "double").metadata.nbgrader.points = 4
            del notebook.cells[-1]

        course, told = release(tiny.root, rewritten(tmp_path / "new", tiny_notebooks, change))
        assert points_of(course) == {"double": 4, "largest": 2} and told == []


class TestAgain:
    """Released again, when students have marks."""

    def test_the_same_lesson_keeps_all(self, tiny, tiny_notebooks):
        before = mark(tiny)
        assert before == {"double": (1, None), "largest": (1, None), "why": (None, 0.5)}
        assert release(tiny.root, tiny_notebooks)[1] == []
        assert given(tiny) == before

    def test_a_changed_check_keeps_marks_and_is_told(self, tiny, tiny_notebooks, tmp_path):
        def change(notebook):
            cell(notebook, "double").source += "\nassert double(0) == 0"

        before = mark(tiny)
        (told,) = release(tiny.root, rewritten(tmp_path / "new", tiny_notebooks, change))[1]
        assert "double" in told and "largest" not in told and given(tiny) == before
        assert "double(0)" in cell(read(tiny.notebook("release", TINY)), "double").source

    def test_other_points_are_refused_unless_asked_for(self, tiny, tiny_notebooks, tmp_path):
        def change(notebook):
            cell(notebook, "double").metadata.nbgrader.points = 3

        folder, before, files = rewritten(tmp_path / "new", tiny_notebooks, change), mark(tiny), everything(tiny.root)
        with pytest.raises(InputError, match=r"1 student handed 01_tiny in.*double \(1, now 3\).*--again"):
            release(tiny.root, folder)
        assert everything(tiny.root) == files
        (told,) = release(tiny.root, folder, again=True)[1]
        assert "double (1, now 3)" in told and given(tiny) == before and points_of(tiny)["double"] == 3

    @pytest.mark.parametrize("change", [
        lambda notebook: notebook.cells.pop(),
        lambda notebook: cell(notebook, "double").metadata.nbgrader.update(grade_id="other"),
    ], ids=["gone", "renamed"])
    def test_marks_without_a_cell_are_refused_in_any_case(self, tiny, tiny_notebooks, tmp_path, change):
        folder = rewritten(tmp_path / "new", tiny_notebooks, change)
        before, files = mark(tiny), everything(tiny.root)
        with pytest.raises(InputError, match="folder of its own"):
            release(tiny.root, folder, again=True)
        assert given(tiny) == before and everything(tiny.root) == files


def everything(root) -> dict:
    """All files of a course, but what a command leaves that is refused."""
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*"))
            if path.is_file() and ".releasing" not in path.parts}


STEPS = {"generating": (releasing, "_generate"), "checking": (releasing.leaks, "require_tight"),
         "taking over": (releasing, "_show"), "zipping": (releasing.zips, "lessons"),
         "the end": (releasing, "write_json")}


class TestKilled:
    @pytest.mark.parametrize("step", ["checking", "taking over", "the end"])
    def test_a_first_release_is_made_whole_by_the_same_command(self, tiny, tiny_notebooks, tmp_path, monkeypatch, step):
        root = tmp_path / "killed"
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            killing(patched, step)
            release(root, tiny_notebooks)
        with pytest.raises(InputError, match="is no course"):
            Course.at(root)
        course = release(root, tiny_notebooks)[0]
        one, other = everything(course.root), everything(tiny.root)
        same = [path for path in one if path.name not in ("course.json", "gradebook.db")]
        assert one.keys() == other.keys() and all(one[path] == other[path] for path in same)
        assert points_of(course) == points_of(tiny)

    @pytest.mark.parametrize("step", STEPS)
    def test_marks_stay_whenever_it_is_killed(self, tiny, tiny_notebooks, monkeypatch, step):
        before = mark(tiny)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            killing(patched, step)
            release(tiny.root, tiny_notebooks)
        assert given(tiny) == before
        release(tiny.root, tiny_notebooks)
        assert given(tiny) == before and read(tiny.notebook("release", TINY))


def killing(patched, step: str) -> None:
    """Interrupt where a step begins; ``course.json`` is what the last writer of JSON writes."""
    module, name = STEPS[step]
    real = getattr(module, name)

    def killed(*arguments):
        if step != "the end" or arguments[0].name == "course.json":
            raise KeyboardInterrupt
        return real(*arguments)

    patched.setattr(module, name, killed)


def twice(notebook) -> None:
    notebook.cells.append(nbformat.from_dict(cell(notebook, "double") | {"id": "again"}))


def unsolved(notebook) -> None:
    cell(notebook, "exercise-double").source = "def double(x):\n    ...  # your code here"


def leaking(notebook) -> None:
    cell(notebook, "cell-06").source += "\nassert double(-1.5) == -3, 'also below zero'".replace("'", '"')


def wordy(notebook) -> None:
    answer = cell(notebook, "why")
    answer.source = "Say why.\n\n" + answer.source


def attached(notebook) -> None:
    cell(notebook, "cell-00")["attachments"] = {"scheme.png": {"image/png": "AAAA"}}


class TestRefused:
    """In one sentence, with exit code 2, and without anything to see."""

    @pytest.mark.parametrize("change, words", [
        (twice, "more than one cell double"), (unsolved, "no solution in its cell exercise-double"),
        (leaking, "hidden tests of double stands in another cell"), (wordy, "an answer holds its prompt"),
        (attached, "attachments"),
    ])
    def test_a_lesson_that_would_give_something_away(self, tmp_path, tiny_notebooks, capsys, change, words):
        folder = rewritten(tmp_path / "new", tiny_notebooks, change)
        assert main(["release", str(tmp_path / "course"), "--notebooks", str(folder)]) == 2
        told = capsys.readouterr().err
        assert words in told and len(told.strip().splitlines()) == 1
        assert not (tmp_path / "course" / "release").exists() and not (tmp_path / "course" / "gradebook.db").exists()

    @pytest.mark.parametrize("text, words", [
        ("{", "no notebook that can be read"), ('{"cells": 3}', "no notebook that can be read"),
        (None, "no lessons"),
    ])
    def test_a_file_that_is_none(self, tmp_path, capsys, text, words):
        if text is not None:
            (tmp_path / "01_odd.ipynb").write_text(text)
        assert main(["release", str(tmp_path / "course"), "--notebooks", str(tmp_path)]) == 2
        told = capsys.readouterr().err
        assert words in told and len(told.strip().splitlines()) == 1 and not (tmp_path / "course").exists()

    @pytest.mark.parametrize("asked", ["2", "01_other", "x", "", "1,,1", "-1"])
    def test_a_lesson_that_there_is_not(self, tmp_path, tiny_notebooks, asked):
        with pytest.raises(InputError, match="there is no lesson"):
            release(tmp_path / "course", tiny_notebooks, asked)
        assert not (tmp_path / "course").exists()

    @pytest.mark.parametrize("asked", ["1", "01", TINY, f"{TINY}.ipynb", " 1 , 01"])
    def test_but_a_lesson_is_found_by_its_number_or_name(self, tiny_notebooks, asked):
        assert [path.stem for path in lessons.found(tiny_notebooks, asked)] == [TINY]

    def test_a_folder_of_other_things(self, tmp_path, tiny_notebooks):
        (tmp_path / "thesis.tex").write_text("mine")
        with pytest.raises(InputError, match="not empty"):
            release(tmp_path, tiny_notebooks)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    @pytest.mark.parametrize("name", ["a[1]", "a*", "100%", "a{b}", "a#b"])
    def test_a_folder_whose_name_nbgrader_takes_for_a_pattern(self, tmp_path, tiny_notebooks, name):
        with pytest.raises(InputError, match="cannot be a course's folder"):
            release(tmp_path / name, tiny_notebooks)

    def test_while_another_command_is_at_work(self, tiny, tiny_notebooks):
        with tiny.held(), pytest.raises(InputError, match="another command is at work"):
            release(tiny.root, tiny_notebooks)


def test_whoever_gives_marks_waits_for_a_release(tiny, tmp_path):
    with gradebook.changed(tiny.root / "gradebook.db", tmp_path / "copy.db"), \
            contextlib.closing(sqlite3.connect(tiny.root / "gradebook.db", timeout=0)) as other, \
            pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("UPDATE grade_cells SET max_score = 9")
    assert points_of(tiny) == {"double": 1, "largest": 2, "why": 1.5}
