"""What a cell states: the text of its outputs, as lines and tables, without pictures, widgets and warnings."""

import html
import re
from dataclasses import dataclass, field

_ROW, _CELL = re.compile(r"<tr\b[^<>]*>"), re.compile(r"<t[hd]\b[^<>]*>")
_TAG, _RULE = re.compile(r"<[^<>]*>"), re.compile(r"[\s|:-]+")
_WIDGET = "application/vnd.jupyter.widget-view+json"
MOST = 1_000_000  # characters that are read of an output: a lesson's longest have some thousand


@dataclass
class Stated:
    """Lines of text, and tables as rows of cells whose first row names the columns."""

    lines: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)


def printed(cell) -> str:
    """All that a cell printed on stdout."""
    return "".join(_joined(output.get("text", "")) for output in _outputs(cell)
                   if output.get("output_type") == "stream" and output.get("name") == "stdout")


def stated(cell) -> Stated:
    """What a code cell's outputs state."""
    found = Stated(printed(cell).splitlines())
    for output in _outputs(cell):
        data = output.get("data", {})
        if _WIDGET in data or any(kind.startswith("image/") for kind in data):
            continue
        if "text/markdown" in data:
            _read_markdown(_joined(data["text/markdown"]), found)
        elif "<table" in _joined(data.get("text/html", "")):
            found.tables.append(_of_html(_joined(data["text/html"])))
        else:
            found.lines += _joined(data.get("text/plain", "")).splitlines()
    return found


def failed(cell) -> str:
    """The name of the error that a cell ended in, and its first line; "" if it ended well."""
    errors = [output for output in _outputs(cell) if output.get("output_type") == "error"]
    words = f"{errors[0].get('ename')}: {_joined(errors[0].get('evalue', ''))}".splitlines()[0] if errors else ""
    return "".join(filter(str.isprintable, words[:200]))


def _outputs(cell) -> list:
    return cell.get("outputs", [])


def _joined(text: object) -> str:
    """Text as notebooks have it: whole, or in lines."""
    return ("".join(map(str, text)) if isinstance(text, list) else str(text))[:MOST]


def _read_markdown(text: str, found: Stated) -> None:
    """Tables of lines that begin with a bar; all else is lines."""
    before = False
    for line in text.splitlines():
        row = line.strip().startswith("|")
        if not row:
            found.lines.append(line)
        elif not _RULE.fullmatch(line):
            if not before:
                found.tables.append([])
            found.tables[-1].append([_plain(part) for part in line.strip().strip("|").split("|")])
        before = row
    found.tables = [table for table in found.tables if table]


def _of_html(text: str) -> list[list[str]]:
    """Rows of cells, split where they begin, so that text of any kind takes time in proportion to its length."""
    return [[_plain(html.unescape(_TAG.sub("", part))) for part in _CELL.split(row)[1:]]
            for row in _ROW.split(text)[1:]]


def _plain(text: str) -> str:
    return " ".join(text.split())
