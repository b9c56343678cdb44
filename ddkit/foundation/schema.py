"""What plain data read from a file must look like, written down as a pattern of its own shape."""

import math

from ddkit.foundation.errors import require

NUMBER = "a finite number"
COUNT = "a whole number that is not negative"


def fits(value: object, pattern: object) -> bool:
    """Whether plain data have the shape of a pattern.

    A pattern is a type; ``NUMBER`` or ``COUNT``; a list of one pattern, which all entries have; a dict of patterns by
    key, of which every key must be there (others may be), but for those that begin with a question mark, which older
    files lack; ``{...: pattern}`` for a dict with any keys; or a tuple of patterns, any of which will do.
    """
    if isinstance(pattern, tuple):
        return any(fits(value, one) for one in pattern)
    if isinstance(pattern, list):
        return isinstance(value, list | tuple) and all(fits(entry, pattern[0]) for entry in value)
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(_entry_fits(value, *entry) for entry in pattern.items())
    if pattern in (NUMBER, COUNT):
        plain = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return plain and (pattern == NUMBER or (isinstance(value, int) and value >= 0))
    return value is None if pattern is None else isinstance(value, pattern)


def _entry_fits(value: dict, key: object, pattern: object) -> bool:
    if key is ...:
        return all(fits(entry, pattern) for entry in value.values())
    name = key.removeprefix("?")
    return fits(value[name], pattern) if name in value else name != key


def require_fit(value: object, pattern: object, what: str) -> None:
    """Raise InputError unless the data fit; ``what`` names the file and says what to do, as ``... : delete it``."""
    require(fits(value, pattern), what)
