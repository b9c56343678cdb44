"""Pictures of stored records in which little moves: drawn whole once, then only what a slider changes.

Each file has a class whose ``show`` moves its artists, and a function that makes the same picture at rest.
"""

from ddkit.plots.moving.attention import Attending, attention_of_sides
from ddkit.plots.moving.augmented import Augmenting, augmentation_of_both
from ddkit.plots.moving.growth import Growing, growth
from ddkit.plots.moving.leads import Comparison, comparison
from ddkit.plots.moving.moments import Losses, Moments, images_of, moment
from ddkit.plots.moving.stage import Stage, png

__all__ = ["Attending", "Augmenting", "Comparison", "Growing", "Losses", "Moments", "Stage", "attention_of_sides",
           "augmentation_of_both", "comparison", "growth", "images_of", "moment", "png"]
