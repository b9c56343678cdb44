"""Lesson 14, for practice: how well losses tell members from others, and gradients of bounded length."""

from ddkit.exercises.lessons.practice.privacy.area import AREA
from ddkit.exercises.lessons.practice.privacy.clipping import CLIPPING

PRACTICE = {"area": AREA, "clipping": CLIPPING}
