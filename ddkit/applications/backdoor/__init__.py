"""What becomes of a trigger that was hidden in the real data: the spec, and beside it pictures, tables, the command."""

from ddkit.applications.backdoor.spec import Backdoor

__all__ = ["Backdoor"]
