"""``mhist_like``: a synthetic stand-in for MHIST, drawn by a program. No patient, no microscope, no diagnosis.

MHIST may not be redistributed, so lessons and tests use cartoons of stained tissue instead: crypts (roundish glands,
some cut by the border) whose lumen is smooth in one class and serrated in the other. One number decides: the serration
strength s in [0, 1], drawn per image from two normal distributions that overlap. Seven simulated annotators each vote
SSA with probability

    p(s) = 1 / (1 + exp(-(s - THRESHOLD) / DOUBT))

and the label is SSA where at least 4 of 7 did, as in MHIST; images are drawn until every class has its share. All else
(stain, crypts' number, size and shape, lumens' area, nuclei, fibres, light, blur, noise) does not depend on s.

An image is a scene in coordinates from 0 to 1, drawn first, then rendered: the same seed shows the same tissue at
every size. Colour follows the Beer-Lambert law: light passes the stains' concentrations h (hematoxylin, in nuclei) and
e (eosin, in fibres and cytoplasm), I = I_0 exp(-(h H + e E)), with the stains' absorbances H and E per colour channel.
"""

import contextlib
import csv
import io
import os
import shutil
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ddkit.data.cache import cached
from ddkit.data.source import MIRRORED, Source, always_there
from ddkit.data.sources import mhist
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded, sha256
from ddkit.foundation.memory import require_memory
from ddkit.foundation.progress import bar

_PUBLISHED_NUMBER = sum(map(sum, mhist.PUBLISHED.values()))  # 3,152
NUMBER, SEED = _PUBLISHED_NUMBER, 0  # what ``data.load`` draws
FEWEST = 50  # so that ten of the rarer class are left to train on
SIZE = 64  # pixels: a tooth is about five wide, at 32 too few to learn from in 20 epochs; an epoch takes seconds
MEAN, STD = (0.764, 0.637, 0.782), (0.105, 0.131, 0.085)  # of the training part at 64 pixels
CENTRES, SPREAD = (0.26, 0.74), 0.15  # of the two kinds of strengths before votes, which overlap
THRESHOLD, DOUBT = 0.5, 0.08
HEMATOXYLIN, EOSIN = (0.66, 0.66, 0.40), (0.20, 0.76, 0.32)  # absorbance of red, green and blue light
RENDERED = 500  # bytes a pixel that the drawing of one image takes at least
_PARTS = ("README.txt", "images", "images.zip", "annotations.csv")  # without the last, a folder is taken for no copy
README = """These images are SYNTHETIC: drawn by ddkit's mhist_like generator, not taken of any tissue.
The folder is laid out like MHIST (annotations.csv and images/ or images.zip) so that programs for MHIST can be tried.
Nothing measured on them says anything about polyps or about MHIST.
{number} images of {size} x {size} pixels, seed {seed}.
"""


def read(root: Path, size: int):
    """The source behind ``data.load("mhist_like")``, with the same parts as ``mhist.read``.

    Drawing takes a quarter of a minute at 64 pixels, so the pixels are cached in ``root``/mhist_like; the cache
    belongs to this file's text, the number of images, the seed and the size.
    """
    mhist.require_room(NUMBER, size)
    wanted, code = plan(NUMBER, SEED), Path(__file__).read_bytes()
    images = cached(root / "mhist_like", f"mhist_like-{size}", sha256(code, f"{NUMBER}/{SEED}/{size}".encode()),
                    lambda: {"images": draw(wanted.strengths, size, SEED)})["images"]
    return *mhist.split(images, wanted.labels, wanted.votes, wanted.test), mhist.SYNTHETIC_CLASSES, mhist.SYNTHETIC_NOTE


def make(folder: Path, number: int = NUMBER, size: int = SIZE, seed: int = SEED, zipped: bool = False) -> None:
    """Write ``number`` images of ``size`` pixels into ``folder``, laid out like MHIST, with a README.txt.

    All of it is there, or nothing: it is written beside and moved in at the end, annotations.csv last.

    Raises:
        InputError: the folder holds such files already or cannot be written, a number is too small, or the images do
            not fit the memory.
    """
    require(size >= 8, f"images must be at least 8 pixels wide, got size {size}")
    require_memory((3 * number + RENDERED) * size**2, f"{number:,} images of {size}x{size} pixels")
    wanted, folder = plan(number, seed), expanded(folder)
    for name in _PARTS:
        require(not os.path.exists(folder / name), f"{folder / name} exists: choose an empty folder")
    names = [f"{mhist.SYNTHETIC}{i:0{len(str(number))}d}.png" for i in range(1, number + 1)]
    images = draw(wanted.strengths, size, seed)
    with _whole_folder(folder, _PARTS) as begun:
        (begun / "README.txt").write_text(README.format(number=number, size=size, seed=seed), encoding="utf-8")
        if zipped:
            with zipfile.ZipFile(begun / "images.zip", "w") as archive:
                for name, image in zip(names, images, strict=True):
                    archive.writestr(zipfile.ZipInfo(f"images/{name}"), _png(image))
        else:
            (begun / "images").mkdir()
            for name, image in zip(names, images, strict=True):
                (begun / "images" / name).write_bytes(_png(image))
        with (begun / "annotations.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(mhist.COLUMNS)
            for name, label, votes, test in zip(names, wanted.labels, wanted.votes, wanted.test, strict=True):
                table.writerow([name, mhist.CLASSES[label], votes, mhist.PARTS[int(test)]])


@contextlib.contextmanager
def _whole_folder(folder: Path, parts: tuple[str, ...]):
    """A folder to write into, whose parts come into ``folder`` in their order, and only once all are written."""
    begun = folder / ".making"
    try:
        shutil.rmtree(begun, ignore_errors=True)  # what one that was killed has left
        begun.mkdir(parents=True)
        yield begun
        for name in parts:
            if (begun / name).exists():
                os.replace(begun / name, folder / name)
    except OSError as error:
        raise InputError(f"cannot write {error.filename or folder} ({error.strerror or error}): choose a folder you "
                         "may write to with free space; nothing was changed") from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def _png(image: np.ndarray) -> bytes:
    """A PNG file of an image uint8 [3, H, W] that calls itself synthetic."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    stream, note = io.BytesIO(), PngInfo()
    note.add_text("Comment", "synthetic: drawn by ddkit's mhist_like")
    Image.fromarray(image.transpose(1, 2, 0)).save(stream, "PNG", pnginfo=note)
    return stream.getvalue()


@dataclass(frozen=True)
class Plan:
    """What is to be drawn.

    Attributes:
        strengths: of the serration, float64 [N] in [0, 1].
        votes, labels: int64 [N].
        test: whether each image belongs to the test part, bool [N].
    """

    strengths: np.ndarray
    votes: np.ndarray
    labels: np.ndarray
    test: np.ndarray


def plan(number: int = NUMBER, seed: int = SEED) -> Plan:
    """Draw strengths and votes for ``number`` images with MHIST's proportions of parts and classes."""
    require(number >= FEWEST, f"mhist_like needs at least {FEWEST} images to fill every class, got {number}")
    require(seed >= 0, f"a seed must not be negative, got {seed}")
    random, parts = np.random.default_rng([seed, 0]), []
    for part, counts in quotas(number).items():
        strengths, votes = _until_filled(counts, random)
        order = random.permutation(len(votes))
        parts.append((strengths[order], votes[order], np.full(len(votes), part == "test")))
    strengths, votes, test = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Plan(strengths, votes, mhist.majority(votes), test)


def quotas(number: int) -> dict[str, tuple[int, int]]:
    """Images of (HP, SSA) in each part, in MHIST's proportions; the published counts for 3,152."""
    sizes = {"train": round(number * sum(mhist.PUBLISHED["train"]) / _PUBLISHED_NUMBER)}
    sizes["test"] = number - sizes["train"]
    serrated = {part: round(sizes[part] * mhist.PUBLISHED[part][1] / sum(mhist.PUBLISHED[part])) for part in sizes}
    return {part: (sizes[part] - serrated[part], serrated[part]) for part in sizes}


def _until_filled(counts: tuple[int, int], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Strengths and votes of as many images of each label as ``counts`` says, by rejection."""
    strengths, votes = np.empty(0), np.empty(0, np.int64)
    while (np.bincount(mhist.majority(votes), minlength=2) < counts).any():
        more = (random.choice(CENTRES, sum(counts)) + random.normal(0, SPREAD, sum(counts))).clip(0, 1)
        strengths = np.concatenate([strengths, more])
        votes = np.concatenate([votes, random.binomial(7, 1 / (1 + np.exp((THRESHOLD - more) / DOUBT)))])
    labels = mhist.majority(votes)
    kept = np.concatenate([np.flatnonzero(labels == label)[:count] for label, count in enumerate(counts)])
    return strengths[kept], votes[kept]


def draw(strengths: np.ndarray, size: int = SIZE, seed: int = SEED) -> np.ndarray:
    """Images uint8 [N, 3, size, size]; image i depends on its strength, i and ``seed`` alone."""
    images = np.empty((len(strengths), 3, size, size), np.uint8)
    with bar(len(images), "drawing synthetic images", "image") as progress:
        for i, strength in enumerate(strengths):
            images[i] = render(strength, size, np.random.default_rng([seed, 1, i]))
            progress.step()
    return images


@dataclass(frozen=True)
class Crypts:
    """The glands of one scene; every array has one row per crypt, lengths are in image widths.

    Attributes:
        centres: [C, 2].
        frames: [C, 2, 2], from offsets in the image to a frame in which the crypt's wall is about a unit circle.
        radii: [C].
        wall: [C, 2, 2] amplitude and phase of the wall's second and third harmonic.
        lumen: [C] mean radius of the lumen as a share of the wall's.
        teeth: [C] teeth around the lumen.
        heights: [C, 16] height of each tooth as a share of the lumen's radius.
        widening: [C] how much wider the lumen is on one side, as a share of its radius.
        turn: [C] phase of the teeth in turns.
        skew: how far into a tooth its tip lies, in (0, 1).
    """

    centres: np.ndarray
    frames: np.ndarray
    radii: np.ndarray
    wall: np.ndarray
    lumen: np.ndarray
    teeth: np.ndarray
    heights: np.ndarray
    widening: np.ndarray
    turn: np.ndarray
    skew: float

    @classmethod
    def drawn(cls, strength: float, random: np.random.Generator) -> "Crypts":
        """Crypts on a jittered, turned hexagonal lattice that covers the image and more."""
        step, angle = random.uniform(0.50, 0.66), random.uniform(0, 2 * np.pi)
        rows, columns = np.mgrid[-5:6, -5:6].reshape(2, -1)
        lattice = step * np.stack([columns + 0.5 * (rows % 2), rows * np.sqrt(0.75)], 1) + random.uniform(-0.2, 0.2, 2)
        centres = 0.5 + lattice @ _rotation(angle) + random.normal(0, 0.06 * step, lattice.shape)
        centres = centres[(np.abs(centres - 0.5) < 0.5 + 0.55 * step).all(1)]
        count = len(centres)
        apart = np.hypot(*(centres[:, None] - centres).transpose(2, 0, 1)) + np.diag([np.inf] * count)
        radii = np.minimum(step * random.uniform(0.36, 0.46, count), 0.45 * apart.min(1))
        stretch = np.exp(random.normal(0, 0.12, count))
        frames = np.stack([np.diag([s, 1 / s]) @ _rotation(t) / r for s, t, r in
                           zip(stretch, random.uniform(0, np.pi, count), radii, strict=True)])
        wall = np.stack([np.abs(random.normal(0, 0.035, (count, 2))), random.uniform(0, 2 * np.pi, (count, 2))], -1)
        height = 0.03 + 0.9 * strength**1.5 * random.uniform(0.7, 1.3, (count, 16))
        return cls(centres, frames, radii, wall, random.uniform(0.42, 0.56, count), random.integers(7, 12, count),
                   height, 0.25 * strength * random.random(count), random.random(count), random.uniform(0.35, 0.65))

    def polar(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For points [P]: which crypt is nearest, the distance from its centre (its wall is near 1) and the angle in
        turns, in [0, 1)."""
        across, down = x - self.centres[:, :1], y - self.centres[:, 1:]  # [C, P]
        u, v = (row[:, :1] * across + row[:, 1:] * down for row in self.frames.transpose(1, 0, 2))
        nearest, each = (u * u + v * v).argmin(0), np.arange(len(x))
        u, v = u[nearest, each], v[nearest, each]
        return nearest, np.hypot(u, v), np.arctan2(v, u) / (2 * np.pi) % 1.0

    def outer(self, which: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """Radius of the wall [P], near 1."""
        harmonics = self.wall[which]
        return 1 + sum(harmonics[:, i, 0] * np.cos(2 * np.pi * (2 + i) * turns + harmonics[:, i, 1]) for i in range(2))

    def inner(self, which: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """Radius of the lumen [P]: a saw-tooth around the mean, with the area that a smooth lumen would have."""
        start = self.turn[which]
        uneven = 0.05 * np.sin(2 * np.pi * (turns + 5 * start))  # teeth of unequal width
        place = (turns + start + uneven) % 1.0 * self.teeth[which]
        tooth, within = place.astype(np.int64), place % 1.0
        saw = np.where(within < self.skew, within / self.skew, (1 - within) / (1 - self.skew)) - 0.5
        height, wide = self.heights[which, tooth], self.widening[which]
        shape = 1 + height * saw + wide * np.cos(2 * np.pi * (turns + 3 * start))
        return self.lumen[which] * shape / np.sqrt(1 + height**2 / 12 + wide**2 / 2)


def render(strength: float, size: int, random: np.random.Generator) -> np.ndarray:
    """One image uint8 [3, size, size] with serration ``strength`` in [0, 1]; all else is drawn from ``random``."""
    y, x = (np.mgrid[:size, :size].reshape(2, -1) + 0.5) / size
    crypts = Crypts.drawn(strength, random)
    edge = partial(_edge, width=float(np.hypot(0.7 / size, random.uniform(0.003, 0.009))))
    which, radius, turns = crypts.polar(x, y)
    scale, outer = crypts.radii[which], crypts.outer(which, turns)
    inside = (crypts.inner(which, turns) - radius) * scale
    in_crypt, in_lumen = edge((outer - radius) * scale), edge(inside)
    stroma = _stroma(x, y, radius, random, edge)
    wall = _wall(which, radius / outer, turns, scale, len(crypts.radii), random, edge)
    rim = np.exp(-(((radius - outer) * scale / 0.012) ** 2))  # the basement membrane
    mucin = 0.05 + 0.04 * _field(x, y, random, 4.0)
    stains = [(s * (1 - in_crypt) + w * in_crypt) * (1 - in_lumen) + m * np.abs(mucin) * in_lumen
              for s, w, m in zip(stroma, wall, (0.6, 0.8), strict=True)]
    brush = edge(0.012 - np.abs(inside))  # the cells' border on the lumen
    stains[1] = stains[1] + 0.25 * rim + 0.75 * brush
    return _expose(stains, x, y, size, random)


def _stroma(x, y, radius, random: np.random.Generator, edge) -> tuple[np.ndarray, np.ndarray]:
    """Hematoxylin and eosin [P] between the crypts: fibres that run around them, and scattered nuclei."""
    bend = _field(x, y, random, 3.0)
    fibres = np.sin(2 * np.pi * (random.uniform(5, 8) * radius + 1.2 * bend)) * (0.6 + 0.4 * _field(x, y, random, 5.0))
    nuclei = np.maximum(*(_scatter(x, y, random, edge) for _ in range(2)))
    return 0.14 + 0.65 * nuclei, 0.36 + 0.07 * fibres + 0.08 * bend


def _scatter(x, y, random: np.random.Generator, edge) -> np.ndarray:
    """Nuclei [P] in 0..1: at most one slanted ellipse in each cell of a turned grid."""
    cells, turn = random.uniform(11, 16), _rotation(random.uniform(0, 2 * np.pi))
    u, v = cells * (turn @ np.stack([x - 0.5, y - 0.5])) + 16
    i, j = u.astype(np.int64), v.astype(np.int64)
    table = random.random((5, 32, 32))[:, i, j]
    present, slant = table[0] < 0.3, np.pi * table[1]
    du, dv = u - i - 0.35 - 0.3 * table[2], v - j - 0.35 - 0.3 * table[3]
    cos, sin = np.cos(slant), np.sin(slant)
    distance = np.hypot((cos * du + sin * dv) / 1.7, cos * dv - sin * du) - 0.13 - 0.05 * table[4]
    return present * edge(-distance / cells)


def _wall(which, depth, turns, scale, count: int, random: np.random.Generator, edge) -> tuple[np.ndarray, np.ndarray]:
    """Hematoxylin and eosin [P] of the epithelium: a ring of nuclei near the wall and pale goblet cells inside it.

    ``depth`` is the distance from the crypt's centre, 1 at its wall.
    """
    cells = int(random.integers(20, 27))
    place = turns * cells
    cell = place.astype(np.int64) % cells
    shift, rise, girth, goblet, swell = random.random((5, count, cells))[:, which, cell]
    arc = 2 * np.pi * depth * scale / cells  # width of the cell here
    across = (place % 1.0 - 0.5 - 0.25 * (shift - 0.5)) * arc
    height = (depth - 0.87 + 0.10 * (rise - 0.5)) * scale
    nuclei = edge(0.34 * arc * (0.75 + 0.5 * girth) - np.hypot(across, height / 1.5))
    bubble = edge(0.55 * arc * (0.7 + 0.5 * swell) - np.hypot(across, (depth - 0.70) * scale / 1.4))
    mucin = bubble * (goblet < random.uniform(0.3, 0.7))
    return 0.26 - 0.17 * mucin + 0.55 * nuclei, 0.28 - 0.20 * mucin + 0.05 * nuclei


def _expose(stains, x, y, size: int, random: np.random.Generator) -> np.ndarray:
    """Light through the stains, with each image's own stain strengths, hues, lamp and sensor noise: uint8 [3, S, S]."""
    strengths = np.exp(random.normal(0, (0.13, 0.13)))
    hues = np.array([HEMATOXYLIN, EOSIN]) + random.normal(0, 0.025, (2, 3))
    absorbance = sum(s * np.maximum(c, 0) * hue[:, None] for s, c, hue in zip(strengths, stains, hues, strict=True))
    tilt = random.normal(0, 0.05, 2)
    light = random.uniform(0.93, 1.0) * (1 + tilt[0] * (x - 0.5) + tilt[1] * (y - 0.5))
    absorbance = absorbance * (1 + 0.12 * _field(x, y, random, 1.5))
    image = light * np.exp(-absorbance) + random.uniform(0.005, 0.02) * random.standard_normal((3, len(x)))
    return (255 * image.clip(0, 1)).round().astype(np.uint8).reshape(3, size, size)


def _edge(inside: np.ndarray, width: float) -> np.ndarray:
    """1 inside, 0 outside, and a ramp of ``width`` at the border; ``inside`` is the distance to it, > 0 inside."""
    return (0.5 + inside / (2 * width)).clip(0, 1)


def _field(x, y, random: np.random.Generator, frequency: float) -> np.ndarray:
    """A smooth random field [P] in about -1..1: plane waves of about ``frequency`` per image width."""
    waves = random.normal(0, frequency, (4, 2))
    phases = random.uniform(0, 2 * np.pi, 4)
    return sum(np.sin(2 * np.pi * (a * x + b * y) + p) for (a, b), p in zip(waves, phases, strict=True)) / 2


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


SOURCE = Source(read, always_there, SIZE, MEAN, STD, MIRRORED, classes=2)
