"""A command line of commands that are found by being there."""

import argparse
from collections.abc import Iterable
from types import ModuleType


def parser_of(modules: Iterable[ModuleType], program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """The parser of a program whose commands stand in modules.

    Args:
        modules: in the order in which ``--help`` lists their commands; each has ``add_to(add)``, which adds its own by
            ``add(name, work, text)``.
    """
    found = argparse.ArgumentParser(program, description=description, epilog=epilog,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = found.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, work, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".",
                                  formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        sub.set_defaults(command=work)
        return sub

    for module in modules:
        module.add_to(add)
    return found
