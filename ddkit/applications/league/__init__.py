"""A league of methods: each distils in the same budget, and all sets are scored alike, beside published numbers.

``entrants`` is the table of who plays, and where a new method adds its line; ``published`` the numbers of the papers.
"""

from ddkit.applications.league.calibration import Calibration
from ddkit.applications.league.league import League

__all__ = ["Calibration", "League"]
