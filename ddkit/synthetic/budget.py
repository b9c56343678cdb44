"""How many bytes a set takes, so that sets may be compared by what it costs to keep them."""

from ddkit.synthetic.synthetic_set import SyntheticSet

FLOAT = 4  # bytes of a number that was learned: float32


def storage(kept: SyntheticSet) -> int:
    """Bytes that a set takes: a real image has one byte for a pixel and colour, a distilled one four (float32), and so
    has every number of a soft label; a hard label has one."""
    images = kept.images.numel() * (FLOAT if kept.moved else 1)
    return images + kept.labels.numel() * (FLOAT if kept.soft else 1)


def storage_of(images: int, numbers: int, learned: bool) -> int:
    """Bytes that images take of so many pixels and colours each, with hard labels, if nothing more is known of them."""
    return images * (numbers * (FLOAT if learned else 1) + 1)
