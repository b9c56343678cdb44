"""``python -m ddkit coreset``: real images, chosen."""

from ddkit.cli.options import add_data, add_json, add_out, add_places, require_width_used, show, width_of
from ddkit.foundation.errors import require


def add_to(add) -> None:
    coreset = add("coreset", _coreset, "choose real images; 'evaluate' takes the folder as it takes a distilled set")
    add_places(coreset)
    add_data(coreset)
    coreset.add_argument("--method", default="herding", help="random, herding, k-centre or forgetting")
    coreset.add_argument("--ipc", type=int, default=10, help="images per class")
    coreset.add_argument("--on", default="pixels", help="pixels, or the network whose embedding (of forgetting: whose "
                                                        "mistakes in training) they are chosen by")
    coreset.add_argument("--width", type=int, help="its width (None: 128)")
    coreset.add_argument("--epochs", type=int, help="its training on the full data (None: 5; 0: a random network)")
    coreset.add_argument("--seed", type=int, default=0, help="of everything random in the choice")
    add_out(coreset)
    add_json(coreset)


def _coreset(options) -> None:
    from ddkit.methods.coresets import PIXELS
    from ddkit.runs import run
    from ddkit.specs import Coreset

    used = options.on != PIXELS and options.method != "random"
    for name in ("width", "epochs"):
        require(used or getattr(options, name) is None, f"--{name} is that of a network that looks at the images, and "
                                                        "none does here: name one (--on), or leave it out")
    require(used or options.on == PIXELS, "random images are drawn unseen: leave --on out")
    require_width_used(options.width, [options.on])
    spec = Coreset(options.dataset, options.ipc, options.method, options.on, width_of(options),
                   5 if options.epochs is None else options.epochs, options.seed, options.size)
    record = run(spec, root=options.runs, folder=options.out, data=options.data)
    show(record.as_dict(), options, f"{record}\n{len(record.synthetic.images)} images in {record.folder}")
