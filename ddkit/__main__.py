"""The command line: ``python -m ddkit course`` and its parts."""

import sys

from ddkit.cli.ending import ended_well
from ddkit.commands import parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (2: bad input, 1: the run failed, 130: interrupted, 143: told to end)."""
    return ended_well(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
