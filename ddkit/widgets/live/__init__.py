"""Runs that are watched while they are made: the run beside the notebook, and what shows it."""

from ddkit.widgets.live.running import LiveRun, Seen
from ddkit.widgets.live.track import Track

__all__ = ["LiveRun", "Seen", "Track"]
