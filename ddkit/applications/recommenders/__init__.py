"""Recommenders fitted to few users, real or learned, beside those fitted to all: the spec, its pieces, tables, pictures
and the command."""

from ddkit.applications.recommenders.spec import Recommend

__all__ = ["Recommend"]
