"""The images of a distillation between its updates, kept as the pictures that they are: 8 bits a pixel and colour."""

from pathlib import Path

import torch
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.files import read_tensors, write_tensors
from ddkit.foundation.packing import nearest_pixels, normalised
from ddkit.synthetic import SyntheticSet

_CHANGES = "changes"  # uint8 [states, N, C, H, W], modulo 256: each state less the one before, first the start


def write(path: Path, states: dict[int, Tensor], synthetic: SyntheticSet, packed: bool = False) -> None:
    """Write the images by update; those that the set has, at its start or end, are not written twice."""
    ends = {name: updates for updates, images in states.items() for name, known in _ends(synthetic).items()
            if images.cpu().equal(known)}
    between = [updates for updates in sorted(states) if updates not in ends.values()]
    pixels = [nearest_pixels(images, synthetic.mean, synthetic.std)
              for images in (synthetic.start.cpu(), *(states[updates].cpu() for updates in between))]
    write_tensors(path, {_CHANGES: torch.stack(pixels).diff(dim=0)}, {"updates": between, **ends}, packed=packed)


def read(path: Path, synthetic: SyntheticSet) -> dict[int, Tensor]:
    """The images by update, normalised; of older files, which hold them all as they were, those.

    Raises:
        InputError: the file is damaged, or not that of this set.
    """
    tensors, notes = read_tensors(path)
    if _CHANGES not in tensors:
        return {int(updates): tensors[updates] for updates in sorted(tensors, key=int)}
    changes, between, mean, std = tensors[_CHANGES], notes.get("updates"), synthetic.mean, synthetic.std
    require(isinstance(between, list) and changes.shape == (len(between), *synthetic.images.shape),
            f"{path} does not belong to the set beside it: delete the folder to make the run again")
    pixels = nearest_pixels(synthetic.start.cpu(), mean, std) + changes.cumsum(dim=0, dtype=torch.uint8)
    states = {updates: normalised(images, mean, std) for updates, images in zip(between, pixels, strict=True)}
    states |= {notes[name]: images.clone() for name, images in _ends(synthetic).items() if name in notes}
    return dict(sorted(states.items()))


def _ends(synthetic: SyntheticSet) -> dict[str, Tensor]:
    return {"start": synthetic.start.detach().cpu(), "end": synthetic.images.detach().cpu()}
