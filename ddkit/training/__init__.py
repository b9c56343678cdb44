"""The one way to train and score: protocols, scores, kernels and what they predict, experts, the difficulty of images.

What lives here takes whatever images it is given: it knows no method that made them.
"""

from ddkit.training.fitting import (
    PROTOCOLS,
    TEST_BATCH,
    Fit,
    Protocol,
    evaluate,
    fit,
    logits,
    protocol,
    refresh_statistics,
    score,
    test,
    trained,
)

__all__ = ["PROTOCOLS", "TEST_BATCH", "Fit", "Protocol", "evaluate", "fit", "logits", "protocol", "refresh_statistics",
           "score", "test", "trained"]
