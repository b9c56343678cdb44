"""A class that tries what marking has to bear: each student does one thing, to the last exercise of a lesson.

All of it is harmless by itself: few processes that end, memory and outputs with a limit, addresses that lead nowhere.
"""

import copy
from pathlib import Path

from ddkit.grading.sample import making
from ddkit.grading.sample.making import Handed, after, index, perfect, place, unsolved, with_text

NOTE = "written-by-a-student.txt"
CONNECTED, SEEN = "a connection was opened", "seen:"  # what is printed where marking let it happen

_LOOPS = {
    "endless": "while True:\n    pass",
    "endless-stubborn": "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
    "endless-deaf": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
}
_EXITS = {"exits": "exit()", "exits-system": "import sys\nsys.exit(1)", "exits-at-once": "import os\nos._exit(3)"}
_HEAVY = {
    "output-lines": "for _ in range(100):\n    print(('x' * 99 + '\\n') * 10_000)",
    "output-one-line": "print('x' * 100_000_000)",
    "memory": "hog = []\nfor _ in range(96):\n    hog.append(bytearray(b'x') * 2**26)  # 6 GiB in all\ndel hog",
    "processes": "import subprocess, sys\nfor _ in range(40):\n    subprocess.Popen([sys.executable, '-c', 'import time; "
                 "time.sleep(60)'], start_new_session=True)",
    "forks": "import os, time\nfor _ in range(40):\n    if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)",
}
_PATCHES = {
    "patches-stderr": "import io, sys\nsys.stderr = io.StringIO()",
    "patches-errors": "get_ipython().set_custom_exc((BaseException,), lambda *_, **__: None)",
    "patches-asserts": "import ast\nclass Never(ast.NodeTransformer):\n    def visit_Assert(self, node):\n"
                       "        return ast.Pass()\nget_ipython().ast_transformers.append(Never())",
    "patches-cells": "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])",
    "patches-ddkit": "from ddkit import exercises\nexercises.check = exercises.made = lambda *_: None",
}


def students(source, aim: Path | None = None, port: int = 9) -> dict[str, Handed]:
    """The class, by what each one does.

    Args:
        source: a lesson with its solutions.
        aim: a course folder that they try to read and write by its absolute path; None: they look around only.
        port: of this machine, that one tries to reach.
    """
    good, name = perfect(source), making.exercises(source)[-1]
    return {**_structures(source, good, name), **_files(source, good), **_codes(source, good, name),
            **_burglars(good, name, aim, port)}


def _structures(source, good, name: str) -> dict[str, Handed]:
    """Graded cells that are gone, there twice, moved, or of another kind."""
    exercise = f"exercise-{name}"
    answers = [cell.id for cell in good.cells if cell.cell_type == "markdown" and "nbgrader" in cell.metadata]
    made = {
        "deleted-check": Handed(_without(good, name)),
        "deleted-exercise": Handed(_without(good, exercise), loses=(name,)),
        "duplicated-check": Handed(_twice(good, name, place(good, name).source), may_lose=(name,)),
        "duplicated-exercise": Handed(_twice(good, exercise, place(unsolved(source), exercise).source), may_lose=(name,)),
        "reordered": Handed(_moved(good, name, index(good, exercise)), may_lose=(name,)),
        "retyped-check": Handed(_retyped(good, name, "markdown"), may_lose=(name,)),
        "retyped-exercise": Handed(_retyped(good, exercise, "markdown"), may_lose=(name,)),
        "overwritten-check": Handed(with_text(with_text(good, name, "assert True"), exercise,
                                              place(unsolved(source), exercise).source), loses=(name,)),
        "more-points": Handed(_with_points(good, name, 50)),
    }
    if answers:
        made["retyped-answer"] = Handed(_retyped(good, answers[-1], "code"))
        made["deleted-answer"] = Handed(_without(good, answers[-1]))
    return made


def _files(source, good) -> dict[str, Handed]:
    """Files of other names, and what is no notebook."""
    lost = making.checks(source)
    return {
        "renamed-copy": Handed(good, file="LESSON (1).ipynb"),
        "renamed": Handed(good, file="Untitled7.ipynb"),
        "broken": Handed(making.broken(good), loses=lost),
        "empty": Handed("", loses=lost),
        "other-json": Handed('{"cells": 3}', loses=lost),
        "untouched": Handed(unsolved(source), may_lose=lost),
    }


def _codes(source, good, name: str) -> dict[str, Handed]:
    """Code that does not end, or takes the machine, or the checks."""
    exercise = f"exercise-{name}"
    stub = with_text(good, exercise, place(unsolved(source), exercise).source)
    patches = {kind: code for kind, code in _PATCHES.items()
               if kind != "patches-ddkit" or "exercises.check" in place(good, name).source}
    return {
        **{kind: Handed(after(good, exercise, code), may_lose=(name,)) for kind, code in (_LOOPS | _EXITS | _HEAVY).items()},
        **{kind: Handed(after(stub, exercise, code), loses=(name,)) for kind, code in patches.items()},
    }


def _burglars(good, name: str, aim: Path | None, port: int) -> dict[str, Handed]:
    """Code that reads, writes and calls where it has no business."""
    exercise, at = f"exercise-{name}", str(aim) if aim else ""
    looks = (
        f"from pathlib import Path\nfor place in (*Path.cwd().parents, Path.cwd(), Path.home(), Path({at!r})):\n"
        "    for path in (*place.glob('*.ipynb'), *place.glob('*/*/*.ipynb'), place / 'gradebook.db'):\n        try:\n"
        f"            if b'HIDDEN ' + b'TESTS' in path.read_bytes():\n                print({SEEN!r}, path)\n"
        "        except OSError:\n            pass")
    writes = (
        f"from pathlib import Path\nfor place in (Path.cwd().parent, Path.home(), Path({at or '..'!r})):\n    try:\n"
        f"        (place / {NOTE!r}).write_text('here')\n    except OSError:\n        pass")
    books = (
        f"import pathlib, sqlite3\nfor path in ('../../../gradebook.db', {at + '/gradebook.db'!r}):\n    try:\n"
        "        if pathlib.Path(path).exists():\n            book = sqlite3.connect(path)\n"
        "            book.execute('UPDATE grade SET manual_score = 99')\n            book.commit()\n"
        f"            print({SEEN!r}, path)\n    except (OSError, sqlite3.Error):\n        pass")
    calls = (
        f"import socket\nfor address in (('127.0.0.1', {port}), ('192.0.2.1', 80)):\n    try:\n"
        f"        socket.create_connection(address, timeout=2)\n        print({CONNECTED!r})\n    except OSError:\n        pass")
    return {kind: Handed(after(good, exercise, code), may_lose=(name,)) for kind, code in (
        ("reads-hidden-tests", looks), ("writes-outside", writes), ("writes-gradebook", books), ("calls-out", calls))}


def _without(notebook, name: str):
    made = copy.deepcopy(notebook)
    made.cells = [cell for cell in made.cells if cell.id != name]
    return made


def _twice(notebook, name: str, text: str):
    """A copy of a cell behind it, as an editor pastes it, with another text."""
    made = copy.deepcopy(notebook)
    pasted = copy.deepcopy(place(made, name))
    pasted.id, pasted.source = f"{name}-pasted"[:64], text
    made.cells.insert(index(made, name) + 1, pasted)
    return made


def _moved(notebook, name: str, to: int):
    made = copy.deepcopy(notebook)
    made.cells.insert(to, made.cells.pop(index(made, name)))
    return made


def _retyped(notebook, name: str, kind: str):
    made = copy.deepcopy(notebook)
    cell = place(made, name)
    cell.cell_type = kind
    if kind == "code":
        cell.update(outputs=[], execution_count=None)
    else:
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
    return made


def _with_points(notebook, name: str, points: float):
    made = copy.deepcopy(notebook)
    place(made, name).metadata.nbgrader["points"] = points
    return made
