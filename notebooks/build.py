"""Make the notebooks from their sources: ``python notebooks/build.py`` regenerates and executes all of them.

The source of ``NN_name.ipynb`` is ``src/NN_name.py`` (jupytext, py:percent). Cell ids are fixed, and the
repository's address comes from pyproject.toml, so the same source always gives the same notebook.
"""

import argparse
import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
SOURCES = sorted((HERE / "src").glob("*.py"))


def repository() -> str:
    """The repository's address, as pyproject.toml has it."""
    lines = (HERE.parent / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("Repository"))


def make(source: Path) -> nbformat.NotebookNode:
    """The notebook of a source, without outputs."""
    address = repository()
    text = source.read_text(encoding="utf-8").replace("{REPOSITORY}", address)
    text = text.replace("{COLAB}", address.replace("https://github.com", "https://colab.research.google.com/github"))
    notebook = jupytext.reads(text, fmt="py:percent")
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:02d}"
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: nbformat.NotebookNode) -> None:
    """Run every cell in place, and leave no widget state, timing or progress bar behind."""
    os.environ["DDKIT_PROGRESS"] = "0"
    os.environ["DDKIT_POLYPS"] = "mhist_like"  # MHIST itself may not be passed on, so never shown either
    NotebookClient(notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}).execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = nbformat.from_dict({"name": "python"})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="lessons to make, such as 02 (default: all)")
    parser.add_argument("--no-execute", action="store_true", help="only convert; outputs are left out")
    options = parser.parse_args()
    for source in SOURCES:
        if options.names and not source.stem.startswith(tuple(options.names)):
            continue
        print(source.stem, file=sys.stderr, flush=True)
        notebook = make(source)
        if not options.no_execute:
            execute(notebook)
        temporary = HERE / f".{source.stem}.tmp"
        nbformat.write(notebook, temporary)
        temporary.replace(HERE / f"{source.stem}.ipynb")


if __name__ == "__main__":
    main()
