"""The hand-out's augmentations, on those of ``data.augment``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ddkit.data import augment as ours
from ddkit.data.augment import Draw, Ranges
from ddkit.foundation.errors import InputError, one_of, require, whole
from ddkit.foundation.randomness import stream

MODES = ("S", "M")  # a single operation of the strategy, or all of them


@dataclass(slots=True)
class ParamDiffAug:
    """What the hand-out passes to ``DiffAugment``.

    Attributes:
        Siamese: whether all images share one draw.
        aug_mode: ``S`` draws one operation of the strategy for each call, ``M`` takes all, one after the other.
        latestseed: the seed last used, for ``set_seed_DiffAug``; -1 is none.
        prob_flip, ratio_scale, ratio_rotate, ratio_crop_pad, ratio_cutout, brightness, saturation, contrast: how far an
            operation may go, as ``augment.Ranges`` says.
        ratio_noise: standard deviation of noise, which no operation of ``DiffAugment`` adds: another is refused.
    """

    Siamese: bool = False
    aug_mode: str = "S"
    latestseed: int = -1
    prob_flip: float = 0.5
    ratio_scale: float = 1.2
    ratio_rotate: float = 15.0
    ratio_crop_pad: float = 0.125
    ratio_cutout: float = 0.5
    ratio_noise: float = 0.05
    brightness: float = 1.0
    saturation: float = 2.0
    contrast: float = 0.5

    @property
    def ranges(self) -> Ranges:
        """How far operations go, or an error if a value makes no sense."""
        require(isinstance(self.Siamese, bool), f"Siamese is True or False, got {self.Siamese!r}")
        one_of(self.aug_mode, MODES, "aug_mode")
        whole(self.latestseed, -1, "latestseed")
        require(self.ratio_noise == 0.05, "no operation of DiffAugment adds noise: leave ratio_noise out")
        for name in _RANGES:
            value = getattr(self, name)
            require(type(value) in (int, float), f"{name} is a number, got {value!r}")
        require(0 <= self.ratio_rotate <= 180, f"ratio_rotate is from 0 to 180 degrees, got {self.ratio_rotate}")
        try:
            return Ranges(**{ours: getattr(self, theirs) for theirs, ours in _RANGES.items()})
        except InputError as error:
            theirs = {ours: name for name, ours in _RANGES.items()}
            name, *rest = str(error).split(" ")
            raise InputError(" ".join([theirs.get(name, name), *rest])) from error

    @classmethod
    def of(cls, param: object) -> "ParamDiffAug":
        """The same settings from the hand-out's own object; None takes its defaults."""
        if param is None or isinstance(param, cls):
            return param or cls()
        try:
            return cls(**vars(param))
        except TypeError as error:
            raise InputError(f"param holds what DiffAugment does not know ({error}): take ParamDiffAug") from error


# The hand-out's names of ranges, and ours.
_RANGES = {"ratio_scale": "scale", "ratio_rotate": "rotate", "ratio_crop_pad": "crop", "ratio_cutout": "cutout",
           "prob_flip": "flip", "brightness": "brightness", "saturation": "saturation", "contrast": "contrast"}


def DiffAugment(x: Tensor, strategy: str = "", seed: int = -1, param: ParamDiffAug | None = None) -> Tensor:
    """Augment images [N, C, H, W] by ``strategy``, such as ``color_crop_cutout_flip_scale_rotate``, differentiably.

    Args:
        seed: from 0 on, one draw for all images of this and of every other call with that seed: siamese. -1 draws from
            torch's global generator, for each image by itself unless ``param.Siamese``.
        param: how far operations go, and how many there are; None takes the hand-out's.

    Raises:
        InputError: no such operation, or a parameter that makes no sense.
    """
    require(isinstance(x, Tensor) and x.ndim == 4 and x.shape[-1] == x.shape[-2],
            "images must be a tensor [N, C, H, W] of square images")
    given, param = param, ParamDiffAug.of(param)
    ranges, operations = param.ranges, ours.parse(strategy or "none")
    whole(seed, -1, "seed")
    siamese = seed != -1 or param.Siamese
    if seed != -1:
        if given is not None:
            given.latestseed = seed
    elif param.latestseed != -1:  # set by hand, it decides the draws, as in the hand-out
        seed = param.latestseed
        given.latestseed += 1
    else:
        seed = int(torch.randint(2**31, ()))
    if not operations:
        return x
    generator = stream(seed, "DiffAugment")
    if param.aug_mode == "S":
        operations = (operations[int(torch.randint(len(operations), (), generator=generator))],)
    for operation in operations:
        values = torch.rand(1 if siamese else len(x), 4, generator=generator)
        x = ours.apply(x, Draw(operation, values), ranges)
    return x


def set_seed_DiffAug(param: ParamDiffAug) -> None:
    """Seed torch's global generator with ``param.latestseed`` and count it up; -1 leaves all as it is."""
    if param.latestseed != -1:
        torch.random.manual_seed(param.latestseed)
        param.latestseed += 1


def _random(change: Callable[[Tensor, Tensor, Ranges], Tensor], x: Tensor, param: ParamDiffAug) -> Tensor:
    """One operation with parameters from torch's global generator: for each image, or one draw if siamese."""
    param = ParamDiffAug.of(param)
    ranges = param.ranges
    set_seed_DiffAug(param)
    values = torch.rand(1 if param.Siamese else len(x), 4, device=x.device).expand(len(x), 4)
    return change(x, values, ranges)


def _by_first(change: Callable[[Tensor, Tensor, Ranges], Tensor]) -> Callable[[Tensor, Tensor, Ranges], Tensor]:
    """An operation that takes one number an image, as one that takes a row of them."""
    return lambda x, values, ranges: change(x, values[:, 0], ranges)


def rand_scale(x: Tensor, param: ParamDiffAug) -> Tensor:
    """Stretch each side by 1 / ratio_scale to ratio_scale."""
    return _random(ours.OPERATIONS["scale"], x, param)


def rand_rotate(x: Tensor, param: ParamDiffAug) -> Tensor:
    """Rotate by up to ratio_rotate degrees to either side."""
    return _random(ours.OPERATIONS["rotate"], x, param)


def rand_flip(x: Tensor, param: ParamDiffAug) -> Tensor:
    """Mirror with probability prob_flip."""
    return _random(ours.OPERATIONS["flip"], x, param)


def rand_crop(x: Tensor, param: ParamDiffAug) -> Tensor:
    """Shift by up to ratio_crop_pad of the side."""
    return _random(ours.OPERATIONS["crop"], x, param)


def rand_cutout(x: Tensor, param: ParamDiffAug) -> Tensor:
    """Set a square of ratio_cutout of the side to zero."""
    return _random(ours.OPERATIONS["cutout"], x, param)


def rand_brightness(x: Tensor, param: ParamDiffAug) -> Tensor:
    """Change the brightness by up to half of ``brightness``."""
    return _random(_by_first(ours.brightness), x, param)


def rand_saturation(x: Tensor, param: ParamDiffAug) -> Tensor:
    """Multiply the colours by 0 to ``saturation``."""
    return _random(_by_first(ours.saturation), x, param)


def rand_contrast(x: Tensor, param: ParamDiffAug) -> Tensor:
    """Multiply the contrast by ``contrast`` to 1 + ``contrast``."""
    return _random(_by_first(ours.contrast), x, param)


def augment(images: Tensor, dc_aug_param: dict | None, device=None) -> Tensor:
    """The hand-out's older augmentation: each image by one operation of ``dc_aug_param["strategy"]``.

    ``crop`` shifts by as many pixels at most, ``scale`` stretches by 1 / (1 + scale) to 1 + scale, ``rotate`` turns by
    so many degrees at most, ``noise`` adds normal noise of that standard deviation. Torch's global generator draws.
    """
    require(dc_aug_param is None or isinstance(dc_aug_param, dict), f"dc_aug_param is a dict, got {dc_aug_param!r}")
    if dc_aug_param is None or dc_aug_param.get("strategy", "none") in ("none", "None", None):
        return images
    for name, value in dc_aug_param.items():
        one_of(name, (*OLDER, "strategy"), "part of dc_aug_param")
        require(name == "strategy" or (isinstance(value, int | float) and value >= 0),
                f"{name} of dc_aug_param must be a number from 0 on, got {value!r}")
    operations = [one_of(name, OLDER, "augmentation") for name in str(dc_aug_param["strategy"]).split("_")]
    missing = [name for name in operations if name not in dc_aug_param]
    require(not missing, f"dc_aug_param says nothing of {', '.join(missing)}: take get_daparam's, or add it")
    images = images if device is None else images.to(device)
    chosen = torch.randint(len(operations), (len(images),)).tolist()
    changed = [OLDER[operations[c]](image[None], dc_aug_param[operations[c]])
               for image, c in zip(images, chosen, strict=True)]
    return torch.cat(changed)


def _within(name: str, image: Tensor, ranges: Ranges) -> Tensor:
    return ours.OPERATIONS[name](image, torch.rand(1, 4, device=image.device), ranges)


OLDER: dict[str, Callable[[Tensor, float], Tensor]] = {
    "crop": lambda image, pixels: _within("crop", image, Ranges(crop=_share(pixels, image.shape[-1]))),
    "scale": lambda image, more: _within("scale", image, Ranges(scale=1 + more)),
    "rotate": lambda image, degrees: _within("rotate", image, Ranges(rotate=degrees)),
    "noise": lambda image, deviation: image + deviation * torch.randn_like(image),
}


def _share(pixels: float, side: int) -> float:
    if not 0 <= pixels <= side:
        raise InputError(f"crop is a number of pixels from 0 to {side}, got {pixels}")
    return pixels / side


def augmenting(args) -> Callable[[Tensor, torch.Generator], Tensor] | str:
    """What ``args`` of the hand-out's programs say of augmentation, as ``training.fit`` takes it.

    ``args.dsa`` with ``dsa_strategy`` and ``dsa_param``, else ``args.dc_aug_param``; nothing where neither is set.
    """
    dsa = getattr(args, "dsa", False)
    require(dsa in (True, False, "True", "False"), f"dsa is True or False, got {dsa!r}")
    if dsa in (True, "True"):
        param = ParamDiffAug.of(getattr(args, "dsa_param", None))
        strategy = getattr(args, "dsa_strategy", "color_crop_cutout_flip_scale_rotate")
        _ = ours.parse(strategy or "none"), param.ranges  # or an error, before anything is trained
        return lambda images, generator: _drawn(images, generator, partial(DiffAugment, strategy=strategy, param=param))
    older = getattr(args, "dc_aug_param", None)
    require(older is None or isinstance(older, dict), f"dc_aug_param is a dict, got {older!r}")
    if older and older.get("strategy", "none") not in ("none", "None", None):
        augment(torch.zeros(1, 1, 32, 32), older)  # or an error, before anything is trained
        return lambda images, generator: _drawn(images, generator, partial(augment, dc_aug_param=older))
    return "none"


def _drawn(images: Tensor, generator: torch.Generator, change: Callable[[Tensor], Tensor]) -> Tensor:
    """``change``, which draws from torch's global generator, with that seeded by ours and put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        return change(images)
