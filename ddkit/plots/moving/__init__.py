"""Pictures of stored records in which little moves: drawn whole once, then only what a slider changes.

Each file has a class whose ``show`` moves its artists, and a function that makes the same picture at rest.
"""

from ddkit.plots.moving.growth import Growing, growth
from ddkit.plots.moving.leads import Comparison, comparison
from ddkit.plots.moving.moments import Losses, Moments, moment
from ddkit.plots.moving.stage import Stage, png

__all__ = ["Comparison", "Growing", "Losses", "Moments", "Stage", "comparison", "growth", "moment", "png"]
