"""The way *as executed*: what a notebook states is held against what its own records give.

``environment`` says in what environment the notebook runs again, so that every number is computed from the records that
travelled and nothing is made; ``differences`` says which numbers that were handed in are not those.
"""

from ddkit.grading.executed.comparing import differences
from ddkit.grading.executed.environment import environment, profile_of

__all__ = ["differences", "environment", "profile_of"]
