"""``python -m ddkit distill``."""

from dataclasses import replace

from ddkit.cli.flags import OF_THE_SPEC, add_knobs, knobs_of, presets
from ddkit.cli.forms import add_form, form_of, within
from ddkit.cli.options import (
    add_data,
    add_json,
    add_out,
    add_places,
    add_precision,
    add_settings,
    require_once,
    require_width_used,
    settings,
    show,
)
from ddkit.cli.pretrained import add_pretrained, bring, knobs_of_pretraining
from ddkit.foundation.progress import say
from ddkit.methods import METHODS, get
from ddkit.synthetic.budget import in_words, networks_met


def add_to(add) -> None:
    distill = add("distill", _distill, "distil a data set; the same command resumes an interrupted run")
    add_places(distill)
    add_data(distill)
    distill.add_argument("--method", default="datadam", help=f"distillation method: {', '.join(sorted(METHODS))}")
    distill.add_argument("--preset", help=f"settings: {presets()} (None: course, else the method's first)")
    add_form(distill)
    distill.add_argument("--init", help="start from random real images (real), chosen ones (herding, k-centre) or "
                                        "noise (None: real, or what the method can only begin with)")
    distill.add_argument("--network", help="network to match on (None: the preset's)")
    distill.add_argument("--width", type=int, help="its width (None: the preset's)")
    distill.add_argument("--updates", type=int, help="updates of the images (None: the preset's)")
    add_precision(distill, default=None)
    distill.add_argument("--seed", type=int, default=0, help="of everything random in the run")
    distill.add_argument("--lr", type=float, help="learning rate of the images (None: the preset's)")
    add_settings(distill)
    add_pretrained(distill)
    distill.add_argument("--validate-every", type=int, default=0, metavar="N",
                         help="score on validation data every N updates (0: never)")
    add_out(distill)
    add_json(distill)
    add_knobs(distill)


def _distill(options) -> None:
    from ddkit.methods import presets
    from ddkit.methods.loop import Callback
    from ddkit.runs import run
    from ddkit.specs import Distill

    options.preset = presets.usual(options.method) if options.preset is None else options.preset
    own = {name: getattr(options, name) for name in OF_THE_SPEC if getattr(options, name) is not None}
    knobs = dict(settings(options, options.method, **knobs_of(options)))
    require_once(knobs, **own)
    width = knobs.get("width", options.width)
    knobs |= knobs_of_pretraining(options, knobs | own)
    spec = Distill(options.dataset, options.method, options.preset, network=options.network, width=options.width,
                   updates=options.updates, seed=options.seed, size=options.size, precision=options.precision,
                   options=knobs, **form_of(options))
    require_width_used(width, [spec.config.network])
    spec = within(spec.able if options.init is None else replace(spec, init=options.init), options)
    bring(options, spec)

    class Announce(Callback):
        def on_start(self, synthetic, history):
            for sentence in presets.departures(options.method, options.preset, options.dataset):
                say(f"{options.preset}: {sentence}")
            say(f"{spec.total_updates} updates of {len(synthetic.start)} images, {history.updates} done before")

    record = run(spec, root=options.runs, folder=options.out, data=options.data, callbacks=(Announce(),),
                 validate_every=options.validate_every)
    moved = f"{record.updates} updates moved the images by {record.result['moved']:.2f}"
    if get(options.method).keeps_images:
        moved = f"{record.updates} updates learned the labels of real images, which are as they were"
    spent = _spent(record.result.get("privacy"))
    if met := networks_met(record.synthetic):
        moved += f", and {met:,} network{'s' * (met > 1)} met the real images"
    size = f" ({in_words(record.result['size'])})" if "size" in record.result else ""
    show(record.as_dict(), options, f"{record}\n{moved}; they are in {record.folder}{size}{spent}")


def _spent(privacy: dict | None) -> str:
    """A line on what a private set tells of its data."""
    if privacy is None:
        return ""
    steps, sigma, q, delta, epsilon = (privacy[name] for name in ("steps", "sigma", "q", "delta", "epsilon"))
    cost = "no epsilon, as there is no noise" if epsilon is None else f"epsilon {epsilon:.4g} at delta {delta:g}"
    return (f"\n{steps:,} noisy gradients (sigma {sigma:.4g}, every image in each with probability {q:.4g}) have cost "
            f"{cost}")
