"""Published test accuracies with where each was read; what is known from memory alone is left out.

Papers mostly train ConvNets of width 128, for other lengths, and several keep the best epoch on test data, so these
numbers stand beside a league's own to orient, not to be beaten by a tenth. Where the surveys differ from a method's own
page the page's number stands here. Surveys list sets by a nominal number of images: those of several decoded images
each (IDC, FreD, RTP) by the bytes of so many.
"""

from dataclasses import dataclass

IPCS = (1, 10, 50)  # images per class that papers have numbers for
SOURCES = {
    "L": "Lei and Tao, A Comprehensive Survey of Dataset Distillation, arXiv 2301.05603, Table 1",
    "S": "Sachdeva and McAuley, Data Distillation: A Survey, arXiv 2301.04272, Table 1",
    "R": "the README or project page of the method's repository",
}
Percents = tuple[float | None, float | None, float | None]  # by IPCS; None: none was read


@dataclass(frozen=True)
class Published:
    """What was published of a method.

    Attributes:
        source: keys of ``SOURCES``.
        mnist, fashion_mnist: in % by ``IPCS``; of the whole set the same three times.
        remark: what a reader has to know before comparing.
    """

    source: str
    mnist: Percents = (None, None, None)
    fashion_mnist: Percents = (None, None, None)
    remark: str = ""

    def at(self, dataset: str, ipc: int) -> float | None:
        """In %, if there is one."""
        known = dataset in ("mnist", "fashion_mnist") and ipc in IPCS
        return getattr(self, dataset)[IPCS.index(ipc)] if known else None

    def shown(self, dataset: str, ipc: int) -> str:
        """With its source, as ``97.4 (R)``; "" if there is none."""
        percent = self.at(dataset, ipc)
        return "" if percent is None else f"{percent:.1f} ({self.source})"


PUBLISHED = {
    "random": Published("L, S", (64.9, 95.1, 97.9), (51.4, 73.8, 82.5)),
    "herding": Published("L", (89.2, 93.7, 94.8), (67.0, 71.1, 71.9), "S has 94.9 on MNIST at 50"),
    "forgetting": Published("S", (35.5, 68.1, 88.2)),
    "DD": Published("L, S", (None, 79.5, None), remark="LeNet, with order and learning rates kept"),
    "LD": Published("L, S", (60.9, 87.3, 93.3), remark="LeNet; real images, learned labels"),
    "DC": Published("R", (91.7, 97.4, 98.8), (70.5, 82.3, 83.6), "on MNIST L has 94.7 at 10, S has 98.2 at 50"),
    "DSA": Published("R, S", (88.7, 97.8, 99.2), (70.6, 84.6, 88.7), "on FashionMNIST L has 86.6 at 10"),
    "IDC-I": Published("R", (88.9, 98.0, 98.8), (70.7, 85.3, 89.1)),
    "IDC": Published("R", (94.2, 98.4, 99.1), (81.0, 86.0, 86.2), "four decoded images in the bytes of one"),
    "DM": Published("S", (89.7, 97.5, 98.6), remark="L has 89.2, 97.3 and 94.8, from different rows"),
    "CAFE + DSA": Published("L, S", (90.8, 97.5, 98.9), (73.7, 83.0, 88.2),
                            "the surveys list it as CAFE; with DSA's augmentation"),
    "MTT": Published("L", (91.4, 97.3, 98.5), (75.1, 87.2, 88.3), "MTT's own paper has no MNIST"),
    "FreD (TM)": Published("R", (95.8, 97.6, None), (84.6, 89.1, None), "its masks are not counted"),
    "KIP → net": Published("L, S", (90.1, 97.5, 98.3), (73.5, 86.8, 88.0), "soft labels"),
    "KIP ∞-FC": Published("S", (85.5, 97.2, 98.4), remark="predicted by the kernel"),
    "KIP ∞-conv": Published("L, S", (97.3, 99.1, 99.5), remark="predicted by the kernel"),
    "RFAD → net": Published("L, S", (94.4, 98.5, 98.8), (78.6, 87.0, 88.8), "soft labels; wider networks"),
    "FRePo": Published("L, S", (93.0, 98.6, 99.2), (75.6, 86.2, 89.6), "soft labels; wider networks"),
    "RTP, no factorisation": Published("S", (95.2, 98.8, 99.2)),
    "RTP / LinBa": Published("L, S", (98.7, 99.3, 99.4), (88.5, 90.0, 91.2), "up to 176 decoded images in the bytes "
                                                                              "of one"),
    "whole set": Published("L, S", (99.6, 99.6, 99.6), (93.5, 93.5, 93.5)),
}

