"""Small forms in float64, whose derivatives are compared with numbers, and budgets of known data sets."""

import torch

from ddkit.synthetic.forms import FORMS, Canvas, Form, configure, get

OPTIONS = {"bases": {"number": 3}, "frequencies": {"kept": 9}, "hallucinators": {"number": 2, "shrink": 2},
           "decoder": {"number": 2, "stages": 2, "width": 2, "fit_steps": 3}, "pca": {"components": 4}}
NAMES = sorted(FORMS)
MNIST = Canvas(10, (1, 28, 28), (0.1307,), (0.3081,))
CIFAR = Canvas(10, (3, 32, 32), (0.49, 0.48, 0.45), (0.2, 0.2, 0.2))
SMALL = Canvas(2, (2, 8, 4), (0.3, 0.4), (0.2, 0.25))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=dtype)


def at(name: str, images: torch.Tensor, canvas: Canvas = SMALL, ipc: int = 0, **options) -> Form:
    """The form of images [classes * n, C, H, W], sorted by class, whatever it takes where no budget ``ipc`` is told."""
    return get(name).at(configure(name, options), canvas, ipc or len(images) // canvas.classes, images, seeded())


def learned(form: Form, dtype: torch.dtype = torch.float64) -> Form:
    """The form with parts of that type, which gather gradients."""
    form.parts = {name: part.to(dtype).requires_grad_(True) for name, part in form.parts.items()}
    form.fixed = {name: part.to(dtype) if part.is_floating_point() else part for name, part in form.fixed.items()}
    return form


def small(name: str) -> Form:
    """Two classes of four images 8 x 4 with two channels, float64, to be learned."""
    return learned(at(name, noise(8, *SMALL.shape), **OPTIONS.get(name, {})))


def counted(name: str, canvas: Canvas, ipc: int, **options) -> int:
    """Images per class of a budget."""
    return get(name).count(configure(name, options), canvas, ipc)


def descended(form: Form, slopes: list[torch.Tensor], rate: float) -> torch.Tensor:
    """The images after plain gradient steps, one for each slope in them."""
    for slope in slopes:
        for part in form.parts.values():
            part.grad = None
        form.pull(slope.clone())
        with torch.no_grad():
            for name, step in form.rates(rate).items():
                form.parts[name] -= step * form.parts[name].grad
            form.constrain()
    return form.decode().detach()
