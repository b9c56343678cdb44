"""Synthetic sets that both the sets' own tests and those of their files begin with, and a folder of runs."""

from dataclasses import replace

import pytest
import torch

from ddkit.synthetic import SyntheticSet


@pytest.fixture
def real(tiny) -> SyntheticSet:
    return SyntheticSet.from_real(tiny, 4, torch.Generator().manual_seed(0))


@pytest.fixture
def soft(real) -> SyntheticSet:
    """A moved set with soft labels and a learned rate."""
    labels = torch.rand(12, 3, generator=torch.Generator().manual_seed(0)).softmax(1)
    return replace(real, images=real.images + 0.1, labels=labels, meaning="probabilities", learning_rate=0.1 + 0.2)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")
