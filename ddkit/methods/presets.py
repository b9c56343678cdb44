"""Named settings of the methods, each with what it departs from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ddkit import methods
from ddkit.foundation.errors import LARGEST, MOST, one_of, require


@dataclass(frozen=True)
class Preset:
    """Settings of a method.

    Attributes:
        values: what differs from the method's defaults.
        departures: sentences on where the setting departs from paper, code or course, and where those disagree.
        on: what is added to both on a data set, by its name.
    """

    values: dict
    departures: tuple[str, ...]
    on: Mapping[str, "Preset"] = field(default_factory=dict)


_DATM = {"learned_labels": True, "threshold": 1.0}  # and the defaults
_DATM_NOTE = ("N, M and the range of start epochs are DATM's for CIFAR-10 at 10 images per class (80, 2, 0 to 10 "
              "growing to 20): the paper has none for MNIST")
_TRAJECTORY = ("the student's learning rate is learned as its logarithm, so that it cannot become negative; the papers "
               "learn it directly",
               "the gradient is the unrolled one, computed step by step; TESLA's own leaves a term out")

PRESETS: dict[str, dict[str, Preset]] = {
    "datadam": {
        "course": Preset(
            {"power": 1, "loss_scale": 3000.0},
            ("Table 1 is read as: for each of K fresh networks, T times, zeta_S image updates, then zeta_theta network "
             "steps",
             "the last training of a network is left out, because the network is renewed right after it",
             "the table names no p: 1, as in the official code (the paper says 4)",
             "the table names no factor on the loss (the official code has 100); with eta_S 0.1 the images then hardly "
             "move, so it is 3000, chosen on validation data",
             "the network is matched with instance norm and trained by plain SGD on the synthetic set, not augmented"),
            {"mhist": Preset(
                {"networks": 200, "real_batch": 128, "network": "ConvNetD7"},
                ("of Table 1's second row: K = 200, mini-batches of 128 images of each class and, from the sheet, "
                 "ConvNet-7, which needs 128 pixels or more; its 50 images per class have to be asked for (ipc)",)),
             "mhist_like": Preset(
                {"networks": 200, "real_batch": 128, "network": "ConvNetD4"},
                ("of Table 1's second row: K = 200 and mini-batches of 128 images of each class; its 50 images per "
                 "class have to be asked for (ipc); a ConvNet-4, because the stand-in is smaller than MHIST",))},
        ),
        "paper": Preset(
            {"networks": 8000, "iterations": 1, "network_steps": 0, "image_lr": 1.0, "image_momentum": 0.5, "power": 4,
             "real_batch": 64},
            ("the paper prints p = 4, instance norm and 8,000 updates; its code has p = 1, batch norm, the loss "
             "multiplied by 100 and 20,000 updates",
             "the paper uses an image learning rate of 1, and 10 for many images per class: set image_lr for those",
             "the course's Table 1 trains each network between updates; the paper takes a fresh one for every update"),
        ),
        "official_code": Preset(
            {"networks": 20000, "iterations": 1, "network_steps": 0, "image_lr": 1.0, "image_momentum": 0.5, "power": 1,
             "real_batch": 64, "loss_scale": 100.0, "network": "ConvNetD3BN"},
            ("the code has p = 1, batch norm, the loss multiplied by 100 and 20,000 updates; the paper prints p = 4, "
             "instance norm and 8,000",
             "the code raises the image learning rate to 10 for many images per class: set image_lr for those",
             "batch norm sees each side's whole batch, all classes in one pass, as in the code"),
        ),
    },
    "trajectory": {
        "mtt": Preset(
            {"last_start": 10, "final_start": 10, "student_steps": 30, "image_lr": 1000.0},
            ("the paper has no setting for MNIST: these are of the size of its CIFAR-10 ones at 10 images per class",
             *_TRAJECTORY),
        ),
        "datm": Preset(_DATM, (_DATM_NOTE, *_TRAJECTORY)),
        "pad": Preset(
            {**_DATM, "difficulty": "el2n", "left_out": 0.5},
            (_DATM_NOTE, "the schedule of subsets is the paper's, stretched to the length of the experts' training; "
             "the difficulty is EL2N, averaged over three networks after one epoch",
             "half of the weights, the shallow ones, are left out, as for 10 images per class: set left_out to 0 for 1 "
             "and to 0.25 for 50", *_TRAJECTORY),
        ),
    },
    "kip": {
        "course": Preset(
            {"updates": 8000, "image_lr": 0.05, "label_lr": 0.01, "real_batch": 2000},
            ("the kernel is that of one hidden layer; weights have standard deviation sqrt(2), biases 0.1",
             "an update predicts 2,000 real images (the paper: 5,000), and the learning rates fall to zero over 8,000 "
             "updates, so that one processor core needs minutes",
             "real images are not augmented and pixels are only standardised; the paper tries more of both"),
        ),
    },
    "rfad": {
        "course": Preset(
            {"updates": 1500, "networks": 4, "image_lr": 0.02, "label_lr": 0.005, "real_batch": 500},
            ("an update draws 4 random networks (the paper: 8) and predicts 500 real images, and the learning rates "
             "fall to zero over 1,500 updates, so that a processor core needs minutes",
             "the networks have instance norm and torch's initial weights, as everywhere in ddkit",
             "the loss is Platt-scaled cross-entropy: set loss to mse for the paper's other one"),
        ),
    },
    "frepo": {
        "course": Preset(
            {"updates": 1500, "image_lr": 0.02, "label_lr": 0.005, "real_batch": 500, "pool": 8, "networks": 4,
             "most_steps": 50, "network_lr": 1e-3},
            ("1,500 updates by Adam with a learning rate of 0.02 that falls to zero and 500 real images in each, so "
             "that a processor core needs minutes; the paper makes many more at 3e-4",
             "an update draws 4 of 8 networks and joins their features, because those of a single narrow network say "
             "too little; the paper draws 1 of 10, which is wide",
             "the networks learn at 1e-3, on the whole set, and are renewed after 50 steps, so that many are met in "
             "few updates (the paper: 3e-4 and 100 steps)",
             "the networks have instance norm and one width in all blocks; the paper's blocks grow wider"),
        ),
    },
}


def get(method: str, preset: str, dataset: str = "") -> Preset:
    """The preset of that name, as it is on the data set.

    Raises:
        InputError: the method has none of that name.
    """
    methods.get(method)
    found = PRESETS[method][one_of(preset, PRESETS[method], f"preset of {method}")]
    more = found.on.get(dataset, Preset({}, ()))
    return Preset(found.values | more.values, found.departures + more.departures)


def configure(method: str, preset: str, changes: dict, dataset: str = ""):
    """The method's Config with the preset's values on the data set and then ``changes`` in place.

    Raises:
        InputError: a change names no knob of the method, or its value cannot work.
    """
    config = methods.get(method).Config
    values = get(method, preset, dataset).values | changes
    kinds = {f.name: f.type for f in fields(config)}
    for name in values:
        one_of(name, kinds, f"option of {method}")
    return config(**{name: _knob(name, value, kinds[name]) for name, value in values.items()})


def _knob(name: str, value: object, kind: type):
    """The value of a knob, as its kind: a whole number may be written as 1e3."""
    expected = {int: "a whole number", float: "a number, at most 1e30", bool: "true or false", str: "a name"}[kind]
    if kind is int and type(value) is float and value.is_integer():
        value = int(value)
    fits = type(value) in ((int, float) if kind is float else (kind,))
    if fits and kind in (int, float):
        fits = abs(value) < MOST if kind is int else abs(value) <= LARGEST
    require(fits, f"{name} must be {expected}, got {repr(value)[:60]}")
    return value


def departures(method: str, preset: str, dataset: str = "") -> list[str]:
    """What a preset prints when it is used on the data set."""
    return list(get(method, preset, dataset).departures)
