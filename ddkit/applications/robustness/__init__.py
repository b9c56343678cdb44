"""How easily networks trained on a set are misled: the spec, and beside it figures, tables and the command."""

from ddkit.applications.robustness.spec import Robustness

__all__ = ["Robustness"]
