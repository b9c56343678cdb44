"""Who plays in the league: one line for each, and a new method adds its own.

The settings are for networks of width 32 and minutes of a processor core: smaller batches of real images and shorter
training of networks between updates than the papers', which the budget would not last for. What a preset departs in
from its paper is said by ``presets.departures``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ddkit.applications.league.published import PUBLISHED, Published
from ddkit.course.profiles import PROFILES
from ddkit.foundation.errors import one_of
from ddkit.methods import presets
from ddkit.specs import Distill
from ddkit.training.kernels import InfiniteNetwork

Options = Mapping[str, object]


@dataclass(frozen=True)
class Entrant:
    """A method as it plays.

    Attributes:
        title: in tables and figures.
        paper: authors and year.
        method, preset, init: as of ``Distill``.
        options: that replace the preset's.
        by_ipc: further ones by images per class.
        quick: further ones in the quick profile.
        form, form_options: what its images are made of; pixels if none is named.
        form_by_ipc: further options of the form by images per class.
        published: the row of ``PUBLISHED`` that it is compared with; "" if none was read.
    """

    title: str
    paper: str
    method: str
    preset: str = "course"
    init: str = "real"
    options: Options = field(default_factory=dict)
    by_ipc: Mapping[int, Options] = field(default_factory=dict)
    quick: Options = field(default_factory=dict)
    form: str = "pixels"
    form_options: Options = field(default_factory=dict)
    form_by_ipc: Mapping[int, Options] = field(default_factory=dict)
    published: str = ""

    def distillation(self, dataset: str, ipc: int, network: str, width: int, quick: bool = False, **more) -> Distill:
        """Its distillation; ``more`` are further fields of ``Distill``.

        Raises:
            InputError: the method or preset is unknown, or an option cannot work.
        """
        options = {**self.options, **self.by_ipc.get(ipc, {}), **(self.quick if quick else {})}
        own = presets.configure(self.method, self.preset, options, dataset).network
        if InfiniteNetwork.named(own) is None:  # else it matches on a network that cannot be trained
            more |= {"network": network, "width": width}
        of_form = {**self.form_options, **self.form_by_ipc.get(ipc, {})}
        return Distill(dataset, self.method, self.preset, ipc, self.init, options=options, form=self.form,
                       form_options=of_form, **more)

    @property
    def row(self) -> Published | None:
        """What was published of it."""
        return PUBLISHED[self.published] if self.published else None


_DC = "Zhao et al., ICLR 2021"
_DSA = "Zhao and Bilen, ICML 2021"
_DM = "Zhao and Bilen, WACV 2023"
_DATADAM = "Sajedi et al., ICCV 2023"
_IDC = "Kim et al., ICML 2022"
_NCFM = "Wang et al., CVPR 2025"
_RTP = "Deng and Russakovsky, NeurIPS 2022"
_FEW_STEPS = {"steps": 20, "step_images": 2}
_BASES = {1: {"number": 10}, 10: {"number": 64}, 50: {"number": 128}}  # as many as leave tens of images of each class
# Few real images, little training of networks and high rates. At one image per class they follow short trials on
# MNIST's validation images, some at other lengths of training, of which no record was kept; at ten those of matched
# gradients, means, attention and characteristic functions do, and of DM's frequencies and LinBa, by one network each;
# LinBa's led by the loss of real training images at one; the others are of their size, and untried. SLDD's labels move
# a tenth as fast as the preset's, with which the ordinary training on its set diverged.
_GRADIENT = {"real_batch": 32, "outer": 10, "inner": 2, "image_lr": 1.0}
_IDC_SHORT = {"real_batch": 32, "outer": 20, "inner": 1}
_IDC_RATES = {1: {"image_lr": 0.005}, 10: {"image_lr": 0.05}, 50: {"image_lr": 0.2}}
# The class term of IDM counts a hundredth of the preset's: at that, ten images per class fell behind their start.
_POOL = {"real_batch": 64, "network_steps": 1, "network_batch": 64}
_NCFM_SHORT = {**_POOL, "frequencies": 512}
_NCFM_RATES = {1: {"image_lr": 0.3}, 10: {"image_lr": 1.0}, 50: {"image_lr": 1.0}}
_LAPTOP, _QUICK = (dict(PROFILES[name].trajectory_options) for name in ("laptop", "quick"))
# Of sets that own an order of steps, which has to reach all of their images.
_OWNING = {"starts": 1, "steps": 10, "real_batch": 25, "image_lr": 0.1, "rule_lr": 0.02, "clip": "norm"}
_LONG_ORDER = {50: {"step_images": 5}}
_TWO_EXPERTS = {**_LAPTOP, "experts": 2}  # whose training takes a quarter of an hour of a core, or less
_FEW_DECODED = {"real_batch": 64, "image_lr": 10.0, "synthetic_batch": 20}

ENTRANTS: dict[str, Entrant] = {
    "datadam": Entrant("DataDAM", _DATADAM, "datadam", options={"real_batch": 64, "network_steps": 2},
                       by_ipc={10: {"image_lr": 1.0}}),
    "dc": Entrant("DC", _DC, "gradient", "dc", "noise", _GRADIENT, {10: {"image_lr": 10.0}}, published="DC"),
    "dsa": Entrant("DSA", _DSA, "gradient", "dsa", options=_GRADIENT, published="DSA"),
    "dcc": Entrant("DCC", "Lee et al., ICML 2022", "gradient", "dcc", options={**_GRADIENT, "warm_up": 3}),
    "jiang": Entrant("Jiang et al.", "Jiang et al., 2022", "gradient", "jiang", "noise",
                     {"real_batch": 32, "outer": 10, "image_lr": 0.2}, {10: {"image_lr": 2.0}}),
    "idc_i": Entrant("IDC-I", _IDC, "gradient", "idc_i", options=_IDC_SHORT, by_ipc=_IDC_RATES, published="IDC-I"),
    "idc": Entrant("IDC", _IDC, "gradient", "idc", options=_IDC_SHORT, by_ipc=_IDC_RATES, form="multi-formation",
                   published="IDC"),
    "dm": Entrant("DM", _DM, "distribution", "dm", options={"real_batch": 64, "image_lr": 10.0}, published="DM"),
    "cafe": Entrant("CAFE", "Wang et al., CVPR 2022", "distribution", "cafe", "noise",
                    {**_POOL, "network_steps": 2, "image_lr": 1.0}, published="CAFE + DSA"),
    "idm": Entrant("IDM", "Zhao et al., CVPR 2023", "distribution", "idm",
                   options={**_POOL, "pool": 10, "renewed": 20, "class_weight": 0.005, "image_lr": 2.0}),
    "ncfm": Entrant("NCFM", _NCFM, "distribution", "ncfm", options=_NCFM_SHORT, by_ipc=_NCFM_RATES),
    "ncfm_max": Entrant("NCFM, maximised", _NCFM, "distribution", "ncfm_max", options=_NCFM_SHORT,
                        by_ipc={**_NCFM_RATES, 10: {"image_lr": 0.1}}),
    "kfs": Entrant("KFS", "Lee et al., 2022", "distribution", "kfs", options=_FEW_DECODED, form="decoder"),
    "itgan": Entrant("IT-GAN, in small", "Zhao and Bilen, 2022", "distribution", "itgan", options=_FEW_DECODED,
                     form="pca"),
    "ld": Entrant("LD", "Bohdal et al., 2020", "labels", published="LD"),
    "ld_ridge": Entrant("LD, ridge", "Bohdal et al., 2020", "labels", "course_ridge"),
    "dd": Entrant("DD", "Wang et al., 2018", "unrolled", "dd", "noise",
                  {"starts": 1, "steps": 10, "real_batch": 25, "image_lr": 1.0}, by_ipc=_LONG_ORDER, published="DD"),
    "sldd": Entrant("SLDD", "Sucholutsky and Schonlau, IJCNN 2021", "unrolled", "sldd", "noise",
                    {**_OWNING, "label_lr": 0.001}, by_ipc=_LONG_ORDER),
    "gtn": Entrant("GTN, in small", "Such et al., ICML 2020", "unrolled", "gtn",
                   options={**_OWNING, "step_images": 3}, by_ipc={10: {"step_images": 4}, 50: {"step_images": 10}},
                   form="decoder"),
    "rtp": Entrant("RTP", _RTP, "unrolled", "rtp", options={**_FEW_STEPS, "image_lr": 200.0},
                   by_ipc={1: {"step_images": 1}}, published="RTP, no factorisation"),
    "linba": Entrant("LinBa", _RTP, "unrolled", "linba_course",
                     options={"steps": 10, "step_images": 4, "image_lr": 0.1, "clip": "norm"},
                     by_ipc={10: {"steps": 20, "image_lr": 0.02}}, form="bases", form_by_ipc=_BASES,
                     published="RTP / LinBa"),
    "rat": Entrant("RaT-BPTT", "Feng et al., ICLR 2024", "unrolled", "rat",
                   options={"steps": 60, "window": 20, "real_batch": 64, "image_lr": 0.1}),
    "mtt": Entrant("MTT / TESLA", "Cazenavette et al., CVPR 2022", "trajectory", "mtt", options=_TWO_EXPERTS,
                   quick=_QUICK, published="MTT"),
    "pad": Entrant("PAD", "Li et al., 2024", "trajectory", "pad", options=_LAPTOP, quick=_QUICK),
    "ftd": Entrant("FTD", "Du et al., CVPR 2023", "trajectory", "ftd", options={**_TWO_EXPERTS, "average": 0.99},
                   quick=_QUICK),
    "haba": Entrant("HaBa", "Liu et al., NeurIPS 2022", "trajectory", "haba",
                    options={**_TWO_EXPERTS, "image_lr": 10.0}, quick=_QUICK, form="hallucinators"),
    "kip": Entrant("KIP", "Nguyen et al., ICLR 2021", "kip", quick={"real_batch": 200}, published="KIP → net"),
    "rfad": Entrant("RFAD", "Loo et al., NeurIPS 2022", "rfad", quick={"networks": 2, "real_batch": 100},
                    published="RFAD → net"),
    "frepo": Entrant("FRePo", "Zhou et al., NeurIPS 2022", "frepo",
                     quick={"networks": 1, "pool": 2, "real_batch": 100}, published="FRePo"),
    "psg": Entrant("PSG, epsilon 10", "Chen et al., NeurIPS 2022", "private", init="noise",
                   options={"epsilon": 10.0}, quick={"real_batch": 100, "inner": 1}),
}

# The same method on other images in as many bytes: the form, its options by images per class, and whose it is.
FORMED = ("dm", "dsa", "datadam")
FORMS = {
    "multi-formation": ({}, "Kim et al., ICML 2022"),
    "bases": (_BASES, _RTP),
    "frequencies": ({}, "Shin et al., NeurIPS 2023"),
}


# Sheets are kept between black and white, where the high rates of pixels drive every one of theirs. These led in short
# trials on MNIST's validation images, at one image per class and, of DM, DataDAM, NCFM and RFAD, at ten.
_FORM_RATES = {
    ("dm", "multi-formation"): ({"image_lr": 0.2}, {10: {"image_lr": 1.0}}),
    ("dsa", "multi-formation"): ({"image_lr": 0.1}, {}),
    ("datadam", "multi-formation"): ({"image_lr": 0.01}, {10: {"image_lr": 0.1}}),
    ("ncfm", "multi-formation"): ({}, {1: {"image_lr": 0.05}, 10: {"image_lr": 0.5}, 50: {"image_lr": 0.5}}),
    ("rfad", "multi-formation"): ({}, {10: {"image_lr": 0.005}}),
}


def _formed(base: str, form: str) -> Entrant:
    """An entrant on other images than pixels."""
    who, (numbers, whose) = ENTRANTS[base], FORMS[form]
    options, by_ipc = _FORM_RATES.get((base, form), ({}, who.by_ipc))
    return replace(who, title=f"{who.title}, {form}", paper=f"form: {whose}", options={**who.options, **options},
                   by_ipc=by_ipc, form=form, form_by_ipc=numbers, published="")


# NCFM's code decodes four images out of the bytes of one, too; RFAD leads those of pixels at ten images per class.
_ALSO_FORMED = [("ncfm", "multi-formation"), ("rfad", "multi-formation")]
ENTRANTS |= {f"{base}-{form}": _formed(base, form)
             for base, form in [*((base, form) for base in FORMED for form in FORMS), *_ALSO_FORMED]}


def entrant(name: str) -> Entrant:
    """The entrant of that name.

    Raises:
        InputError: there is none.
    """
    return ENTRANTS[one_of(name, ENTRANTS, "entrant")]
