"""How good a set is apart from labels and augmentations: networks at their best learning rate, report and command."""

from ddkit.applications.rankings.spec import Tuned

__all__ = ["Tuned"]
