"""What a method is: its knobs, its named settings, and one update of a synthetic set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ddkit.data import Dataset
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knobs
from ddkit.synthetic import SyntheticSet, forms


@dataclass(frozen=True)
class Preset:
    """Settings of a method.

    Attributes:
        values: what differs from the method's defaults.
        departures: sentences on where the setting departs from paper, code or course, and where those disagree.
        on: what is added to both on a data set and on some classes of it, by its name.
        form: of the set that it is meant for, by name, and the form's options; a distillation that is not told another
            takes it. None: pixels.
    """

    values: dict
    departures: tuple[str, ...]
    on: Mapping[str, "Preset"] = field(default_factory=dict)
    form: tuple[str, Mapping[str, object]] | None = None


class Method:
    """One update of a synthetic set; the loop asks for the next.

    Attributes:
        Config: the dataclass of its knobs, ``network``, ``width`` and ``updates`` among them (or as properties). One
            that can only begin from some images lists them as ``inits``; one with a ``plan`` of experts is given their
            ``trajectories`` before ``start``, and one with a ``pretraining`` the weights of that, as ``pretrained``.
            One that ``prescribes`` gives its sets a ``schedule``, and one that ``fixes_start`` the weights in it.
        PRESETS: its named settings.
        validation: the protocol that a run's validation scores by.
        chooses_start: whether it replaces the images that it is given to begin with.
        learns_rate: whether it learns the learning rate that its set is to be trained on with.
        private: whether its set tells no more of the data than its noise lets through, so that nobody may score it on
            them while it is made.
        keeps_images: whether the images stay as they are, and only their labels are learned.
    """

    Config: ClassVar[type[Knobs]]
    PRESETS: ClassVar[dict[str, Preset]]
    validation: ClassVar[str] = "assignment"
    chooses_start: ClassVar[bool] = False
    learns_rate: ClassVar[bool] = False
    private: ClassVar[bool] = False
    keeps_images: ClassVar[bool] = False

    def __init__(self, config: Knobs):
        self.config = config

    @classmethod
    def check_form(cls, form: str) -> None:
        """Refuse a form of a set that the method cannot work with; most drive any."""
        require(not cls.keeps_images or form == "pixels", f"this method leaves the images as they are, so that of form "
                f"'{form}' nothing would be learned: leave the form at pixels")
        require(not cls.private or not forms.get(form).reads_data, f"form '{form}' looks at real images even "
                "where it begins from noise, so that a set of it is not private: choose another form")

    @classmethod
    def check_memory(cls, config: Knobs, images: int, pixels: int, weights: int) -> None:
        """Refuse what cannot fit, by the numbers of synthetic images, of pixels in each, of a network's weights."""

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng: Callable) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams."""
        raise NotImplementedError

    def update(self) -> dict[str, float]:
        """Make one update of the synthetic set; returns the named losses."""
        raise NotImplementedError

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set and the data."""
        raise NotImplementedError

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        raise NotImplementedError
