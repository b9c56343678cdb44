"""The lessons as the repository has them, executed and complete, and what an instructor keeps of them."""

import re
from pathlib import Path

import ddkit
from ddkit.exercises import cells
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded, first_line

_NAME = re.compile(r"\d\d_\w+")


def found(folder: str | Path | None = None, asked: str | None = None) -> list[Path]:
    """The notebooks of lessons, in their order.

    Args:
        folder: that they lie in; None: ``notebooks`` beside the package, else in the current folder.
        asked: numbers or names with commas between them, such as ``1,2``; None: all.

    Raises:
        InputError: there are none, or not the ones asked for.
    """
    looked = [expanded(folder)] if folder else [Path(ddkit.__file__).parents[1] / "notebooks", Path("notebooks")]
    for place in looked:
        notebooks = [path for path in sorted(place.glob("*.ipynb")) if _NAME.fullmatch(path.stem)]
        if notebooks:
            return notebooks if asked is None else _chosen(notebooks, asked)
    raise InputError(f"no lessons (such as 02_attention_matching.ipynb) in {' or '.join(map(str, looked))}: name their "
                     "folder with --notebooks")


def _chosen(notebooks: list[Path], asked: str) -> list[Path]:
    wanted = [one.strip().removesuffix(".ipynb") for one in asked.split(",")]
    numbers = {one for one in wanted if one.isdigit()}
    for one in wanted:
        require(any(one == path.stem or (one in numbers and int(one) == int(path.stem[:2])) for path in notebooks),
                f"there is no lesson {one[:40]!r}: choose among {', '.join(path.stem for path in notebooks)}")
    return [path for path in notebooks if path.stem in wanted or int(path.stem[:2]) in map(int, numbers)]


def read(path: Path):
    """A lesson with its solutions, hidden tests and schemes, without outputs.

    Raises:
        InputError: it is damaged, or what students get.
    """
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # whatever a damaged file leads nbformat to
        raise InputError(f"{path} is no notebook that can be read ({first_line(error)}): copy it again") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    _require_whole(path, notebook)
    return notebook


def _require_whole(path: Path, notebook) -> None:
    names = [cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata]
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"{path.name} has more than one cell {', '.join(twice)}: names of exercises, checks and answers "
                       "stand once in a lesson")
    for cell in notebook.cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("solution"):
            what = "MARK SCHEME" if data["grade"] else "SOLUTION"
            require(cells.region(cell.source, what) != "",
                    f"{path.name} has no {what.lower()} in its cell {data['grade_id']}: release takes the lessons as "
                    "the repository has them, not what students get")


def without_schemes(notebook) -> dict[str, str]:
    """Take the schemes out of a lesson's answers, in place; returns them by the answers' names.

    nbgrader knows schemes in cells of its kind *task* alone, and refuses them elsewhere.
    """
    schemes = {}
    for cell, handed in zip(notebook.cells, cells.student(notebook).cells, strict=True):
        scheme = cells.region(cell.source, "MARK SCHEME")
        if scheme:
            schemes[cell.metadata.nbgrader.grade_id] = scheme.strip()
            cell.source = handed.source
    return schemes
