"""What every notebook begins with, so that lessons hold ideas rather than plumbing."""

import os
from pathlib import Path

import torch

from ddkit import __version__, tables
from ddkit.device import default_device, describe
from ddkit.profiles import Profile, profile
from ddkit.runs import Record


def begin() -> Profile:
    """Go to the project's folder, so that data and runs are found, and tell the profile; returns it."""
    here = Path.cwd()
    project = next((p for p in (here, *here.parents) if (p / "ddkit" / "__init__.py").exists()), here)
    os.chdir(project)
    chosen = profile()
    print(f"ddkit {__version__}, torch {torch.__version__}, {describe(default_device())}")
    print(f"{chosen.label} (DDKIT_PROFILE=quick, laptop or full changes it)")
    return chosen


def table(text: str):
    """Show a table of ``ddkit.tables`` made in style ``github``."""
    from IPython.display import Markdown

    return Markdown(text)


def scores(records: dict[str, Record]):
    """Show test accuracies as a table."""
    return table(tables.scores(records, "github"))


def told(record: Record) -> Record:
    """Say when a run was made and how long it took; returns it."""
    print(record)
    return record
