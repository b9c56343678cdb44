"""What the student writes: a file of LaTeX for every question, made once with the question in a box, never changed."""

from pathlib import Path

from ddkit.foundation.files import write_bytes
from ddkit.report import latex
from ddkit.report.questions import TASKS, Question

BOX = "\\todo{"  # as long as it stands in a text, the text is open
FRONT = {
    "abstract": ("Abstract", "What was done, on which data, and the two or three numbers that matter, with their "
                             "errors: in 150 words."),
    "introduction": ("Introduction", "What the report is about, and how it is laid out."),
    "conclusion": ("Conclusion", "What was found, what was not, and what you would do with another three weeks."),
    "contributions": ("Contributions and tools", "Who did what, and which tools and sources were used."),
}
_TITLE = "Dataset Distillation: a Course Project\n"
_AUTHORS = "\\IEEEauthorblockN{{{names}}}\n\\IEEEauthorblockA{{\\todoline{{course, university, e-mail}}}}\n"
_REFERENCES = r"""\bibitem{datadam} A. Sajedi et al., ``DataDAM: Efficient Dataset Distillation with Attention 
Matching,'' in \emph{Proc. IEEE/CVF Int. Conf. Computer Vision (ICCV)}, 2023.
\bibitem{pad} Z. Li et al., ``Prioritize Alignment in Dataset Distillation,'' arXiv:2408.03360, 2024.
\bibitem{dd} T. Wang, J.-Y. Zhu, A. Torralba, and A. A. Efros, ``Dataset Distillation,'' arXiv:1811.10959, 2018.
\bibitem{mtt} G. Cazenavette et al., ``Dataset Distillation by Matching Training Trajectories,'' in \emph{Proc. IEEE/CVF
Conf. Computer Vision and Pattern Recognition (CVPR)}, 2022.
\bibitem{datm} Z. Guo et al., ``Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching,'' in
\emph{Proc. Int. Conf. Learning Representations (ICLR)}, 2024.
\bibitem{kip} T. Nguyen, Z. Chen, and J. Lee, ``Dataset Meta-Learning from Kernel Ridge-Regression,'' in \emph{Proc.
Int. Conf. Learning Representations (ICLR)}, 2021.
\bibitem{mnist} Y. LeCun, L. Bottou, Y. Bengio, and P. Haffner, ``Gradient-Based Learning Applied to Document
Recognition,'' \emph{Proc. IEEE}, vol. 86, no. 11, pp. 2278--2324, 1998.
\bibitem{mhist} J. Wei et al., ``A Petri Dish for Histopathology Image Analysis,'' in \emph{Proc. Artificial
Intelligence in Medicine (AIME)}, 2021.
"""


def prepare(folder: Path, questions: dict[str, Question], maker: str = "") -> None:
    """Make the texts that are not there yet; ``maker`` is the name that the runs are signed with."""
    names = latex.escaped(maker) if maker else "\\todoline{your names}"
    first = {"title": _TITLE, "authors": _AUTHORS.format(names=names), "references": _REFERENCES}
    first |= {name: _empty(heading, asked) for name, (heading, asked) in FRONT.items()}
    first |= {one.file: _empty(f"{TASKS[one.task]}: {one.heading}", one.asked) for one in questions.values()}
    for name, text in first.items():
        path = folder / "text" / f"{name}.tex"
        if not path.exists():
            write_bytes(path, text.encode())


def _empty(heading: str, asked: str) -> str:
    return (f"% {heading}\n% Write here, and take the box away. This file is made once and is never changed again.\n"
            f"{BOX}{latex.escaped(asked)}}}\n")


def written(folder: Path, name: str) -> str | None:
    """What the student wrote into a text, or None while its box stands."""
    text = (folder / "text" / f"{name}.tex").read_text(encoding="utf-8", errors="replace")
    return None if BOX in text else text
