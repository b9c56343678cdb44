"""A command line of commands that are found by being there."""

import argparse
import difflib
from collections.abc import Iterable
from types import ModuleType


class Parser(argparse.ArgumentParser):
    """Takes options by their whole names alone, and refuses others in one sentence (exit code 2)."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, allow_abbrev=False, **settings)

    def parse_known_args(self, args=None, namespace=None):
        found, others = super().parse_known_args(args, namespace)
        if others:  # refused by the command that does not take them
            names = [name for action in self._actions for name in action.option_strings]
            near = difflib.get_close_matches(others[0].partition("=")[0], names, 1)
            self.error(f"unrecognized arguments: {' '.join(others)}" + "".join(f" (is {one} meant?)" for one in near))
        return found, others

    def error(self, message: str):
        self.exit(2, f"ddkit: {message}; '{self.prog} --help' says what there is\n")


def parser_of(modules: Iterable[ModuleType], program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """The parser of a program whose commands stand in modules.

    Args:
        modules: in the order in which ``--help`` lists their commands; each has ``add_to(add)``, which adds its own by
            ``add(name, work, text)``.
    """
    found = Parser(program, description=description, epilog=epilog,
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
