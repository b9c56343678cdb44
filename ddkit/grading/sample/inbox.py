"""An inbox as a class fills it: notebooks executed in the quick profile, with the runs that they made."""

import copy
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import ddkit
from ddkit.foundation.files import write_bytes
from ddkit.foundation.progress import bar
from ddkit.grading.sample import hostile, making
from ddkit.grading.sample.making import Handed

RUNS = "runs"


def fill(inbox: Path, lesson: str, source, also_hostile: bool = False, aim: Path | None = None) -> list[str]:
    """Write a folder for each student; what is there of such a student is replaced.

    The class of three runs its notebooks. Of the hostile class nobody does, as its code is run by marking alone, but
    for ``edited-numbers`` and ``copied-records``, which need outputs.

    Args:
        inbox: the folder.
        lesson: its name.
        source: the lesson with its solutions.
        also_hostile: whether the hostile class hands in, too.
        aim: the folder that it tries to read and write.

    Returns:
        the students' names.
    """
    made = three(source)
    run = {"perfect": made["perfect"].notebook, "mistaken": made["mistaken"].notebook}
    if also_hostile:
        run["edited-numbers"] = making.perfect(source)
    done = _run_all(run, inbox)
    handed = {**made, "perfect": Handed(done["perfect"]), "mistaken": Handed(done["mistaken"]),
              "broken": Handed(making.broken(done["perfect"]))}
    if also_hostile:
        handed |= {"edited-numbers": Handed(making.edited(done["edited-numbers"])),
                   "copied-records": Handed(done["perfect"]), **hostile.students(source, aim)}
    for student, one in handed.items():
        _put(inbox / student / (one.file.replace("LESSON", lesson) or f"{lesson}.ipynb"), one.notebook)
    if also_hostile:
        shutil.copytree(inbox / "perfect" / RUNS, inbox / "copied-records" / RUNS, dirs_exist_ok=True)
    return sorted(handed)


def three(source) -> dict[str, Handed]:
    """A class of three: all right; the first exercise wrong; a file that cannot be read.

    Args:
        source: a lesson with its solutions, as it lies in a course's ``source``.
    """
    first, good = making.exercises(source)[0], making.perfect(source)
    return {"perfect": Handed(good), "mistaken": Handed(making.with_mistake(source, first), loses=(first,)),
            "broken": Handed(making.broken(good), loses=making.checks(source))}


def _run_all(notebooks: dict, inbox: Path) -> dict:
    done = {}
    with bar(len(notebooks), "running a sample class's notebooks", "notebook") as shown:
        for student, notebook in notebooks.items():
            shutil.rmtree(inbox / student, ignore_errors=True)
            (inbox / student / RUNS).mkdir(parents=True)
            done[student] = executed(notebook, student, inbox / student / RUNS)
            shown.update()
    return done


def executed(notebook, student: str, runs: Path):
    """A copy of a notebook, run from its first cell to its last as a student does, in the quick profile.

    Args:
        student: whose runs they are.
        runs: the folder that they go to.
    """
    from nbclient import NotebookClient

    made = copy.deepcopy(notebook)
    with tempfile.TemporaryDirectory(prefix="ddkit-sample-") as folder:
        told = {"DDKIT_PROFILE": "quick", "DDKIT_REFERENCE": "0", "DDKIT_POLYPS": "mhist_like", "DDKIT_PROGRESS": "0",
                "DDKIT_NAME": student, "DDKIT_RUNS": str(runs), "DDKIT_DATA": os.environ.get("DDKIT_DATA", folder),
                "PYTHONPATH": str(Path(ddkit.__file__).parents[1])}
        client = NotebookClient(made, timeout=None, kernel_name="python3", allow_errors=True,
                                resources={"metadata": {"path": folder}})
        client.execute(env=os.environ | told, stderr=subprocess.DEVNULL)  # what the kernel says, not the notebook
    return made


def _put(path: Path, notebook) -> None:
    import nbformat

    write_bytes(path, (notebook if isinstance(notebook, str) else nbformat.writes(notebook)).encode())
