"""The run that a distillation begins with, a pre-training, named by its folder as an option of a command."""

from ddkit.cli.options import check_all
from ddkit.foundation.errors import require


def add_pretrained(parser) -> None:
    """Which translator."""
    parser.add_argument("--pretrained", metavar="DIR", help="folder of a 'pretrain' run that the method begins with "
                                                            "(None: that which its knobs name, made if there is none)")


def knobs_of_pretraining(options, given: dict) -> dict:
    """The method's knobs that name the run of ``--pretrained``; none where it is not given.

    Args:
        given: knobs that the command line has as well.

    Raises:
        InputError: the method begins with no such run, the folder holds none, or ``given`` names another.
    """
    from ddkit.methods import get

    if options.pretrained is None:
        return {}
    begun_with = getattr(get(options.method).Config, "begun_with", None)
    require(begun_with is not None, f"{options.method} begins with no pre-training: leave --pretrained out")
    named = _record(options).asked.as_knobs(begun_with, options.size)
    other = [name for name in named if name in given and given[name] != named[name]]
    require(not other, f"{options.pretrained} was pre-trained otherwise than these options say: "
                       f"{', '.join(f'{name} {named[name]}, not {given[name]}' for name in other)}; leave them out, or "
                       "--pretrained")
    return named


def pretraining_of(options):
    """The spec of the run of ``--pretrained``; where it is not given that on glyphs, with the plan's own knobs.

    Raises:
        InputError: the folder holds none.
    """
    from ddkit.specs import Pretrain

    return Pretrain() if options.pretrained is None else _record(options).asked


def _record(options):
    from ddkit.runs import Record
    from ddkit.specs import Pretrain

    record = Record.load(options.pretrained)
    require(isinstance(record.asked, Pretrain), f"{options.pretrained} holds no pre-training: make one with 'pretrain "
                                                "--out'")
    _ = record.weights  # which are those that were written with it
    return record


def bring(options, spec) -> None:
    """Copy the run of ``--pretrained``, if it is given, to where ``spec`` looks for it.

    Raises:
        InputError: the spec cannot work, or the run is of other data than those at hand, or not the one there.
    """
    from ddkit.data import fingerprint
    from ddkit.runs import WEIGHTS, find, runs_root
    from ddkit.stored.keeping import keep

    if options.pretrained is None:
        return
    check_all([spec], options)
    record, root = _record(options), runs_root(options.runs)
    asked = record.asked
    seen = fingerprint(asked.dataset, options.data, asked.size)
    require(seen in (None, record.fingerprint), f"{options.pretrained} learned from another {asked.dataset} than is at "
            f"hand (fingerprint {record.fingerprint[:12]}, these have {str(seen)[:12]}): pre-train on these, or name "
            "its data (--data)")
    found = find(asked, root, options.data) or (next(iter(keep([record], root)), None) and record)
    require(found is not None and found.files[WEIGHTS] == record.files[WEIGHTS], f"{root} holds another translator by "
            f"the name {asked.name} than {options.pretrained}: choose another --runs, or leave --pretrained out")
