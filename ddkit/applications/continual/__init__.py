"""Continual learning with a memory of a few images, chosen or distilled: the spec, and beside it figures, tables and
the command."""

from ddkit.applications.continual.spec import Continual

__all__ = ["Continual"]
