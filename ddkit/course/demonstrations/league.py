"""Lesson 11: what each family of methods compares, what sets may be stored as, and where published tables disagree."""

from tabulate import tabulate
from torch import Tensor, cat, stack
from torch.nn.utils import parameters_to_vector

from ddkit.data import Dataset, Split
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.characteristic import characteristic_rows
from ddkit.methods.matching.datadam import attention_map
from ddkit.methods.matching.student import Batches, Student
from ddkit.networks import build_for
from ddkit.plots.story import Panel
from ddkit.synthetic import forms
from ddkit.synthetic.forms import Form
from ddkit.training.kernels import InfiniteNetwork, regression_targets, solve
from ddkit.training.planes import Plane

SHOWN = 5  # the class whose images the picture of the families is measured on
REAL = 50  # images of each class in it
NUMBERS = 18  # of a vector that are drawn
STEPS, RATE = 12, 0.05  # of training, for its trajectories
POINTS = 9  # frequencies of a characteristic function that are drawn


def panels(dataset: Dataset) -> list[Panel]:
    """The families, each measured on one random network, on images of one class or on its training on all.

    The synthetic side is a set as a distillation starts with it, one real image per class.
    """
    network = build_for(dataset, "ConvNetD3", 16, stream(0, "panels"))
    (real, classes), (synthetic, labels) = (_by_class(dataset, part) for part in (slice(REAL), slice(REAL, REAL + 1)))
    sides = real[classes == SHOWN], synthetic[labels == SHOWN]
    features = [network.features(images) for images in sides]
    embeddings = [found[-1].detach() for found in features]
    attention = [attention_map(found[0].detach(), 1).mean(0).unflatten(0, found[0].shape[2:]) for found in features]
    drawn = stream(0, "frequencies").manual_seed(0)
    points = [_characteristic(found, drawn.manual_seed(0)) for found in embeddings]
    predicted, wanted = _predictions(synthetic, labels, real, classes)
    return [
        Panel("features", "the mean features\nof a class agree", "DM, CAFE, IDM", "lines",
              *(found.mean(0)[:NUMBERS] for found in embeddings)),
        Panel("characteristic functions", "features have the same\ndistribution, frequency by frequency", "NCFM",
              "points", *points),
        Panel("attention", "networks look at\nthe same places", "DataDAM", "map", *attention),
        Panel("gradients", "a step of training would\nmove the weights alike", "DC, DSA, DCC, IDC", "lines",
              *_gradients(network, sides)),
        Panel("trajectories", "many steps of training\narrive at the same weights", "MTT, DATM, PAD", "path",
              *_paths(network, ((real, classes), (synthetic, labels)))),
        Panel("kernels", "a model with a closed form,\nfitted to the set, is right on real data",
              "KIP, RFAD, FRePo", "map", wanted, predicted, ("wanted", "predicted")),
    ]


def _by_class(dataset: Dataset, part: slice) -> tuple[Tensor, Tensor]:
    """Some training images of every class and their labels, sorted by class."""
    images = [dataset.train.of_class(c)[part] for c in range(len(dataset.classes))]
    labels = [dataset.train.labels.new_full((len(found),), c) for c, found in enumerate(images)]
    return cat(images), cat(labels)


def _characteristic(embeddings: Tensor, generator) -> Tensor:
    """The characteristic function of embeddings [n, D] at random frequencies, as points [m, 2] of the plane."""
    frequencies = embeddings.new_empty(POINTS, embeddings.shape[1]).normal_(generator=generator)
    real, imaginary = characteristic_rows(embeddings, frequencies).mean(0).chunk(2)
    return stack([real, imaginary], 1)


def _gradients(network, sides: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Some numbers of the gradient in the weights, of either side's images of one class."""
    student = Student(network)
    weights = parameters_to_vector(network.parameters()).detach()
    found = []
    for images in sides:
        labels = images.new_full((len(images),), SHOWN).long()
        batch = Batches(len(images), 0, "none", stream(0, "order"), stream(0, "augmentation"), images.device).next()
        found.append(student.gradient(weights.clone().requires_grad_(), images, labels, batch, graph=False)[:NUMBERS])
    return found


def _paths(network, sides: tuple[tuple[Tensor, Tensor], ...]) -> list[Tensor]:
    """Where training on either side leads from the same weights, [steps + 1, 2], in the plane of both ends."""
    student = Student(network)
    weights = parameters_to_vector(network.parameters()).detach()
    paths = []
    for images, labels in sides:
        every = Batches(len(images), 0, "none", stream(0, "order"), stream(0, "augmentation"), images.device)
        paths.append(student.visited(weights, images, labels, RATE, [every.next() for _ in range(STEPS)]))
    plane = Plane.through(weights, *(path[-1] for path in paths))
    return [plane.seen(path) for path in paths]


def _predictions(synthetic: Tensor, labels: Tensor, real: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Means over the real images of each class (a row) of what kernel regression on the synthetic ones predicts for
    every class (a column), and of what it should."""
    kernel, count = InfiniteNetwork.named("NTK"), int(classes.max()) + 1
    answers = kernel(real.double(), synthetic.double()) @ solve(
        kernel(synthetic.double(), synthetic.double()), regression_targets(Split(synthetic, labels), count))
    wanted = regression_targets(Split(real, classes), count)
    return tuple(stack([rows[classes == c].mean(0) for c in range(count)]) for rows in (answers, wanted))


def stored(dataset: Dataset, ipc: int = 1) -> dict[str, Form]:
    """Every form that fits the data, in the bytes of ``ipc`` float32 images per class, begun from random real images;
    pixels first, the others by the images that they decode."""
    found = {}
    for name in forms.FORMS:
        try:
            found[name] = forms.get(name).begin(forms.configure(name, {}), dataset, ipc, "real", stream(0, "forms"))
        except InputError:  # which says that the bytes are too few for it, or the images' size does not fit
            continue
    return dict(sorted(found.items(), key=lambda one: (one[0] != "pixels", one[1].size().decoded, one[0])))


def stored_table(found: dict[str, Form], style: str = "github") -> str:
    """What each form takes and gives, and how much of it is learned."""
    rows = [(name, *(f"{count:,}" for count in (size.bytes, size.shared_bytes, _numbers(form.parts), size.decoded)),
             ", ".join(form.parts)) for name, form in found.items() for size in [form.size()]]
    headers = ("form", "bytes", "shared by all classes", "numbers learned", "images", "what is learned")
    return tabulate(rows, headers, style, disable_numparse=True, colalign=("left", *("right",) * 4, "left"))


def _numbers(named: dict[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in named.values())


# Of what, in a survey, elsewhere, and a remark; accuracies in %. What letters stand for is said below the table.
ERRATA = (
    ("DC, MNIST, 10", "94.7 (L)", "97.4 (page)", ""),
    ("DC, MNIST, 50", "98.2 (S)", "98.8 (page)", ""),
    ("DSA, FashionMNIST, 10", "86.6 (L)", "84.6 (page)", "the survey's is two points higher"),
    ("DM, MNIST, 50", "94.8 (L)", "98.6 (S)", "94.8 is the row of herding in L"),
    ("IDC, CIFAR-10, 1", "50.0 (L, S)", "50.6 (page)", "four decoded images in the bytes of one"),
    ("DD, CIFAR-10", "36.8, at 50 (L, S)", "36.8, of 100 images (page)", "100 images are 10 per class"),
    ("CAFE, MNIST, 1", "90.8, as CAFE (L, S)", "90.8, of CAFE with DSA", "two methods under one name"),
)


def errata(style: str = "github") -> str:
    """Numbers that two sources give differently, as a table."""
    headers = ("method, data set, images per class", "a survey, %", "elsewhere, %", "remark")
    key = ("L: Lei and Tao, arXiv 2301.05603, Table 1. S: Sachdeva and McAuley, arXiv 2301.04272, Table 1. page: the "
           "README or project page of the method.")
    return f"{tabulate(ERRATA, headers, style, disable_numparse=True)}\n\n{key}"
