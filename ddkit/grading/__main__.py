"""The command line of marking: ``python -m ddkit.grading release`` and what follows it."""

import argparse
import sys

import ddkit.grading
from ddkit.cli.commands import parser_of
from ddkit.cli.ending import ended_well
from ddkit.foundation.finding import modules_in

EPILOG = """a course, from nothing to marks:
  python -m ddkit.grading release course            lessons to hand out, in course/release
  python -m ddkit.grading collect course inbox      what students handed in: folders, zips, exports
  python -m ddkit.grading grade course              their code, in a sandbox
  python -m ddkit.grading mark course               the written answers, by you, in a browser
  python -m ddkit.grading export course             course/marks.csv
  python -m ddkit.grading feedback course           a page for each student
"""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands, each in the file of its work, with ``add_to(add)``, found by being there."""
    modules = (module for module in modules_in(ddkit.grading) if hasattr(module, "add_to"))
    return parser_of(modules, "python -m ddkit.grading", "Mark executed lessons.", EPILOG)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code, as ``python -m ddkit`` does."""
    return ended_well(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
