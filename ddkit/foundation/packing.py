"""Tensors in fewer bytes and without loss, for files that many people copy.

Each tensor becomes a row of bytes, compressed, and a description in plain data of how it comes back. Pixels of real
images are whole numbers from 0 to 255 that were normalised: they are kept as those numbers where normalising them
again gives the same bits, in smooth images as differences from the pixel to the left. Of other numbers the first bytes
of all stand together, then the second ones and so on: signs and exponents are much alike, the last digits are not.
Images may be told by how they differ from their start.
"""

import lzma
import math

import numpy as np
import torch
from torch import Tensor

from ddkit.foundation.memory import require_memory

_TYPES = {str(kind).removeprefix("torch."): kind for kind in (
    torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.uint8)}
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 0, "pb": 0}]  # single bytes, without neighbours
_MEMORY = 1 << 27  # bytes that reading may take besides the tensor


def pack(tensors: dict[str, Tensor], scale: tuple | None = None) -> tuple[dict[str, Tensor], dict[str, dict]]:
    """Compressed tensors uint8 [bytes] and, by name, how they come back; a tensor equal to one before is left out.

    Args:
        scale: mean and std of the channels, if images are among the tensors that are normalised with them.
    """
    stored, how = {}, {}
    for name, tensor in reversed(tensors.items()):  # the start of a set before its images
        twin = next((n for n in how if tensors[n].dtype == tensor.dtype and _same(tensors[n], tensor)), None)
        if twin is not None:
            how[name] = {"as": twin}
            continue
        plain, how[name] = tensor, {"type": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape)}
        if scale and (pixels := exact_pixels(tensor, *scale)) is not None:
            how[name]["scale"] = [list(part) for part in scale]
            across = pixels.diff(dim=-1, prepend=torch.zeros_like(pixels[..., :1]))  # modulo 256
            how[name]["across"] = len(_compressed(across)) < len(_compressed(pixels))
            plain = across if how[name]["across"] else pixels
        elif (base := next((n for n in stored if _alike(tensors[n], tensor)), None)) is not None:
            change = _in_order(tensor) - _in_order(tensors[base])  # modulo 2^32
            if len(_compressed(change)) < len(_compressed(tensor)):
                plain, how[name]["since"] = change, base
        stored[name] = _compressed(plain)
    return stored, how


def unpack(stored: dict[str, Tensor], how: dict[str, dict]) -> dict[str, Tensor]:
    """The tensors that ``pack`` was given, bit for bit.

    Raises:
        KeyError, TypeError, ValueError, lzma.LZMAError: these are no packed tensors.
    """
    tensors = {}
    for name, told in how.items():
        if "as" in told:
            tensors[name] = tensors[told["as"]].clone()
        elif "scale" in told:
            pixels = _expanded(stored[name], torch.uint8, told["shape"])
            pixels = pixels.cumsum(dim=-1, dtype=torch.uint8) if told["across"] else pixels
            tensors[name] = normalised(pixels, *told["scale"])
        elif "since" in told:
            change = _expanded(stored[name], torch.int32, told["shape"])
            bits = _in_order(tensors[told["since"]]) + change
            tensors[name] = _in_order(bits.view(torch.float32)).view(torch.float32)
        else:
            tensors[name] = _expanded(stored[name], _TYPES[told["type"]], told["shape"])
    return dict(reversed(tensors.items()))


def nearest_pixels(images: Tensor, mean, std) -> Tensor:
    """Normalised images [..., C, H, W] as pixels uint8 in 0..255, rounded and clipped."""
    shift, scale = (images.new_tensor(v)[:, None, None] for v in (mean, std))
    return (255 * (images.detach() * scale + shift)).round().clamp(0, 255).to(torch.uint8)


def normalised(pixels: Tensor, mean, std) -> Tensor:
    """Pixels uint8 [..., C, H, W] as normalised images float32, in the bits that ``data.load`` gives them."""
    shift, scale = (torch.tensor(v, dtype=torch.float32, device=pixels.device)[:, None, None] for v in (mean, std))
    return pixels.float().div_(255).sub_(shift).div_(scale)


def exact_pixels(images: Tensor, mean, std) -> Tensor | None:
    """The pixels uint8 of images float32 that are normalised 8-bit ones to the last bit; None if they are not."""
    if images.dtype != torch.float32 or images.ndim != 4 or images.shape[1] != len(mean):
        return None
    pixels = nearest_pixels(images, mean, std)
    return pixels if _same(normalised(pixels, mean, std), images) else None


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors of a type are the same to the last bit (0 and -0 are not)."""
    return one.shape == other.shape and _bytes(one).tobytes() == _bytes(other).tobytes()


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype == torch.float32 and one.shape == other.shape


def _in_order(numbers: Tensor) -> Tensor:
    """The bits of float32 as int32 that have the order of the numbers; of those, taken for float32, the bits again."""
    bits = numbers.detach().cpu().contiguous().view(torch.int32)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _bytes(tensor: Tensor) -> np.ndarray:
    """uint8 [numbers, bytes of each]."""
    return tensor.detach().cpu().contiguous().numpy().reshape(-1).view(np.uint8).reshape(-1, tensor.element_size())


def _compressed(tensor: Tensor) -> Tensor:
    planes = np.ascontiguousarray(_bytes(tensor).T)
    content = lzma.compress(planes, check=lzma.CHECK_NONE, filters=_FILTERS)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _expanded(stored: Tensor, kind: torch.dtype, shape: list[int]) -> Tensor:
    size = torch.empty(0, dtype=kind).element_size()
    expected = math.prod(shape) * size
    require_memory(3 * expected, f"a packed tensor {shape}")
    content = lzma.LZMADecompressor(memlimit=_MEMORY).decompress(stored.numpy().tobytes(), max(1, expected))
    if len(content) != expected:
        raise ValueError(f"{len(content)} bytes where {expected} are announced")
    planes = np.frombuffer(content, np.uint8).reshape(size, -1)
    return torch.from_numpy(planes.T.copy().reshape(-1)).view(kind).reshape(shape)
