"""Lessons 3 and 4: which runs an exercise takes for what it asks for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddkit.course.profiles import POLYPS as POLYP_SETS
from ddkit.course.profiles import PROFILES, profile
from ddkit.exercises import made, records
from ddkit.exercises.checking import Slip
from ddkit.specs import Distill, Evaluate, Full, RandomReal, Start

DIGITS, POLYPS = profile("quick"), profile("quick", "mhist_like")
REAL = DIGITS.distill("real")
OTHER, SAME, SHOWN = "ConvNetD2", REAL.config.network, DIGITS.transfer_networks[0]


def pair(judge: str, **changes) -> list[Evaluate]:
    """Evaluations of a distilled set and of random images on a network; ``changes`` are of the second alone."""
    return [DIGITS.transfer(REAL, judge), replace(DIGITS.transfer(DIGITS.random(), judge), **changes)]


@pytest.mark.parametrize(("name", "specs"), [
    ("noise-records", [DIGITS.distill("noise"), POLYPS.distill("noise")]),
    ("noise-records", [DIGITS.distill("noise", lam=0.1), POLYPS.distill("noise")]),
    *[("noise-records", [profile(name).distill("noise"), profile(name, polyps).distill("noise")])
      for name in PROFILES for polyps in POLYP_SETS],
    *[("baselines", [profile(name).baseline(), profile(name, polyps).baseline()])
      for name in PROFILES for polyps in POLYP_SETS],
    ("own-network", pair(OTHER)),
    ("own-network", [replace(spec, seeds=5) for spec in pair("ConvNetD2BNMP")]),
    ("own-network", [replace(spec, epochs=None, updates=10) for spec in pair(OTHER)]),
    ("own-network", pair(OTHER, of=RandomReal("digits", 10, 28))),
    ("own-network", [*pair(OTHER), DIGITS.transfer(Start(REAL), OTHER)]),
    *[("own-network", pair(name)) for name in (f"{SAME}AL", f"{SAME}MP", "AlexNetIN")],
    ("own-network", [POLYPS.transfer(POLYPS.distill("real"), OTHER), POLYPS.transfer(POLYPS.random(), OTHER)]),
])
def test_what_is_asked_for_is_taken(name, specs):
    assert records()[name].fits(specs)


@pytest.mark.parametrize(("name", "specs"), [
    ("noise-records", [DIGITS.distill("noise")]),
    ("noise-records", [DIGITS.distill("noise"), DIGITS.distill("noise", lam=0.1)]),
    ("noise-records", [DIGITS.distill("noise"), POLYPS.distill("real")]),
    ("noise-records", [DIGITS.distill("noise"), DIGITS.transfer(DIGITS.random(), OTHER)]),
    ("noise-records", [DIGITS.distill("noise"), profile("quick", "mnist").distill("noise")]),
    ("noise-records", [POLYPS.distill("noise"), profile("quick", "mhist").distill("noise")]),
    ("noise-records", [POLYPS.distill("noise"), profile("quick", "cifar10").distill("noise")]),
    ("baselines", [DIGITS.baseline(), profile("quick", "mnist").baseline()]),
    ("baselines", [POLYPS.baseline(), profile("quick", "mhist").baseline()]),
    ("baselines", [DIGITS.baseline(), POLYPS.distill("noise")]),
    ("own-network", pair(SHOWN)),
    ("own-network", pair(SAME)),
    *[("own-network", pair(name)) for name in (f"{SAME}IN", f"{SAME}AR", f"{SAME}INARAP", "ConvNet")],  # SAME again
    ("own-network", pair(OTHER)[:1]),
    ("own-network", pair(OTHER)[1:]),
    ("own-network", pair(OTHER, network="ConvNetD1")),
    ("own-network", pair(OTHER, protocol="assignment")),
    ("own-network", pair(OTHER, epochs=1)),
    ("own-network", pair(OTHER, width=8)),
    ("own-network", pair(OTHER, of=DIGITS.random(1))),
    ("own-network", pair(OTHER, of=RandomReal("digits", 10, 16))),
    ("own-network", pair(OTHER, precision="bfloat16")),
    ("own-network", [replace(spec, epochs=None, updates=updates)
                     for spec, updates in zip(pair(OTHER), (1000, 1), strict=True)]),
    ("own-network", pair(OTHER, of=Full("digits"))),
    ("own-network", pair(OTHER, of=RandomReal("mhist_like", 10, 32))),
    ("own-network", [REAL, RandomReal("digits", 10)]),
    ("own-network", [Distill("digits"), *pair(OTHER)]),
])
def test_what_is_not_is_not(name, specs):
    assert not records()[name].fits(specs)


def test_a_network_of_the_table_under_another_name_is_not_another(monkeypatch):
    monkeypatch.setenv("DDKIT_PROFILE", "laptop")
    laptop, own_network = profile(), records()["own-network"]
    for name, fits in (("AlexNetNN", False), ("VGG11IN", False), ("AlexNetIN", True), ("VGG11BN", True)):
        sources = laptop.distill("real"), laptop.random()
        assert own_network.fits([laptop.transfer(source, name) for source in sources]) is fits


@pytest.mark.parametrize(("given", "kind"), [
    ("runs/real", "str"), (b"runs", "bytes"), (["runs/real"], "str"), ({"real": "runs/real"}, "str"),
    (torch.tensor(1.0), "Tensor"), (torch.ones(2, 2), "Tensor"), (np.array(1.0), "ndarray"), (7, "int")])
def test_what_is_no_record_is_named(given, kind):
    with pytest.raises(Slip, match=f"a {kind} is no record: give what ddkit.run"):
        made("baselines", given)
