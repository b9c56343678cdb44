"""What a set cost, so that sets may be compared by it: the bytes that it takes, and the networks that met the data."""

from ddkit.foundation.schema import COUNT
from ddkit.synthetic.forms.form import FLOAT
from ddkit.synthetic.synthetic_set import SyntheticSet

SIZE = {"form": str, "bytes": COUNT, "shared_bytes": COUNT, "images": COUNT}  # the pattern of what records say of it
MET = "networks met"  # what a set's origin calls them


def storage(kept: SyntheticSet) -> int:
    """Bytes that a set takes: a real image has one byte for a pixel and colour, a distilled one four (float32), and so
    has every number of a soft label; a hard label has one. What a set owns of the training on it counts, too."""
    plain = kept.form_name == "pixels" and not kept.moved and kept.origin.get("init") not in ("noise", "imported")
    images = kept.start.numel() if plain else kept.size.bytes
    images += kept.schedule.bytes if kept.schedule else 0
    return images + kept.labels.numel() * (FLOAT if kept.soft else 1)


def described(kept: SyntheticSet) -> dict:
    """What records say of a set's size, as plain data: its form, the bytes that it takes, those of them that all
    classes share, and its images."""
    return {"form": kept.form_name, "bytes": storage(kept), "shared_bytes": kept.size.shared_bytes,
            "images": kept.size.decoded}


def networks_met(kept: SyntheticSet) -> int | None:
    """How many networks met the real images while a set was made; None where nobody counted."""
    found = kept.origin.get(MET)
    return found if isinstance(found, int) else None


def in_words(size: dict) -> str:
    """What ``described`` gave, in a line."""
    return f"{size['images']:,} images in {size['bytes']:,} bytes" + (
        f", as {size['form']}" if size["form"] != "pixels" else "")


def storage_of(images: int, numbers: int, learned: bool) -> int:
    """Bytes that images take of so many pixels and colours each, with hard labels, if nothing more is known of them."""
    return images * (numbers * (FLOAT if learned else 1) + 1)
