"""Code that no exercise asks for: what of it a person should look at, by the words that it uses.

This keeps nothing from happening, which is the sandbox's work, and proves nothing: who means harm finds other words. It
names attempts that came to nothing, which no mark tells of.
"""

import re
from collections.abc import Iterator

from ddkit.grading.findings import Finding

KIND = "unusual code"
_USES = {
    "other programs": r"\b(?:subprocess|multiprocessing|pty)\b|\bos\.(?:fork|system|exec\w*|\w*spawn\w*|popen)\b",
    "the network": r"\b(?:socket|urllib|requests|httpx|ftplib|smtplib)\b|\bhttp\.client\b",
    "a database": r"\bsqlite3\b|\bgradebook\b",
    "hidden tests": r"\bHIDDEN\b|\bnbgrader\b",
    "how cells run and errors show": r"\bget_ipython\(\)|\b(?:ast_transformers|set_custom_exc|input_transformers\w*)\b|"
                                     r"\bsys\.(?:stderr|stdout|excepthook|settrace|modules)\b[^=\n]*=[^=]|\batexit\b|"
                                     r"\bbuiltins\b|__builtins__",
    "ddkit's own checks": r"\bexercises\.\w+\s*=[^=]",
    "ddkit's own solutions": r"\bexercises\.lessons\b|\bexercises\s+import\b[^\n]*\blessons\b",
    "code that is made while it runs": r"(?<![.\w])(?:eval|exec|__import__)\s*\(|\bimport_module\b",
    "signals": r"\bsignal\.\w+",
    "the end of Python": r"(?m)^\s*(?:exit|quit)\(\)|\bsys\.exit\b|\bos\.(?:_exit|abort|kill)\b",
    "files of other folders": r"\.\./|\.parents?\b|\bPath\.home\b|\bexpanduser\b|"
                              r"[\"']/(?:etc|root|home|proc|sys|var)\b",
}


def unusual(notebook, lesson) -> Iterator[Finding]:
    """What the code of a submission uses that no solution of the lesson does; cells of the lesson are left out."""
    known = "\n".join(cell.source for cell in lesson.cells if cell.metadata.get("nbgrader", {}).get("solution"))
    usual = {what for what, pattern in _USES.items() if re.search(pattern, known)}
    there = {cell.source.strip() for cell in lesson.cells}
    for cell in notebook.cells:
        data = cell.metadata.get("nbgrader", {})
        if cell.cell_type != "code" or data.get("locked") or cell.source.strip() in there:
            continue
        used = [what for what, pattern in _USES.items() if what not in usual and re.search(pattern, cell.source)]
        if used:
            begins = cell.source.strip().splitlines()[0][:60]
            where = "" if data.get("grade_id") else f"the cell that begins with {begins!r}: "
            yield Finding(KIND, data.get("grade_id", ""), f"{where}it speaks of {', '.join(used)}: look at what for")
