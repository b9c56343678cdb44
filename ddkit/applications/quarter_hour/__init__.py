"""What methods that learn through training, of labels or behind noise make of MNIST in at most a quarter of an hour of
two processor cores."""

from ddkit.applications.quarter_hour.settings import ENTRIES, Entry

__all__ = ["ENTRIES", "Entry"]
