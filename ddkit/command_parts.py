"""What several commands of the command line share."""

import json

from ddkit.errors import require


def add_data(parser) -> None:
    """Which data set, at which size."""
    parser.add_argument("--dataset", default="digits",
                        help="digits, mnist, fashion_mnist, cifar10, mhist or mhist_like; mnist-4-9 is some classes of "
                             "it")
    parser.add_argument("--size", type=int, help="side length in pixels (None: the data set's own)")


def add_settings(parser) -> None:
    """Any knob of a method."""
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any knob of the method")


def settings(options) -> tuple[tuple[str, object], ...]:
    """The method's knobs given as ``--set name=value``, and ``--lr`` where the command has it."""
    found = {}
    for pair in options.set:
        name, equals, value = pair.partition("=")
        require(bool(equals), f"--set takes name=value, got '{pair}'")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    if getattr(options, "lr", None) is not None:
        found["image_lr"] = options.lr
    return tuple(sorted(found.items()))


def show(content, options, text: str) -> None:
    """Print the content as JSON if asked for, else the text."""
    print(json.dumps(content) if options.json else text)
