"""What lessons say to a student's answers."""

import numpy as np
import pytest
import torch

from ddkit.course.lesson import answered


@pytest.mark.parametrize("given, says", [(None, "not answered yet"), (0.1, "right"), (1.0, "right"),
                                         (0.5, "0.5 is not what the records say"), ("0.1", "'0.1' is not")])
def test_an_answer_is_missing_right_or_to_be_looked_at_again(given, says):
    assert answered(given, 0.1, 1).startswith(says)


@pytest.mark.parametrize("given, right", [
    ("Embedding ", "embedding"), (torch.tensor(784), 784), (np.float64(0.5), 0.5), ([100, 60], (100, 60)),
    (torch.tensor([100, 60]), (100, 60)), (["augmentation", "network"], {"network", "augmentation"}),
    ({"Network", "augmentation"}, {"network", "augmentation"}), (np.bool_(True), True)])
def test_the_kind_of_an_answer_does_not_matter(given, right):
    assert answered(given, right) == "right"


@pytest.mark.parametrize("given, right", [
    ([60, 100], (100, 60)), (["network"], {"network", "augmentation"}), ("network", {"network"}), ([], set("a")),
    (torch.tensor([784, 1]), 784), ([["network"]], {"network"})])
def test_what_is_wrong_stays_wrong_in_any_kind(given, right):
    assert answered(given, right).endswith("look again")
