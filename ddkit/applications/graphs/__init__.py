"""Graphs condensed to a few nodes with edges of their own: the spec, and beside it pictures, tables, the command."""

from ddkit.applications.graphs.condensing import CondensePlan
from ddkit.applications.graphs.spec import Condense

__all__ = ["Condense", "CondensePlan"]
