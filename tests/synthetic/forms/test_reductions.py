"""Forms whose settings change nothing, under real methods: the steps are those of pixels."""

import pytest
import torch
from small_forms import seeded

from ddkit import methods
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.forms import Canvas, Form, configure, get

PRESETS = {"datadam": "paper", "distribution": "dm"}


def identity(name: str, images: torch.Tensor, canvas: Canvas) -> Form:
    """The form that decodes these 8 x 8 images as they are, and learns them alone."""
    options = {"pixels": {}, "decoder": {"stages": 0, "number": 1}, "frequencies": {"kept": 64},
               "bases": {"number": len(images), "shrink": 1, "bases_rate": 1.0},
               "hallucinators": {"number": 1, "kernel": 1, "shrink": 1, "spread": 0.0}}[name]
    config, kind = configure(name, options), get(name)
    if name == "bases":
        made = kind(config, canvas, len(images) // canvas.classes,
                    {"bases": images.clone(), "coefficients": torch.eye(len(images))})
    else:
        made = kind.at(config, canvas, len(images) // canvas.classes, images, seeded())
    if name in ("bases", "hallucinators"):  # the rest of which stays what makes an identity of it
        made.rates = lambda rate, signed=False: dict.fromkeys(made.parts, 0.0) | {"bases": rate}
    return made


def updated(form: Form, dataset, method: str) -> torch.Tensor:
    """The images after four updates with momentum."""
    synthetic = SyntheticSet.of_form(form, dataset, "real")
    made = methods.get(method)(presets.configure(method, PRESETS[method], {"width": 4, "real_batch": 8}))
    made.start(dataset, synthetic, lambda name: stream(0, name))
    for parameter in synthetic.parameters():
        parameter.requires_grad_(True)
    for _ in range(4):
        made.update()
    assert synthetic.moved > 0.01
    return synthetic.images.detach()


@pytest.mark.parametrize("method", PRESETS)
@pytest.mark.parametrize("name", ["bases", "decoder", "hallucinators", "frequencies"])
def test_steps_are_those_of_pixels(tiny, name, method):
    """Bit for bit, but for frequencies, which round on the way there and back."""
    canvas, images = Canvas.of(tiny), torch.cat([tiny.train.of_class(c)[:4] for c in range(3)])
    found, wanted = (updated(identity(one, images, canvas), tiny, method) for one in (name, "pixels"))
    if name == "frequencies":
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    else:
        assert found.equal(wanted)
