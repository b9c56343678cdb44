"""scikit-learn's digits, embedded: 1,797 of them, of 8 pixels, which are resized."""

from pathlib import Path

import numpy as np

from ddkit.data.parts import stratified
from ddkit.data.source import Source, always_there


def read(root: Path, size: int):
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images / 16).astype(np.float32)[:, None]
    kept, held = stratified(bunch.target, 0.2)
    return (images[kept], bunch.target[kept]), (images[held], bunch.target[held]), [str(i) for i in range(10)]


SOURCE = Source(read, always_there, 28, (0.3054,), (0.3247,))
