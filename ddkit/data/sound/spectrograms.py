"""A sound as a picture: how strong its tones (rows, high ones above) are at each time (columns), and back again.

The short-time Fourier transform of a sound is complex. A spectrogram shows its magnitude; its phase is lost, and
Griffin and Lim ("Signal Estimation from Modified Short-Time Fourier Transform", 1984) find one that fits: go to the
sound and back, keep the phase, put the magnitude in again, and repeat.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

RATE = 8000  # samples in a second
WINDOW, HOP = 256, 64  # samples under a window, and from one window to the next
SIDE = 32  # pixels
SAMPLES = 64 * HOP  # of a sound that is shown: half a second
RANGE = 60.0  # decibels below the loudest pixel at which a pixel is black
_CELL = (WINDOW // 2 // SIDE, SAMPLES // HOP // SIDE)  # tones and times that a pixel is the mean of


def stft(sound: Tensor, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """The transform, complex [..., window / 2 + 1, times], of a sound [..., samples] seen through Hann's window.

    Row k is the tone of ``k * rate / window`` hertz; the window at time t is around sample ``t * hop``.
    """
    return torch.stft(sound, window, hop, window=torch.hann_window(window, dtype=sound.dtype), return_complex=True)


def griffin_lim(magnitude: Tensor, hop: int = HOP, steps: int = 100, momentum: float = 0.99) -> Tensor:
    """A sound [samples] whose transform has nearly the ``magnitude`` [tones, times]; nothing is drawn.

    The phase begins where all windows hold the same, and moves with the momentum of Perraudin, Balazs and Sondergaard
    ("A Fast Griffin-Lim Algorithm", 2013), which gets nearer in as many steps; 0 is the algorithm of 1984.
    """
    window = 2 * (len(magnitude) - 1)
    hann, guess, before = torch.hann_window(window, dtype=magnitude.dtype), magnitude + 0j, 0.0
    for step in range(steps + 1):
        sound = torch.istft(guess, window, hop, window=hann)
        if step < steps:
            found = stft(sound, window, hop)
            ahead = found + momentum * (found - before)
            guess, before = magnitude * torch.exp(1j * ahead.angle()), found
    return sound


def middle(sound: Tensor) -> Tensor:
    """The middle half second, [SAMPLES], of a sound [samples], with silence around what is shorter."""
    before = max(0, len(sound) - SAMPLES) // 2
    kept = sound[before : before + SAMPLES]
    missing = SAMPLES - len(kept)
    return F.pad(kept, (missing // 2, missing - missing // 2))


def pictures(sounds: Tensor) -> Tensor:
    """Pixels [N, 1, SIDE, SIDE] in [0, 1] of sounds [N, SAMPLES].

    A pixel is the mean power of its tones and times, in decibels: 1 is a sound's loudest pixel, 0 ``RANGE`` below it.
    """
    cells = F.avg_pool2d(stft(sounds).abs().square()[:, None, :-1, :-1], _CELL)
    shares = cells / cells.amax((1, 2, 3), keepdim=True).clamp(min=1e-20)
    return (1 + 10 * shares.clamp(min=1e-20).log10() / RANGE).clamp(0, 1).flip(2)


def heard(pixels: Tensor, steps: int = 100) -> Tensor:
    """A sound [SAMPLES], at most 1 loud, of pixels [1, SIDE, SIDE]; whatever a pixel was the mean of is made alike."""
    decibels = RANGE * (pixels.clamp(0, 1).flip(1) - 1)
    loud = torch.where(pixels.flip(1) > 0, 10 ** (decibels / 20), 0.0)
    fine = F.interpolate(loud[None], scale_factor=_CELL, mode="bilinear")[0, 0]
    sound = griffin_lim(F.pad(fine[None], (0, 1, 0, 1), "replicate")[0], steps=steps)
    return sound / sound.abs().max().clamp(min=1e-12)
