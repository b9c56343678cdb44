"""Text, tables and figures as GitHub's Markdown, and what a student wrote in LaTeX as far as Markdown knows it."""

import re

from ddkit.report.pieces import Figure, Symbol, Table

_MARKS = {"|": r"\|", "*": r"\*", "`": r"\`", "<": "&lt;", "\\": "\\\\"}


def escaped(text: str) -> str:
    """The text with what would be marks as plain letters."""
    if isinstance(text, Symbol):
        return f"`{text}`" if text else ""
    return "".join(_MARKS.get(letter, letter) for letter in " ".join(text.split()))


def table(one: Table) -> str:
    """The table below its title, its note below it."""
    rows = [one.headers, ["---"] * len(one.headers), *one.rows]
    lines = ["| " + " | ".join(cells if cells is rows[1] else map(escaped, cells)) + " |" for cells in rows]
    return "\n".join([f"**{escaped(one.title)}**", "", *lines, *(["", escaped(one.note)] if one.note else []), ""])


def figure(one: Figure) -> str:
    """The picture, with its caption as the text for those who do not see it and below it."""
    told = escaped(one.caption)
    return f"![{told.replace('[', '(').replace(']', ')')}](figures/{one.png.name})\n\n*Figure: {told}*\n"


def code(lines) -> str:
    """Lines of Python."""
    return "\n".join(["```python", *lines, "```", ""])


# The few commands that answers are mostly written with; formulas stay as they are, which GitHub shows.
_COMMANDS = ((r"(?<!\\)%.*", ""), (r"\\(?:emph|textit)\{([^{}]*)\}", r"*\1*"), (r"\\textbf\{([^{}]*)\}", r"**\1**"),
             (r"\\texttt\{([^{}]*)\}", r"`\1`"), (r"\\(?:begin|end)\{(?:itemize|enumerate)\}", ""),
             (r"\\item\s*", "- "), (r"\\(?:sub)*section\*?\{([^{}]*)\}", r"**\1**"),
             (r"[~ ]?\\(?:cite|ref)\{([^{}]*)\}", r" [\1]"), (r"\\([%&#_$])", r"\1"), (r"``|''", '"'))


def of_latex(text: str) -> str:
    """What a student wrote, as Markdown."""
    for pattern, put in _COMMANDS:
        text = re.sub(pattern, put, text)
    return text.strip()
