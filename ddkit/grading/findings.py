"""What was noticed about a submission, in sentences that an instructor reads beside its marks."""

from dataclasses import asdict, dataclass
from pathlib import Path

from ddkit.foundation.files import read_json, write_json
from ddkit.foundation.schema import require_fit

LATER = "older file handed in later"  # the kind of finding that a person has to look at
_SCHEMA = {"findings": [{"kind": str, "cell": str, "words": str}], "told": dict}


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed.

    Attributes:
        kind: in one or two words that can be sorted by, such as ``duplicated cell`` or ``over time``.
        cell: the name of the exercise, check or answer that it is about; "" if it is about the whole notebook.
        words: one sentence.
    """

    kind: str
    cell: str
    words: str

    def __str__(self) -> str:
        return f"{self.cell}: {self.words}" if self.cell else self.words


def write(path: Path, findings: list[Finding], **told) -> None:
    """Keep findings, with plain data beside them."""
    write_json(path, {"findings": [asdict(finding) for finding in findings], "told": told})


def read(path: Path) -> tuple[list[Finding], dict]:
    """What ``write`` kept; nothing where there is no such file."""
    if not path.exists():
        return [], {}
    content = read_json(path)
    require_fit(content, _SCHEMA, f"{path} is not what marking writes: delete it and run that stage again")
    return [Finding(**one) for one in content["findings"]], content["told"]
