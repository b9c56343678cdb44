"""Architecture search by a distilled set: the spec, how rankings are compared, and figures, tables and the command."""

from ddkit.applications.search.spec import Grid, Search

__all__ = ["Grid", "Search"]
