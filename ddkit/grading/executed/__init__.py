"""The way *as executed*: what a notebook states is held against what its own records give.

``environment`` says in what environment the notebook runs again, so that every number is computed from the records that
travelled and nothing is made; ``differences`` says which numbers that were handed in are not those. ``told`` and
``compared`` are the same for a submission in a course.
"""

from ddkit.grading.executed.comparing import differences
from ddkit.grading.executed.environment import environment, profile_of
from ddkit.grading.executed.marking import compared, told

__all__ = ["compared", "differences", "environment", "profile_of", "told"]
