"""How large a run is: ``quick`` for tests, ``laptop`` for minutes on real images, ``full`` for the course's Table 1.

Polyps (``mhist`` and its synthetic stand-in ``mhist_like``) have sizes of their own.
"""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ddkit import methods
from ddkit.course import choices
from ddkit.data import PICTURES, data_root
from ddkit.data.sources import mhist
from ddkit.foundation.errors import InputError, meant, one_of, require
from ddkit.foundation.knobs import declared
from ddkit.methods import coresets
from ddkit.runs.spec import pairs
from ddkit.specs import Distill, Evaluate, Full, RandomReal, Source
from ddkit.synthetic import INITS

STARTS = (*INITS, *coresets.STARTS)  # what a distillation can start from


@dataclass(frozen=True)
class Profile:
    """The sizes that belong together, and the specs made with them.

    Attributes:
        name: ``quick``, ``laptop`` or ``full``.
        dataset, size: which data set the lessons use, and its side length in pixels (None: its own).
        network, width: matched and evaluated on.
        wide: width of the papers' networks, which some sets are evaluated on as well.
        ipc: images per class.
        updates, noise_updates: of the synthetic set from real images and from noise, which has further to go (None: as
            many as the preset asks for).
        options: that replace the preset's.
        trajectory_updates, trajectory_options: the same for trajectory matching, and its experts.
        trajectory_by_ipc: further options by images per class.
        lossless_ipcs: images per class among which the lossless number is sought.
        seeds: networks in each evaluation.
        standard_epochs, transfer_epochs: lengths of the standard protocol on the own and on other networks (None: its
            own 1,000).
        transfer_networks, transfer_seeds: what the sets are transferred to.
        follows: whether ``distill`` takes what was chosen by ``choose``.
        root: the folder of runs beside which choices are kept (None: that of ``runs_root``).
    """

    name: str
    dataset: str
    size: int | None = None
    network: str = "ConvNetD3"
    width: int = 128
    wide: int = 128
    ipc: int = 10
    updates: int | None = None
    noise_updates: int | None = None
    options: tuple[tuple[str, object], ...] = ()
    seeds: int = 5
    standard_epochs: int | None = None
    transfer_epochs: int | None = None
    transfer_networks: tuple[str, ...] = ("MLP", "LeNet", "AlexNet", "VGG11", "ResNet18")
    transfer_seeds: int = 5
    trajectory_updates: int | None = None
    trajectory_options: tuple[tuple[str, object], ...] = ()
    trajectory_by_ipc: tuple[tuple[int, tuple[tuple[str, object], ...]], ...] = ()
    lossless_ipcs: tuple[int, ...] = (1, 2, 5, 10, 20, 50)
    follows: bool = True
    root: str | Path | None = None

    @property
    def label(self) -> str:
        """What tables and figures are marked with."""
        size = f" at {self.size} pixels" if self.size else ""
        return f"{self.name} profile: {self.dataset}{size}, {self.network} of width {self.width}"

    @property
    def wider(self) -> "Profile":
        """The same with networks as wide as the papers'."""
        return replace(self, width=self.wide)

    def baseline(self) -> Evaluate:
        """Train on the full data under the assignment's protocol (Task 1.2a)."""
        return Evaluate(Full(self.dataset, self.size), "assignment", self.network, self.width, seeds=1)

    def distill(self, init: str = "real", options: object = (), **changes) -> Distill:
        """DataDAM from ``real`` images or ``noise`` (Task 1.2b and 1.2d), with the knobs that were chosen, if any.

        Args:
            options: knobs of the method as a dict or pairs, added to the profile's.
            changes: further knobs, as in ``lam=0.1``, and fields of ``Distill``.

        Raises:
            InputError: a knob is given twice, is none of the method's, or cannot work; or the choice is damaged.
        """
        own, knobs = _apart(changes)
        given = dict(pairs(options))
        require(not given.keys() & knobs.keys(), f"{', '.join(sorted(given.keys() & knobs))} is given twice, as an "
                                                 "option and by its name: leave one out")
        of_choice, chosen = _apart(self._chosen(init) if own.get("method", _CHOSEN) == _CHOSEN else {})
        updates = self.noise_updates if init == "noise" else self.updates
        usual = {"ipc": self.ipc, "network": self.network, "width": self.width, "updates": updates, "size": self.size}
        spec = Distill(self.dataset, init=init, options=dict(self.options) | chosen | given | knobs,
                       **usual | of_choice | own)
        if given or knobs:
            _ = spec.config  # where a knob that cannot work is told
        return spec

    def choose(self, init: str | None = None, **knobs) -> None:
        """Choose knobs of DataDAM, and ``updates``, for this profile and data set, in place of what was chosen before:
        ``distill`` takes them from now on, in every lesson. Without knobs go back to the profile's own. Tells it.

        Args:
            init: whose run it is: that from ``real`` images (None), ``noise`` or another start. Without knobs None
                takes every choice back.

        Raises:
            InputError: a knob cannot work, in its own sentence; nothing is written then.
        """
        if not knobs:
            for one in STARTS if init is None else (one_of(init, STARTS, "init"),):
                choices.forget(self.name, self.dataset, one, self.root)
            print("the profile's own run is taken" + f" from {init}" * bool(init))
            return
        init, own = init or "real", replace(self, follows=False)
        for name in knobs:
            one_of(name, _choosable(), f"option of {_CHOSEN}")
        spec = own.distill(init, **knobs)
        spec.check()
        found = {name: spec.updates if name == "updates" else getattr(spec.config, name) for name in knobs}
        choices.keep(self.name, self.dataset, init, found, self.root)
        same = ", which is the profile's own run" * (spec.name == own.distill(init).name)
        print(f"chosen from {init}: {choices.told(found)}{same}; the lessons take it ({_BACK})")

    @property
    def told(self) -> str:
        """What was chosen, and how to go back, in a line; "" where nothing was. A damaged choice is told, too."""
        try:
            found = {init: self._chosen(init) for init in STARTS}
        except InputError as error:
            return str(error)
        said = "; ".join(f"from {init}: {choices.told(knobs)}" for init, knobs in found.items() if knobs)
        return f"chosen for {self.dataset} {said} ({_BACK})" if said else ""

    def _chosen(self, init: str) -> dict[str, object]:
        if not (self.follows and init in STARTS):
            return {}
        return choices.chosen(self.name, self.dataset, init, self.root)

    def match_trajectories(self, preset: str = "pad", ipc: int | None = None, **options) -> Distill:
        """Trajectory matching (Task 2) from real images, with other options where they are given."""
        ipc = meant(ipc) or self.ipc
        chosen = dict(self.trajectory_options) | dict(dict(self.trajectory_by_ipc).get(ipc, ())) | options
        return Distill(self.dataset, "trajectory", preset, ipc, network=self.network, width=self.width,
                       updates=self.trajectory_updates, size=self.size, options=tuple(sorted(chosen.items())))

    def random(self, ipc: int | None = None) -> RandomReal:
        """As many random real images."""
        return RandomReal(self.dataset, ipc or self.ipc, self.size)

    def evaluate(self, source: Source, protocol: str) -> Evaluate:
        """Score a source under a protocol on the profile's own network (Task 1.2e)."""
        epochs = self.standard_epochs if protocol in ("standard", "learned") else None
        return Evaluate(source, protocol, self.network, self.width, self.seeds, epochs)

    def transfer(self, source: Source, network: str) -> Evaluate:
        """Score a source on another network under the standard protocol (Task 1.3)."""
        return Evaluate(source, "standard", network, self.width, self.transfer_seeds, self.transfer_epochs)


_CHOSEN = "datadam"  # the method whose knobs are chosen
_BACK = "profile.choose() goes back to the profile's own"
_FIELDS = {field.name for field in fields(Distill)}


def _apart(changes: dict[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Changes that are fields of a ``Distill``, and those that are knobs of its method."""
    return ({name: value for name, value in changes.items() if name in _FIELDS},
            {name: value for name, value in changes.items() if name not in _FIELDS})


def _choosable() -> set[str]:
    """What may be chosen: the network and its width are the profile's, which judges with them, too."""
    return {"updates", *(knob.name for knob in declared(methods.get(_CHOSEN).Config))} - {"network", "width"}


# Few experts that learn fast: at the papers' learning rate of 0.01 they would take fifty epochs.
_QUICK_TRAJECTORY = (("batch", 50), ("expert_batch", 64), ("expert_epochs", 10), ("expert_lr", 0.1), ("expert_span", 1),
                     ("experts", 2), ("final_start", 4), ("last_start", 2), ("rate", 0.05), ("student_steps", 5))
# DATM's range of start epochs and PAD's share of weights left out, for CIFAR-10; at 10 images they are the preset's.
_PAPER_TRAJECTORY = ((1, (("final_start", 4), ("last_start", 4), ("left_out", 0.0))),
                     (50, (("final_start", 40), ("last_start", 20), ("left_out", 0.25))))
# Later epochs are matched early: images matched on the first two epochs alone came out worse than their start under
# the standard protocol (on validation data), and so did those matched on the deep half of the weights alone.
_LAPTOP_TRAJECTORY = (("batch", 40), ("expansion", 200), ("expert_epochs", 8), ("expert_lr", 0.05), ("expert_span", 2),
                      ("experts", 4), ("final_start", 6), ("image_lr", 100.0), ("last_start", 3), ("left_out", 0.0),
                      ("rate", 0.05), ("student_steps", 25))
PROFILES = {
    "quick": Profile("quick", "digits", width=16, wide=16, updates=20, noise_updates=40,
                     options=(("network_steps", 5),), seeds=2, standard_epochs=50, transfer_epochs=50,
                     transfer_networks=("MLP", "LeNet"), transfer_seeds=2, trajectory_updates=20,
                     trajectory_options=_QUICK_TRAJECTORY, lossless_ipcs=(1, 2, 5)),
    "laptop": Profile("laptop", "mnist", width=32, updates=300, noise_updates=600, transfer_epochs=100,
                      trajectory_updates=700, trajectory_options=_LAPTOP_TRAJECTORY),
    "full": Profile("full", "mnist", trajectory_by_ipc=_PAPER_TRAJECTORY),
}


POLYPS = ("mhist", "mhist_like")
FOR_POLYPS = {
    "quick": {"size": 32, "updates": 10, "noise_updates": 20, "standard_epochs": 20, "transfer_epochs": 20},
    # Batch norm, which leaves how much edge an image has, where instance norm removes it: seen first in transfer
    # to such a network, then confirmed on validation data. There, too, came the weight of the embeddings: crypts lie
    # anywhere, so that the classes' mean attention maps hardly differ, and with Table 1's 0.01 little else is matched.
    "laptop": {"size": 64, "network": "ConvNetD4BN", "width": 16, "updates": 600, "noise_updates": 200,
               "options": (("lam", 1.0), ("loss_scale", 300.0), ("network_steps", 2)), "seeds": 10,
               "standard_epochs": 100, "transfer_epochs": 50, "transfer_seeds": 5,
               "transfer_networks": ("MLP", "LeNet", "ConvNetD4", "ConvNetD3BN")},
    "full": {"size": 224, "network": "ConvNetD7", "ipc": 50},
}


def profile(name: str | None = None, dataset: str | None = None) -> Profile:
    """The profile of that name (None: ``DDKIT_PROFILE``, else ``laptop``), on another data set if wanted."""
    wanted = (os.environ.get("DDKIT_PROFILE") or "laptop") if name is None else name
    found = PROFILES[one_of(wanted, PROFILES, "profile")]
    if dataset is None:
        return found
    changes = FOR_POLYPS[found.name] if dataset in POLYPS else {}
    return replace(found, dataset=one_of(dataset, PICTURES, "dataset"), **changes)


def of_polyps(name: str | None = None, dataset: str | None = None, root: str | Path | None = None) -> Profile:
    """The profile of that name for polyps.

    Args:
        dataset: one of ``POLYPS``; None takes ``DDKIT_POLYPS``, else MHIST itself if a copy lies in the data folder,
            else the synthetic ``mhist_like``.
        root: the data folder, as for ``data.load``.
    """
    wanted = dataset or os.environ.get("DDKIT_POLYPS") or ("mhist" if mhist.locate(data_root(root)) else "mhist_like")
    return profile(name, one_of(wanted, POLYPS, "polyps" if dataset else "DDKIT_POLYPS"))
