"""How large a league is in each profile, and which others are played beside that, each for a question of its own."""

from collections.abc import Mapping

from ddkit.applications.league.entrants import ENTRANTS
from ddkit.applications.league.league import League
from ddkit.course.profiles import PROFILES
from ddkit.foundation.errors import one_of

# Three processor minutes a set; the full profile's hour is for networks as wide as the papers'.
MINUTES = {"quick": 0.02, "laptop": 3.0, "full": 60.0}

# By what is different in them. Rates are those of the main league, which were chosen for its minutes, on digits.
ASIDES: Mapping[str, Mapping[str, object]] = {
    "longer": {"ipcs": (10,), "minutes": 30.0},
    "more images": {"ipcs": (50,)},
    "several sets": {"sets": 3},
    "other images": {"dataset": "fashion_mnist"},
    "wider networks": {"width": 128, "minutes": 30.0},
}

# Test accuracies of MNIST in % that at most half an hour of a core was hoped to give at ten images per class, with
# ConvNet-3 of width 32; the best of several where several are named. They are estimates from the papers' and ddkit's
# first numbers, from before any of these had been run.
HOPED: Mapping[tuple[str, ...], float] = {
    ("dm",): 96, ("dc",): 96, ("dsa",): 96.5, ("dcc",): 96, ("jiang",): 96.5, ("cafe",): 96, ("idm",): 96.8,
    ("idc",): 96.5, ("dm-frequencies",): 96.5, ("itgan",): 96, ("kfs",): 96,
    ("idc", "idm", "ncfm", "ncfm-multi-formation"): 98,
    tuple(name for name, who in ENTRANTS.items() if who.form != "pixels"): 98.3,
}


def of_profile(name: str, **changes) -> League:
    """The league of a profile, with what is given in place of the profile's.

    Raises:
        InputError: there is no such profile, or the league cannot be.
    """
    profile, quick = PROFILES[one_of(name, PROFILES, "profile")], name == "quick"
    own = {"dataset": profile.dataset, "network": profile.network, "width": profile.width, "seeds": profile.seeds,
           "epochs": profile.standard_epochs, "minutes": MINUTES[name], "quick": quick,
           "calibration": 0.2 if quick else 10.0}
    return League(**own | changes)


def aside(which: str, name: str) -> League:
    """The league of ``ASIDES`` to that question, in a profile.

    Raises:
        InputError: there is no such question, or no such profile.
    """
    return of_profile(name, **ASIDES[one_of(which, ASIDES, "league")])
