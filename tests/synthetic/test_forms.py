"""What every form of a set keeps to, whichever there are."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from every_form import NAMES, begun, smallest_ipc

from ddkit.foundation.errors import InputError
from ddkit.synthetic import SyntheticSet, forms
from ddkit.synthetic.forms import FORMS, Canvas, configure
from ddkit.synthetic.forms.form import random_real


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


def test_images_are_sorted_by_class_as_many_of_each_and_what_was_asked_for(digits, name):
    form = begun(name, digits)
    images = form.decode()
    assert images.shape == (10 * form.ipc, 1, 28, 28) and images.dtype == torch.float32
    assert form.labels.equal(torch.arange(10).repeat_interleave(form.ipc))
    picks = torch.tensor([len(images) - 1, 0, 3])
    assert torch.allclose(form.decode(picks), images[picks], atol=1e-5)


@pytest.mark.parametrize("init", ["real", "noise"])
def test_the_start_depends_on_the_generator_alone(digits, name, init, untouched_randomness):
    try:
        one, same, other = (begun(name, digits, init, seed).decode() for seed in (1, 1, 2))
    except InputError as refused:
        assert init == "noise" and "noise" in str(refused)
        return
    assert one.isfinite().all() and one.equal(same) and not one.equal(other)


def test_numbers_of_data_that_are_no_pictures_are_not_cut_off(digits, name):
    """The form is refused, or leaves numbers beyond black and white as they are."""
    table = replace(digits, name="table", pictures=False)
    try:
        form = begun(name, table)
    except InputError as refused:
        assert "those of table are no pixels" in str(refused) and begun(name, digits)
        return
    far = {part: 50 * value.detach() for part, value in form.parts.items()}
    form.parts = {part: value.clone() for part, value in far.items()}
    form.constrain()
    assert all(form.parts[part].equal(far[part]) for part in far)


def test_noise_takes_nothing_from_the_data_unless_the_form_says_so(digits, name):
    """The same bits from other images of the same shape: a private set may begin so."""
    train = digits.train
    other = replace(digits, name="other digits", train=replace(train, images=train.images.flip(0, 2) * 0.5 + 1))
    try:
        one, changed = (begun(name, dataset, "noise").stored() for dataset in (digits, other))
    except InputError as refused:
        assert "noise" in str(refused)
        return
    assert all(one[part].equal(changed[part]) for part in one) != FORMS[name].reads_data


def test_what_is_stored_is_within_the_budget_and_what_the_size_says(digits, name):
    for more in (0, 1, 3):
        form = begun(name, digits, more=more)
        size = form.size()
        assert size.bytes == sum(t.numel() * t.element_size() for t in form.stored().values())
        assert size.bytes <= Canvas.of(digits).budget(smallest_ipc(name, digits) + more)
        assert 0 <= size.shared_bytes <= size.bytes and size.decoded == len(form.decode())
        assert set(form.parts) <= set(form.stored()) and form.parts


def test_a_budget_too_small_for_an_image_of_each_class_is_a_sentence(digits, name):
    for ipc in (Fraction(1, 10_000), Fraction(0)):
        with pytest.raises(InputError, match="bytes"):
            FORMS[name].count(configure(name, {}), Canvas.of(digits), ipc)
        with pytest.raises(InputError, match="bytes"):
            FORMS[name].begin(configure(name, {}), digits, ipc, "real", seeded())


def test_a_slope_pulled_in_chunks_is_that_of_one_shot_and_autograds(digits, name):
    form = begun(name, digits)
    slope = torch.randn(form.decode().shape, generator=seeded(1))
    parts = list(form.parts.values())
    wanted = torch.autograd.grad((form.decode() * slope).sum(), parts)
    for chunk in (None, 1 + len(slope) // 3, len(slope)):
        for part in parts:
            part.grad = None
        form.pull(slope.clone(), chunk)
        for part, right in zip(parts, wanted, strict=True):
            assert torch.allclose(part.grad, right, rtol=1e-4, atol=1e-4 * float(right.abs().max()))


def test_a_slope_adds_to_the_one_before(digits, name):
    form = begun(name, digits)
    slope = torch.randn(form.decode().shape, generator=seeded(1))
    form.pull(slope.clone())
    once = [part.grad.clone() for part in form.parts.values()]
    form.pull(slope.clone())
    for part, before in zip(form.parts.values(), once, strict=True):
        assert torch.allclose(part.grad, 2 * before, rtol=1e-5, atol=1e-5 * float(before.abs().max()))


def test_a_step_down_a_slope_brings_the_images_nearer(digits, name):
    form = begun(name, digits)
    wanted = form.decode().detach().roll(1, dims=3)
    before = (form.decode() - wanted).square().sum()
    form.pull(form.decode().detach() - wanted)
    rates = form.rates(1e-3)
    assert set(rates) == set(form.parts) and min(rates.values()) >= 0
    with torch.no_grad():
        for part, rate in zip(form.parts.values(), rates.values(), strict=True):
            part -= rate * part.grad
        form.constrain()
    assert (form.decode() - wanted).square().sum() < before


def test_constraints_are_kept_once_they_are_kept(digits, name):
    form = begun(name, digits)
    with torch.no_grad():
        for part in form.parts.values():
            part += 10 * torch.randn(part.shape, generator=seeded(2))
        form.constrain()
        once = [part.clone() for part in form.parts.values()]
        form.constrain()
    assert all(torch.allclose(a, b) for a, b in zip(form.parts.values(), once, strict=True))
    assert form.decode().isfinite().all()


def test_what_is_stored_and_described_decodes_to_the_same_bits(digits, name):
    form = begun(name, digits)
    again = forms.restore(form.describe(), {k: v.clone() for k, v in form.stored().items()})
    assert again.decode().equal(forms.restore(again.describe(), again.stored()).decode())
    assert again.decode().equal(form.decode()) and again.size() == form.size() and again.labels.equal(form.labels)
    assert list(again.parts) == list(form.parts) and again.config == form.config


def test_a_copy_learns_on_its_own(digits, name):
    form = begun(name, digits)
    kept = form.copy()
    before = kept.decode().detach().clone()
    with torch.no_grad():
        for part in form.parts.values():
            part += 1
    assert kept.decode().equal(before)


def test_another_version_or_kind_is_refused(digits, name):
    form = begun(name, digits)
    for change, wrong in (({"version": 99}, "version 99"), ({"form": "none such"}, "unknown form"),
                          ({"parts": ["none such"]}, "damaged")):
        with pytest.raises(InputError, match=wrong):
            forms.restore(form.describe() | change, form.stored())


def test_an_option_that_a_form_has_not_is_refused(name):
    with pytest.raises(InputError, match="option"):
        configure(name, {"none_such": 1})


def test_pixels_begin_as_sets_do(digits):
    for init in ("real", "noise"):
        assert begun("pixels", digits, init, 3).decode().equal(SyntheticSet.begin(init, digits, 1, seeded(3)).images)


def test_real_images_come_twice_only_when_all_came_once(tiny):
    images = random_real(tiny, 30, seeded()).unflatten(0, (3, 30))
    for of_class in images:
        assert sorted(of_class.flatten(1).unique(dim=0, return_counts=True)[1].tolist()) == [2] * 6 + [3] * 6
