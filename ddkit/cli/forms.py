"""What a set is made of and how much it may take, as options of a command: a form, its knobs, a budget."""

from dataclasses import replace

from ddkit.cli.options import read
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.progress import say
from ddkit.synthetic.forms import FORMS, Canvas

IPC = 10  # images per class, where no budget is named


def add_form(parser) -> None:
    """What the images are made of, and the budget."""
    parser.add_argument("--ipc", type=int, help="images per class, or as many bytes for another form than pixels "
                                                f"(None: {IPC})")
    parser.add_argument("--bytes", type=int, metavar="N", help="bytes that the images of the whole set may take, in "
                                                               "place of --ipc")
    parser.add_argument("--form", help=f"what the images are made of: {', '.join(sorted(FORMS))} (None: what the "
                                       "preset is meant for, mostly pixels)")
    parser.add_argument("--form-set", action="append", default=[], metavar="NAME=VALUE", help="any knob of the form")


def form_of(options) -> dict:
    """The fields of a ``Distill`` that such options name, but for ``--bytes``: see ``within``."""
    return {"ipc": IPC if options.ipc is None else options.ipc, "form": options.form,
            "form_options": tuple(sorted(read(options.form_set, "--form-set").items()))}


def within(spec, options):
    """The run whose set takes no more than ``--bytes``, if they are given; says on stderr what of them is used.

    Where whole images per class use as many of them, it is the run that ``--ipc`` names.

    Raises:
        InputError: they are too few for one image of each class, or there is a second budget.
    """
    from ddkit.data import load

    if options.bytes is None:
        return spec
    require(options.ipc is None, "--ipc and --bytes are two budgets for one set: leave one out")
    spec = replace(spec, budget=options.bytes)
    spec.check()
    dataset = load(spec.dataset, options.data, spec.size)
    spec.check_on(dataset)
    images, used = spec.images_per_class(dataset), spec.starting_set(dataset).size.bytes
    say(f"of {options.bytes:,} bytes {used:,} are used, for {images:,} images of each class")
    ipc = options.bytes // Canvas.of(dataset).budget(1)
    plain = replace(spec, ipc=max(ipc, 1), budget=None)
    try:
        same = ipc and plain.images_per_class(dataset) == images and plain.starting_set(dataset).size.bytes == used
    except InputError:  # the bytes of whole images are too few, where those that were given are not
        same = False
    return plain if same else spec
