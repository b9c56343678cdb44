"""Lesson 14, for practice: how well losses tell members from others, and gradients of bounded length."""

from ddkit.exercises.checking import Exercise
from ddkit.exercises.lessons.privacy.area import AREA
from ddkit.exercises.lessons.privacy.clipping import CLIPPING
from ddkit.exercises.owned import Wanted

EXERCISES: dict[str, Exercise] = {}
RECORDS: dict[str, Wanted] = {}
PRACTICE = {"area": AREA, "clipping": CLIPPING}
