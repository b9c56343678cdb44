"""How large a league is in each profile."""

from ddkit.applications.league.league import League
from ddkit.course.profiles import PROFILES
from ddkit.foundation.errors import one_of

# Three processor minutes a set; the full profile's hour is for networks as wide as the papers'.
MINUTES = {"quick": 0.02, "laptop": 3.0, "full": 60.0}


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
