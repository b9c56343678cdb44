"""The report as a whole, in LaTeX and in Markdown: a heading for every question, what belongs to it, and the text."""

from itertools import groupby
from pathlib import Path

from ddkit.foundation.files import sha256, write_bytes
from ddkit.report import latex, markdown, texts
from ddkit.report.desk import Desk
from ddkit.report.pieces import Figure, Missing, Piece, Said, Table
from ddkit.report.questions import TASKS, Question

CHECKLIST = "checklist"  # the key of what belongs to no question
_HEAD = r"""% Made by python -m ddkit report, which makes it anew each time: write in text/, which it never changes.
% pdflatex report.tex, twice. Debian: texlive-latex-extra texlive-publishers texlive-fonts-recommended.
\documentclass[conference]{IEEEtran}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{textcomp,amsmath,dblfloatfix,graphicx,booktabs,tabularx,xcolor,listings,url}
\usepackage[export]{adjustbox}
\extrafloats{200}\maxdeadcycles=1000
\setcounter{topnumber}{4}\setcounter{dbltopnumber}{4}\setcounter{totalnumber}{6}
\renewcommand{\topfraction}{.9}\renewcommand{\dbltopfraction}{.9}\renewcommand{\textfraction}{.07}
\renewcommand{\floatpagefraction}{.7}\renewcommand{\dblfloatpagefraction}{.8}
\definecolor{open}{HTML}{FFF1C9}\definecolor{line}{HTML}{B36B00}
\newcommand{\todo}[1]{\par\smallskip\noindent\fcolorbox{line}{open}{\parbox{\dimexpr\linewidth-2\fboxsep-2\fboxrule}{%
\textbf{To be written.} #1}}\par\smallskip}
\newcommand{\shipped}{\textsuperscript{\,shipped}}
\newcommand{\todoline}[1]{\colorbox{open}{#1}}
\lstset{basicstyle=\ttfamily\scriptsize,breaklines=true,breakatwhitespace=false,columns=fullflexible,
postbreak=\mbox{$\hookrightarrow$\space},aboveskip=4pt,belowskip=6pt}
\makeatletter\@dblfptop=0pt\@dblfpsep=14pt\@dblfpbot=0pt plus 1fil\makeatother
\raggedbottom
\begin{document}
\title{\input{text/title}}
\author{\input{text/authors}}
\maketitle
"""


def in_latex(desk: Desk, questions: dict[str, Question]) -> str:
    """The text of ``report.tex``, which takes tables, figures and the student's texts from their files."""
    parts = [_HEAD, _front("abstract", "\\begin{abstract}\n", "\\end{abstract}\n"),
             _front("introduction", "\\section{Introduction}\n")]
    for task, asked in _by_task(questions):
        parts.append("\\clearpage\n" * (task > 1) + f"\\section{{{latex.escaped(TASKS[task])}}}\n")
        parts += [_question(desk, one) for one in asked]
    parts += [_front("conclusion", "\\section{Conclusion}\n"),
              _front("contributions", "\\section*{Contributions and tools}\n"),
              "\\begin{thebibliography}{99}\n\\input{text/references}\n\\end{thebibliography}\n\\clearpage\n"
              "\\appendices\n\\section{Reproducibility checklist}\n",
              _laid_out([piece for piece in desk.pieces if piece.question == CHECKLIST]),
              _missing_in_latex(desk.missing, questions), "\\end{document}\n"]
    return "\n".join(parts)


def keep_edited(path: Path, text: str) -> bytes:
    """The text with its digest on its first line; a file there that was edited since is kept under another name."""
    if path.exists():
        there = path.read_bytes()
        mark, _, rest = there.partition(b"\n")
        if mark != _mark(rest):
            write_bytes(path.with_name(f"{path.stem}-edited-{sha256(there)[:8]}{path.suffix}"), there)
    return _mark(text.encode()) + b"\n" + text.encode()


def _mark(content: bytes) -> bytes:
    return f"% {sha256(content)}".encode()


def _by_task(questions: dict[str, Question]):
    return ((task, list(asked)) for task, asked in groupby(questions.values(), lambda one: one.task))


def _front(name: str, before: str, after: str = "") -> str:
    return f"{before}\\input{{text/{name}}}\n{after}"


def _question(desk: Desk, one: Question) -> str:
    pieces = [piece for piece in desk.pieces if piece.question == one.key]
    parts = [f"\\subsection*{{{latex.escaped(one.heading)}}}\n" if one.number else "",
             _laid_out(pieces), _pointer(pieces), _gaps(desk.missing, one),
             f"\\input{{text/{one.file}}}\n"]
    return "\n".join(part for part in parts if part)


def _laid_out(pieces: list[Piece]) -> str:
    """Floats first, so that they come as early as there is room, then what is said."""
    said = [latex.escaped(piece.text) + "\n" for piece in pieces if isinstance(piece, Said)]
    return "\n".join([latex.floats(piece for piece in pieces if not isinstance(piece, Said)), *said])


def _pointer(pieces: list[Piece]) -> str:
    """Where the question's tables and figures are, which float away from it."""
    tables = [f"\\ref{{tab:{piece.name}}}" for piece in pieces if isinstance(piece, Table)]
    figures = [f"\\ref{{fig:{piece.name}}}" for piece in pieces if isinstance(piece, Figure)]
    told = [f"{word}{'s' * (len(names) > 1)}~{', '.join(names)}"
            for word, names in (("Table", tables), ("Figure", figures)) if names]
    return f"The records: {'; '.join(told)}.\n" if told else ""


def _gaps(missing: list[Missing], one: Question) -> str:
    count = sum(gap.question == one.key for gap in missing)
    return (f"\\todo{{{count} run{'s' * (count > 1)} of this question {'are' if count > 1 else 'is'} missing: "
            f"Appendix~\\ref{{missing}} has the line{'s' * (count > 1)} that make{'s' * (count == 1)} "
            f"{'them' if count > 1 else 'it'}.}}\n" if count else "")


def _missing_in_latex(missing: list[Missing], questions: dict[str, Question]) -> str:
    if not missing:
        return ""
    parts = ["\\section{Runs that are missing}\\label{missing}\n", "Each is made by its line, in Python from the "
             "project's folder, after \\texttt{import ddkit}. The report itself makes no run.\n"]
    for gap in missing:
        parts.append(f"\\noindent {latex.escaped(_whose(gap, questions))}\n{latex.code([gap.how])}")
    return "\n".join(parts)


def _whose(gap: Missing, questions: dict[str, Question]) -> str:
    one = questions[gap.question]
    return f"Task {one.task}{f', {one.number}' if one.number else ''}: {gap.what}"


def in_markdown(desk: Desk, questions: dict[str, Question]) -> str:
    """The whole report as Markdown, what the student wrote among it."""
    parts = [f"# {(texts.written(desk.folder, 'title') or '').strip()}\n",
             *_front_in_markdown(desk.folder, ("abstract", "introduction"))]
    for task, asked in _by_task(questions):
        parts.append(f"## {TASKS[task]}\n")
        for one in asked:
            parts += [f"### {one.heading}\n"] if one.number else []
            parts += [_markdown_of(piece) for piece in desk.pieces if piece.question == one.key]
            gaps = [gap for gap in desk.missing if gap.question == one.key]
            parts += [f"**Missing:** {markdown.escaped(gap.what)}\n\n{markdown.code([gap.how])}" for gap in gaps]
            parts.append(_text(desk.folder, one.file, one.asked))
    parts += [*_front_in_markdown(desk.folder, ("conclusion", "contributions")), "## Reproducibility checklist\n",
              *(_markdown_of(piece) for piece in desk.pieces if piece.question == CHECKLIST)]
    return "\n".join(parts)


def _front_in_markdown(folder: Path, names: tuple[str, ...]) -> list[str]:
    return [f"## {texts.FRONT[name][0]}\n\n{_text(folder, name, texts.FRONT[name][1])}" for name in names]


def _text(folder: Path, name: str, asked: str) -> str:
    found = texts.written(folder, name)
    return f"> **To be written** (text/{name}.tex). {asked}\n" if found is None else markdown.of_latex(found) + "\n"


def _markdown_of(piece: Piece) -> str:
    if isinstance(piece, Said):
        return markdown.escaped(piece.text) + "\n"
    return markdown.figure(piece) if isinstance(piece, Figure) else markdown.table(piece)
