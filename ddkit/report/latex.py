"""Text, tables and figures as LaTeX, for pdflatex and a page of two columns."""

import re
from collections.abc import Iterable, Sequence

from ddkit.report.pieces import SHIPPED, Figure, Symbol, Table

_APART = "\u200b"  # between two hyphens, as before a flag, which would join into a dash
# Special characters, and those beyond Latin letters that pdflatex knows by a command only.
_COMMANDS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "·": r"$\cdot$", "√": r"$\surd$", "≤": r"$\leq$", "≥": r"$\geq$",
    "→": r"$\rightarrow$", "∞": r"$\infty$", "‖": r"$\|$", "²": "$^2$", "₁": "$_1$", "₂": "$_2$", "τ": r"$\tau$",
    _APART: "{}", "η": r"$\eta$", "ζ": r"$\zeta$", "θ": r"$\theta$", "λ": r"$\lambda$", "α": r"$\alpha$",
    "ρ": r"$\rho$",
    "–": "--", "—": "---", "…": r"\ldots{}", "’": "'", "‘": "`", "“": "``", "”": "''", "\u00a0": "~",
}
_LATIN = 0x180  # code points below, of Latin letters, are typeset as they are
_GREEK = ("eta", "zeta", "theta", "lambda", "alpha", "beta", "rho", "sigma", "tau")
_PAGE, _COLUMN, _GAP = 7.1, 3.4, 0.2  # inches: IEEEtran's page, a column of it, and what lies between two floats
_LETTER, _BETWEEN = 0.05, 0.166  # inches that a letter of a table takes, and the gap between two columns
_SQUEEZED = 1.15  # of a column: what is no wider is made to fit
_SCALE = {True: 0.54, False: 0.66}  # of figures of images and of charts, whose letters are then 6 points high
_STRIP = 2.2  # times as wide as high: images in a strip take the page

def escaped(text: str) -> str:
    """The text as LaTeX typesets it letter by letter; letters of other scripts become their code point."""
    if isinstance(text, Symbol):
        return _mathematics(text)
    on_one_line = re.sub(r"[\t\r\n\v\f]+", " ", text)
    return "".join(map(_typeset, re.sub(r"-(?=-)", f"-{_APART}", on_one_line)))


def _typeset(letter: str) -> str:
    if letter in _COMMANDS:
        return _COMMANDS[letter]
    return letter if letter.isprintable() and ord(letter) < _LATIN else f"[U+{ord(letter):04X}]"


def _mathematics(symbol: str) -> str:
    if not symbol:
        return ""
    head, above, below = re.fullmatch(r"([^_+-]*)([+-]?)_?(.*)", symbol, re.DOTALL).groups()
    head, below = (f"\\{part}" if part in _GREEK else escaped(part) for part in (head, below))
    return f"${head}" + f"^{{{above}}}" * bool(above) + f"_{{{below}}}" * bool(below) + "$"


def table(one: Table) -> str:
    """What stands in a float: title, label, the rows between booktabs' rules, the note."""
    sides = [_side(column) for column in zip(*one.rows, strict=True)] if one.rows else ["l"] * len(one.headers)
    rows = [_row(map(_bold, one.headers)), r"\midrule", *(_row(map(_cell, row)) for row in one.rows)]
    body = "\n".join([r"\toprule", *rows, r"\bottomrule"])
    if one.wraps:
        sides[-1] = r">{\raggedright\arraybackslash}X"
        inner = f"\\begin{{tabularx}}{{\\linewidth}}{{@{{}}{''.join(sides)}@{{}}}}\n{body}\n\\end{{tabularx}}"
    else:
        inner = (f"\\begin{{adjustbox}}{{max width=\\linewidth}}\n\\begin{{tabular}}{{@{{}}{''.join(sides)}@{{}}}}\n"
                 f"{body}\n\\end{{tabular}}\n\\end{{adjustbox}}")
    note = f"\n\n\\smallskip\n\\parbox{{\\linewidth}}{{\\scriptsize {escaped(one.note)}}}" if one.note else ""
    return (f"\\caption{{{escaped(one.title)}}}\n\\label{{tab:{one.name}}}\n\\centering\\footnotesize\n{inner}{note}\n")


def _cell(text: str) -> str:
    """A cell, with a small mark behind a number that was shipped."""
    return escaped(text).replace(SHIPPED, r"\shipped{}")


def _bold(text: str) -> str:
    return f"\\textbf{{{escaped(text)}}}"


def _row(cells) -> str:
    return " & ".join(cells) + r" \\"


def _side(column: Sequence[str]) -> str:
    """Numbers stand to the right, words to the left."""
    return "r" if all(re.match(r"[-+−]?[\d,.]+$|^$|^–$", cell) for cell in column) else "l"


def figure(one: Figure) -> str:
    """What stands in a float: the picture, caption and label."""
    size = f"width={width(one):.2f}in,max width=\\linewidth,max height=0.42\\textheight,keepaspectratio"
    return (f"\\centering\n\\includegraphics[{size}]{{figures/{one.pdf.name}}}\n\\caption{{{escaped(one.caption)}}}\n"
            f"\\label{{fig:{one.name}}}\n")


def width(one: Table | Figure) -> float:
    """Inches that it should have, at the most those of the page."""
    if isinstance(one, Figure):
        across, down = one.size
        scaled = across if one.images and across > _STRIP * down else _SCALE[one.images] * across
        return min(max(scaled, min(across, _COLUMN)), _PAGE)
    cells = [[text.replace(SHIPPED, "****") for text in row] for row in (one.headers, *one.rows)]  # a mark is small
    columns = [max(map(len, column)) for column in zip(*cells, strict=True)]
    across = _LETTER * sum(columns) + _BETWEEN * (len(columns) - 1)
    return _PAGE if one.wraps else min(across, _PAGE)


def floats(pieces: Iterable[Table | Figure]) -> str:
    """The pieces in floats as wide as the page, beside each other where they fit: tables, then figures."""
    pieces, found = list(pieces), []
    for kind, name in ((Table, "table*"), (Figure, "figure*")):
        for row in _rows([piece for piece in pieces if isinstance(piece, kind)]):
            boxes = "\\hfill\n".join(map(_boxed, row))
            found.append(f"\\begin{{{name}}}[!t]\n\\centering\n{boxes}\\end{{{name}}}\n")
    return "\n".join(found)


def _rows(pieces: list) -> list[list]:
    """Neighbours that fit beside each other; what hardly exceeds a column is made to fit one."""
    rows, left = [], 0.0
    for piece in pieces:
        needed = _box(piece)
        if needed + _GAP > left:
            rows, left = [*rows, []], _PAGE + _GAP
        rows[-1].append(piece)
        left -= needed + _GAP
    return rows


def _box(piece: Table | Figure) -> float:
    """Inches of the box around it, at the least a column's."""
    return _COLUMN if width(piece) <= _SQUEEZED * _COLUMN else width(piece)


def _boxed(one: Table | Figure) -> str:
    inner = figure(one) if isinstance(one, Figure) else f"\\input{{tables/{one.name}}}\n"
    return (f"\\begin{{minipage}}[t]{{{_box(one):.2f}in}}\\vspace{{0pt}}\n{inner}\\end{{minipage}}\n")


def code(lines: Sequence[str]) -> str:
    """Lines of Python as they are, broken where the column ends."""
    return "\n".join([r"\begin{lstlisting}", *(line.encode("ascii", "backslashreplace").decode() for line in lines),
                      r"\end{lstlisting}", ""])
