"""Outputs cut while they arrive, so that no cell fills the memory or the disk of whoever marks it.

Output on stderr and errors decide marks, so they are shortened, but never dropped.
"""

from ddkit.grading.kernel.watch import Limits

CUT = "\n... cut: too much output ...\n"
ERROR = 20_000  # letters of an error that are kept
KINDS = ("stream", "display_data", "execute_result", "update_display_data", "error")


class Cutter:
    """What one cell still may print and show.

    Attributes:
        cut: whether something was.
    """

    def __init__(self, limits: Limits):
        self.room = {"stdout": limits.text * 1024, "stderr": limits.text * 1024, "shown": limits.output * 1024}
        self.cut = False

    def passes(self, kind: str, content: dict) -> bool:
        """Whether a message is to be kept; shortens its content in place."""
        if kind == "error":
            content.update(_error(content))
            return True
        if kind == "stream":
            return self._stream(content)
        data = content.get("data")
        if not isinstance(data, dict) or not isinstance(content.get("metadata", {}), dict):
            return False
        content["data"] = {str(name): clean(value) for name, value in data.items()}
        return self._takes("shown", sum(_size(value) for value in data.values()))

    def _stream(self, content: dict) -> bool:
        name = "stderr" if content.get("name") == "stderr" else "stdout"
        text = clean(str(content.get("text", "")))
        before = self.room[name]
        fits = self._takes(name, len(text))
        content.update(name=name, text=text if fits else text[:max(before, 0)] + CUT)
        return fits or before > 0

    def _takes(self, name: str, size: int) -> bool:
        self.room[name] -= size
        self.cut |= self.room[name] < 0
        return self.room[name] >= 0


def _error(content: dict) -> dict:
    """An error of a length that a page can show."""
    lines = content.get("traceback")
    text = "\n".join(map(str, lines)) if isinstance(lines, list) else str(lines)
    short = [text] if len(text) <= ERROR else [text[:ERROR // 2] + CUT + text[-ERROR // 2:]]
    return {"ename": clean(str(content.get("ename")))[:200], "evalue": clean(str(content.get("evalue")))[:ERROR],
            "traceback": clean(short)}


def clean(value: object) -> object:
    """Text that can be written as UTF-8, also within lists and dicts."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [clean(one) for one in value]
    if isinstance(value, dict):
        return {str(name): clean(one) for name, one in value.items()}
    return value


def _size(value: object) -> int:
    return len(value) if isinstance(value, str) else len(str(value))
