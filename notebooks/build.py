"""Make the notebooks from their sources: ``python notebooks/build.py`` regenerates and executes all of them.

The source of ``NN_name.ipynb`` is ``src/NN_name.py`` (jupytext, py:percent); ``ddkit.exercises.cells`` tells the kinds
of its cells. Cell ids are fixed, so the same source always gives the same notebook. ``--student FOLDER`` writes what
students get instead: exercises to be filled in, no solutions, hidden tests, mark schemes or outputs.
"""

import argparse
import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # the ddkit of this repository, installed or not

from ddkit.exercises import cells  # noqa: E402

SOURCES = sorted((HERE / "src").glob("*.py"))
SHARED = HERE / "src" / "shared"  # cells that all lessons have


def make(source: Path) -> nbformat.NotebookNode:
    """The notebook of a source, with solutions, without outputs."""
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    shared = {path.stem: path.read_text(encoding="utf-8").rstrip("\n") for path in SHARED.glob("*.py")}
    cells.finish(notebook, int(source.stem[:2]), shared)
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: nbformat.NotebookNode) -> None:
    """Run every cell in place, and leave no widget state, timing or progress bar behind."""
    os.environ["DDKIT_PROGRESS"] = "0"
    os.environ["DDKIT_POLYPS"] = "mhist_like"  # MHIST itself may not be passed on, so never shown either
    NotebookClient(notebook, timeout=None, kernel_name="python3", coalesce_streams=True,
                   resources={"metadata": {"path": str(HERE)}}).execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = nbformat.from_dict({"name": "python"})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("names", nargs="*", help="lessons to make, such as 02 (default: all)")
    parser.add_argument("--no-execute", action="store_true", help="only convert; outputs are left out")
    parser.add_argument("--student", type=Path, metavar="FOLDER", help="write the student's versions there instead")
    options = parser.parse_args()
    folder = options.student or HERE
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        if options.names and not source.stem.startswith(tuple(options.names)):
            continue
        print(source.stem, file=sys.stderr, flush=True)
        notebook = make(source)
        if options.student:
            notebook = cells.student(notebook)
        elif not options.no_execute:
            execute(notebook)
        temporary = folder / f".{source.stem}.tmp"
        nbformat.write(notebook, temporary)
        temporary.replace(folder / f"{source.stem}.ipynb")


if __name__ == "__main__":
    main()
