"""``python -m ddkit data``: the student's own copy of MHIST, or a stand-in for it."""

from pathlib import Path

from ddkit.cli.options import add_json, show
from ddkit.foundation.errors import require


def add_to(add) -> None:
    parser = add("data", _data, "check a copy of MHIST, or make a synthetic stand-in (mhist_like) in its layout")
    parser.add_argument("dataset", choices=("mhist", "mhist_like"), help="data set")
    parser.add_argument("path", metavar="PATH", help="folder of annotations.csv and images/ or images.zip")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="say whether the copy is whole, or what is wrong with it")
    what.add_argument("--make", action="store_true", help="draw synthetic images into the folder, then check it")
    parser.add_argument("--number", type=int, help="images to make (None: MHIST's 3152)")
    parser.add_argument("--size", type=int, help="their side length in pixels (None: 64)")
    parser.add_argument("--seed", type=int, help="of everything random in them (None: 0)")
    parser.add_argument("--zip", action="store_true", help="make images.zip instead of images/")
    add_json(parser)


def _data(options) -> None:
    from ddkit.data.sources import mhist, mhist_like

    path = Path(options.path)
    chosen = {name: n for name in ("number", "size", "seed") if (n := getattr(options, name)) is not None}
    require(options.make or not (chosen or options.zip), "--number, --size, --seed and --zip say what to --make, and "
                                                         "--check only reads: leave them out")
    if options.make:
        require(options.dataset == "mhist_like", "MHIST itself cannot be made, only read: use 'data mhist_like' for "
                                                 "synthetic images in its layout")
        mhist_like.make(path, zipped=options.zip, **chosen)
    copy, report = mhist.check(path)
    show(report, options, mhist.describe(report))
    copy.require_whole()
