"""Gradient and distribution matching of sets of every form: in chunks as at once, and identities as pixels."""

import pytest
import torch

from ddkit import methods
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.forms import FORMS, configure

OPTIONS = {"bases": {"number": 4}, "decoder": {"fit_steps": 20}, "pca": {"components": 3}}
IDENTITIES = {"decoder": {"stages": 0, "number": 1}, "multi-formation": {"factor": 1, "clamped": False},
              "pca": {"components": 64, "counted": False}}
CASES = [("gradient", "dsa"), ("gradient", "idc"), ("distribution", "dm"), ("distribution", "idm"),
         ("distribution", "ncfm_max")]
IPC = 4


def method(name, preset, **changes):
    small = {"gradient": {"networks": 3, "outer": 2, "inner": 1, "width": 4, "real_batch": 8},
             "distribution": {"updates": 6, "width": 4, "real_batch": 8}}[name]
    if presets.get(name, preset).values.get("network_steps"):
        small |= {"network_steps": 2, "network_batch": 8}
    if presets.get(name, preset).values.get("frequencies"):
        small["frequencies"] = 16
    return methods.get(name)(presets.configure(name, preset, small | changes))


def begun(dataset, form, ipc=IPC, **options):
    made = FORMS[form].begin(configure(form, options), dataset, ipc, "real", stream(0, "init"))
    return SyntheticSet.of_form(made, dataset, "real")


def updated(made, dataset, synthetic, updates, chunk=None):
    """The images after some updates."""
    made.start(dataset, synthetic, lambda name: stream(0, name))
    made.chunk = chunk or made.chunk
    for parameter in synthetic.parameters():
        parameter.requires_grad_(True)
    for _ in range(updates):
        made.update()
    return synthetic.images.detach()


@pytest.mark.parametrize("name, preset", CASES)
@pytest.mark.parametrize("form", sorted(FORMS))
def test_in_chunks_the_parts_get_the_gradient_of_one_shot(tiny, name, preset, form):
    one_shot, in_chunks = (begun(tiny, form, **OPTIONS.get(form, {})) for _ in range(2))
    for synthetic, chunk in ((one_shot, None), (in_chunks, 5)):
        updated(method(name, preset, image_momentum=0.0), tiny, synthetic, 1, chunk)
    for part, other in zip(one_shot.parameters(), in_chunks.parameters(), strict=True):
        assert float(part.grad.abs().max()) > 0
        torch.testing.assert_close(other.grad, part.grad, atol=1e-5 * float(part.grad.abs().max()), rtol=1e-3)


@pytest.mark.parametrize("name, preset", CASES)
@pytest.mark.parametrize("form", [form for form in IDENTITIES if form in FORMS])
def test_a_form_that_changes_nothing_is_pixels(tiny, name, preset, form):
    """KFS with one identity decoder is DM; IDC without multi-formation is IDC-I; a whole basis is no basis."""
    synthetic = begun(tiny, form, **IDENTITIES[form])
    pixels = SyntheticSet.of_form(FORMS["pixels"].begin(configure("pixels", {}), tiny, IPC, synthetic.start.clone(),
                                                        stream(0, "init")), tiny, "real")
    assert torch.equal(pixels.images, synthetic.images.detach())
    expected, found = (updated(method(name, preset), tiny, one, 2) for one in (pixels, synthetic))
    assert not torch.equal(expected, pixels.start)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
