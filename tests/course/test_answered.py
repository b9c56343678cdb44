"""What lesson 10 says to a student's answers."""

import pytest

from ddkit.course.lesson import answered


@pytest.mark.parametrize("given, says", [(None, "not answered yet"), (0.1, "right"), (1.0, "right"),
                                         (0.5, "0.5 is not what the records say"), ("0.1", "'0.1' is not")])
def test_an_answer_is_missing_right_or_to_be_looked_at_again(given, says):
    assert answered(given, 0.1, 1).startswith(says)
