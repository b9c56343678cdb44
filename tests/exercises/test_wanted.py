"""Lessons 3 and 4: which runs an exercise takes for what it asks for."""

from dataclasses import replace

import pytest

from ddkit.course.profiles import profile
from ddkit.exercises import records
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
    ("own-network", pair(OTHER)),
    ("own-network", [replace(spec, seeds=5) for spec in pair("ConvNetD2BNMP")]),
    ("own-network", [*pair(OTHER), DIGITS.transfer(Start(REAL), OTHER)]),
    ("own-network", [POLYPS.transfer(POLYPS.distill("real"), OTHER), POLYPS.transfer(POLYPS.random(), OTHER)]),
])
def test_what_is_asked_for_is_taken(name, specs):
    assert records()[name].fits(specs)


@pytest.mark.parametrize(("name", "specs"), [
    ("noise-records", [DIGITS.distill("noise")]),
    ("noise-records", [DIGITS.distill("noise"), DIGITS.distill("noise", lam=0.1)]),
    ("noise-records", [DIGITS.distill("noise"), POLYPS.distill("real")]),
    ("noise-records", [DIGITS.distill("noise"), DIGITS.transfer(DIGITS.random(), OTHER)]),
    ("own-network", pair(SHOWN)),
    ("own-network", pair(SAME)),
    ("own-network", pair(OTHER)[:1]),
    ("own-network", pair(OTHER)[1:]),
    ("own-network", pair(OTHER, network="ConvNetD1")),
    ("own-network", pair(OTHER, protocol="assignment")),
    ("own-network", pair(OTHER, epochs=1)),
    ("own-network", pair(OTHER, width=8)),
    ("own-network", pair(OTHER, of=Full("digits"))),
    ("own-network", pair(OTHER, of=RandomReal("mhist_like", 10, 32))),
    ("own-network", [REAL, RandomReal("digits", 10)]),
    ("own-network", [Distill("digits"), *pair(OTHER)]),
])
def test_what_is_not_is_not(name, specs):
    assert not records()[name].fits(specs)
