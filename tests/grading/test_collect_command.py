"""The command that collects: its table, what it refuses, and that nothing is lost where it is killed."""

import contextlib
import errno
import os
import shutil

import pytest
from deliveries import LESSONS, _everything, _lay, _work
from filelock import FileLock

from ddkit.foundation.errors import InputError
from ddkit.grading.__main__ import main
from ddkit.grading.collect import collect, table
from ddkit.grading.course import Course


def _killed(monkeypatch, after: int) -> None:
    """The process ends in the middle of one of the calls that change files."""
    left = [after]

    def killing(work):
        def killed(*given, **named):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return work(*given, **named)
        return killed

    for place, name in ((os, "rename"), (os, "replace"), (os, "utime"), (shutil, "copyfile"), (shutil, "rmtree")):
        monkeypatch.setattr(place, name, killing(getattr(place, name)))


@pytest.mark.parametrize("after", range(28))  # there are that many such calls
def test_killed_anywhere_and_run_again_nothing_is_lost_and_nothing_half(course, inbox, tmp_path, monkeypatch, after):
    run = {f"full-1/{name}": name.encode() for name in ("record.json", "synthetic.safetensors")}
    for when, words in ((1_700_000_000, "old"), (1_800_000_000, "new")):
        _lay(inbox / words, {f"{who}/{name}": content + words.encode() * (name != "1.ipynb") for who in ("ann", "bob")
                             for name, content in {"1.ipynb": _work(course, 0, words), **run}.items()}, when)
    wanted = Course(shutil.copytree(course.root, tmp_path / "unbroken"))
    for one in (course, wanted):
        collect(one.root, [inbox / "old"])
    collect(wanted.root, [inbox / "new"])
    before = _everything(course)
    with monkeypatch.context() as patched:
        _killed(patched, after)
        with contextlib.suppress(KeyboardInterrupt):
            collect(course.root, [inbox / "new"])
    there, whole = _everything(course), _everything(wanted)
    for name, content in there.items():
        if name.split("/")[0] in ("handed_in", "submitted", "records", "findings"):
            assert content in (before.get(name), whole.get(name))
    collect(course.root, [inbox / "new"])
    assert _everything(course) == whole


def test_the_table_names_everybody_and_what_was_noticed(course, inbox, capsys):
    _lay(inbox, {"ann/1.ipynb": _work(course, 0), "bob/1.ipynb": _work(course, 1)})
    assert main(["collect", str(course.root), str(inbox)]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("ann", "bob", *LESSONS, "1.ipynb"))
    assert table(collect(course.root, [inbox])) == shown.rstrip("\n")


@pytest.mark.parametrize("given, says", [
    (["inbox", "--student", "../x"], "choose one of letters"), (["inbox", "--student", ""], "choose one of letters"),
    (["nowhere"], "there is no"), (["bad.zip"], "no zip"), (["course"], "holds the course itself"),
    (["."], "holds the course itself"), (["empty"], "there is nothing in"), (["inbox", "--mib", "0"], "at least 1")])
def test_what_cannot_be_collected_is_said_in_a_sentence(course, inbox, tmp_path, monkeypatch, capsys, given, says):
    monkeypatch.chdir(tmp_path)
    _lay(inbox, {"ann/1.ipynb": _work(course, 0)})
    _lay(tmp_path, {"bad.zip": b"PK no zip"})
    (tmp_path / "empty").mkdir()
    assert main(["collect", str(course.root), *given]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and course.students == []


def test_another_command_at_work_in_the_course_keeps_it_out(course, inbox):
    _lay(inbox, {"ann/1.ipynb": _work(course, 0)})
    with course.held(), pytest.raises(InputError, match="another command is at work"):
        collect(course.root, [inbox])


@pytest.mark.parametrize("within", ["", "class/"])
def test_an_empty_folder_is_named_and_nothing_is_lost(course, inbox, capsys, within):
    _lay(inbox, {f"{within}{who}/1.ipynb": _work(course, 0, who) for who in ("ann", "zoe")})
    (inbox / within / "bob" / "runs").mkdir(parents=True)
    (inbox / within / "ann" / "runs").mkdir()
    assert main(["collect", str(course.root), str(inbox)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"inbox: {within}bob: this folder is empty" and course.students == ["ann", "zoe"]
    assert sum("this folder is empty" in line for line in said) == 1


@pytest.mark.parametrize("command", ["collect", "feedback", "release"])
def test_where_nothing_may_be_written_one_sentence_says_so(course, inbox, monkeypatch, capsys, command):
    if command != "collect":
        pytest.importorskip("nbgrader")

    def refused(*given, **named):
        raise OSError(errno.EROFS, "Read-only file system")

    _lay(inbox, {"ann/1.ipynb": _work(course, 0)})
    monkeypatch.setattr(FileLock, "acquire", refused)
    assert main([command, str(course.root), *[str(inbox)] * (command == "collect")]) == 2
    assert (f"cannot write into {course.root} (Read-only file system): choose a folder you may write to"
            in capsys.readouterr().err)
