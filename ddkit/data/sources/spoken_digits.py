"""``spoken_digits``: the ten digits, spoken by six people, as spectrograms (the Free Spoken Digit Dataset).

The official split: of fifty recordings of each digit by each speaker the first five are the test part, so that every
voice is on both sides. ``spoken_digits_speaker`` is split by speaker.
"""

from pathlib import Path

import numpy as np

from ddkit.data.augment import SOUND
from ddkit.data.sound.recordings import TESTED, marks, recordings
from ddkit.data.sound.spectrograms import SIDE
from ddkit.data.source import Source


def read(root: Path, size: int):
    found = recordings(root)
    return parts(found, found.numbers < TESTED)


def parts(found, tested: np.ndarray):
    """What ``Source.read`` gives, of all recordings and of which are tested."""
    both = ((found.images[chosen], found.digits[chosen]) for chosen in (~tested, tested))
    return *both, [str(digit) for digit in range(10)]


SOURCE = Source(read, marks, SIDE, (0.3012,), (0.2642,), strategy=SOUND, pictures=False)
