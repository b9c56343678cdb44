"""Who plays in a league: entrants that can be asked for, and the published numbers beside them."""


import pytest

from ddkit.applications.league import League
from ddkit.applications.league.entrants import ENTRANTS
from ddkit.applications.league.published import IPCS, PUBLISHED
from ddkit.applications.league.settings import of_profile
from ddkit.methods import METHODS

# What the surveys (L, S) and the methods' own pages (R) say of MNIST and FashionMNIST at 1 / 10 / 50 images per class.
READ = """
| random | 64.9 / 95.1 / 97.9 | 51.4 / 73.8 / 82.5 | L, S |
| herding | 89.2 / 93.7 / 94.8 | 67.0 / 71.1 / 71.9 | L |
| forgetting | 35.5 / 68.1 / 88.2 | – | S |
| DD | – / 79.5 / – | – | L, S |
| LD | 60.9 / 87.3 / 93.3 | – | L, S |
| DC | 91.7 / 97.4 / 98.8 | 70.5 / 82.3 / 83.6 | R |
| DSA | 88.7 / 97.8 / 99.2 | 70.6 / 84.6 / 88.7 | R, S |
| IDC-I | 88.9 / 98.0 / 98.8 | 70.7 / 85.3 / 89.1 | R |
| IDC | 94.2 / 98.4 / 99.1 | 81.0 / 86.0 / 86.2 | R |
| DM | 89.7 / 97.5 / 98.6 | – | S |
| CAFE + DSA | 90.8 / 97.5 / 98.9 | 73.7 / 83.0 / 88.2 | L, S |
| MTT | 91.4 / 97.3 / 98.5 | 75.1 / 87.2 / 88.3 | L |
| FreD (TM) | 95.8 / 97.6 / – | 84.6 / 89.1 / – | R |
| KIP → net | 90.1 / 97.5 / 98.3 | 73.5 / 86.8 / 88.0 | L, S |
| KIP ∞-FC | 85.5 / 97.2 / 98.4 | – | S |
| KIP ∞-conv | 97.3 / 99.1 / 99.5 | – | L, S |
| RFAD → net | 94.4 / 98.5 / 98.8 | 78.6 / 87.0 / 88.8 | L, S |
| FRePo | 93.0 / 98.6 / 99.2 | 75.6 / 86.2 / 89.6 | L, S |
| RTP, no factorisation | 95.2 / 98.8 / 99.2 | – | S |
| RTP / LinBa | 98.7 / 99.3 / 99.4 | 88.5 / 90.0 / 91.2 | L, S |
| whole set | 99.6 / 99.6 / 99.6 | 93.5 / 93.5 / 93.5 | L, S |
"""


def test_published_numbers_are_those_that_were_read():
    read = [[cell.strip() for cell in line.strip("| ").split("|")] for line in READ.strip().splitlines()]
    assert [name for name, *_ in read] == list(PUBLISHED)
    for name, mnist, fashion, source in read:
        for dataset, cell in (("mnist", mnist), ("fashion_mnist", fashion)):
            numbers = [None if one == "–" else float(one) for one in (cell.split(" / ") if "/" in cell else ["–"] * 3)]
            assert [PUBLISHED[name].at(dataset, ipc) for ipc in IPCS] == numbers
        assert PUBLISHED[name].source == source and PUBLISHED[name].at("digits", 10) is None
    assert PUBLISHED["DC"].shown("mnist", 10) == "97.4 (R)" and PUBLISHED["DC"].shown("mnist", 2) == ""


@pytest.mark.parametrize("ipc", [1, 10, 50])
def test_an_entrants_order_of_steps_reaches_all_images(ipc, digits):
    """Those of a form, too, which decodes to more images than were asked for."""
    specs = [who.distillation("digits", ipc, "ConvNetD3", 32) for who in ENTRANTS.values()]
    owning = [spec for spec in specs if getattr(spec.config, "ordered", False) and spec.config.step_images]
    assert {spec.form for spec in owning} == {"pixels", "decoder"}
    for spec in owning:
        images = len(spec.starting_set(digits).labels) // len(digits.classes)
        assert spec.config.steps * min(spec.config.step_images, images) >= images, spec.preset


@pytest.mark.parametrize("name", ENTRANTS)
def test_every_entrant_is_a_distillation_that_can_be_asked_for(name, digits):
    who = ENTRANTS[name]
    assert who.paper[-4:].isdigit() and (not who.published or who.published in PUBLISHED)
    for quick in (False, True):
        for ipc in IPCS:
            spec = League("digits", quick=quick).distillation(name, ipc)
            spec.check()
            spec.check_on(digits)


def test_the_methods_that_match_and_those_of_kernels_all_play():
    asked = {"datadam", "gradient", "distribution", "trajectory", "kip", "rfad", "frepo"}
    assert asked <= {who.method for who in ENTRANTS.values()} <= set(METHODS)
    played = {(who.method, who.preset) for who in ENTRANTS.values()}
    assert {("gradient", name) for name in ("dc", "dsa", "dcc", "jiang", "idc_i", "idc")} <= played
    assert {("distribution", name) for name in ("dm", "cafe", "idm", "ncfm", "ncfm_max", "kfs", "itgan")} <= played


def test_a_profile_says_how_large_a_league_is():
    quick, laptop = of_profile("quick"), of_profile("laptop", ipcs=(10,), seeds=3)
    assert (quick.dataset, quick.quick, quick.width) == ("digits", True, 16)
    assert (laptop.dataset, laptop.quick, laptop.width, laptop.minutes, laptop.ipcs, laptop.seeds) == (
        "mnist", False, 32, 3.0, (10,), 3)
    assert laptop.entrants == tuple(ENTRANTS)
