"""What the report's folder is as a repository: its README with the layout and a plan, made once, and its rooms."""

import shlex
from pathlib import Path

from ddkit.course.profiles import Profile
from ddkit.foundation.files import write_bytes

_README = """# Dataset distillation: a course project

**To be written:** what this is, who made it, and the two or three results that matter.

## What lies where

| | |
|---|---|
| `code/` | what you wrote or changed, with the version of ddkit it goes with |
| `notebooks/` | the lessons as you worked through them, executed |
| `figures/` | every figure, as PDF and PNG, made from records |
| `tables/` | every table, as LaTeX and Markdown |
| `text/` | what you write: a file for each question, made once and never changed by ddkit |
| `report.tex`, `report.md` | the report, made anew by the command below |
| `CHECKLIST.md` | the repository's reproducibility checklist; the report has its own |

## How to reproduce it

```
{commands}
cd {folder} && pdflatex report.tex && pdflatex report.tex
```

The first line makes what Task 1 needs, or reloads it; the lessons make the rest. On Debian LaTeX is
`apt-get install texlive-latex-extra texlive-publishers texlive-fonts-recommended`.

**To be written:** your results as a table (copy one from `tables/*.md`), and where the data come from. The images of
MHIST must not be passed on: do not commit them.

## Three weeks

| | run | read and write |
|---|---|---|
| week 1, days 1-2 | lesson 1: both baselines | the DataDAM paper; 1a to 1c |
| week 1, days 3-5 | lesson 2: a short run first, then the long ones overnight, from real images and noise | 1d, 1e; \
2a and 2b as soon as their numbers stand |
| week 2, days 1-2 | lessons 3 and 4: pictures, evaluations, other networks | 2c, 2d, 2e, 3 |
| week 2, days 3-5 | lesson 5 or 9: one application; start lesson 6's experts overnight | 4; Task 2, 1a to 1d |
| week 3, days 1-2 | lesson 6 (a pair: lesson 7 as well), lesson 8 if there is time | Task 2, 2a and 2b; Task 3 |
| week 3, days 3-4 | nothing new: only what a table still lacks | discussions, abstract, conclusion, both checklists |
| week 3, day 5 | the commands above on a fresh copy | read it aloud once; hand in |

A run that was stopped goes on where it was; one that is missing is named in the report with the line that makes it.
"""
_ROOMS = {"code": "What you wrote or changed yourself belongs here.",
          "notebooks": "The executed lessons belong here: what you ran, with its outputs."}


def prepare(folder: Path, profiles: tuple[Profile, ...], **given: str | Path | None) -> None:
    """Make the README and the rooms that are not there yet.

    Args:
        given: further options of the report's command, by name; None where one was not given.
    """
    commands = _commands(folder.name, profiles, {name: value for name, value in given.items() if value})
    first = {"README.md": _README.format(commands="\n".join(commands), folder=shlex.quote(folder.name))}
    first |= {f"{room}/README.md": f"{text}\n" for room, text in _ROOMS.items()}
    for name, text in first.items():
        if not (folder / name).exists():
            write_bytes(folder / name, text.encode())


def _commands(name: str, profiles: tuple[Profile, ...], given: dict[str, str | Path]) -> list[str]:
    """The lines that make the runs and this very report."""
    places = {option: given[option] for option in ("runs", "data") if option in given}
    sets = dict(zip(("dataset", "polyps"), (one.dataset for one in profiles), strict=False))
    return [*(_line("course", {"dataset": one.dataset, "profile": one.name} | places) for one in profiles),
            _line("report", {"profile": profiles[0].name} | sets | given, name)]


def _line(command: str, options: dict[str, str | Path], *arguments: str) -> str:
    told = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return shlex.join(["python", "-m", "ddkit", command, *arguments, *told])
