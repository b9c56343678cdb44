"""The hand-out's tables of settings."""

import time

from ddkit.foundation.errors import require

LOOPS = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10)}
POOLS = {
    "M": ["MLP", "ConvNet", "LeNet", "AlexNet", "VGG11", "ResNet18"],
    "B": ["ConvNetBN", "ConvNetASwishBN", "AlexNetBN", "VGG11BN", "ResNet18BN"],
    "W": ["ConvNetW32", "ConvNetW64", "ConvNetW128", "ConvNetW256"],
    "D": ["ConvNetD1", "ConvNetD2", "ConvNetD3", "ConvNetD4"],
    "A": ["ConvNetAS", "ConvNetAR", "ConvNetAL", "ConvNetASwish"],
    "P": ["ConvNetNP", "ConvNetMP", "ConvNetAP"],
    "N": ["ConvNetNN", "ConvNetBN", "ConvNetLN", "ConvNetIN", "ConvNetGN"],
}


def get_loops(ipc: int) -> tuple[int, int]:
    """Outer and inner loops of gradient matching for so many images per class."""
    require(ipc in LOOPS, f"the hand-out has loops for {', '.join(map(str, LOOPS))} images per class, got {ipc}")
    return LOOPS[ipc]


def get_eval_pool(eval_mode: str, model: str, model_eval: str) -> list[str]:
    """Networks to evaluate on: ``M`` architectures, ``B`` batch norm, ``W`` widths, ``D`` depths, ``A`` activations,
    ``P`` poolings, ``N`` norms, ``S`` the training's own without batch norm, ``SS`` exactly its own; ``model_eval`` for
    any other mode."""
    if eval_mode in POOLS:
        return list(POOLS[eval_mode])
    if eval_mode in ("S", "SS"):
        return [model.replace("BN", "") if eval_mode == "S" else model]
    return [model_eval]


def get_daparam(dataset: str, model: str, model_eval: str, ipc: int) -> dict:
    """The older augmentation (see ``augment``) that the hand-out evaluates with: only on MNIST and for batch norm."""
    strategy = "crop_scale_rotate" if dataset == "MNIST" else "none"
    if model_eval == "ConvNetBN":
        strategy = "crop_noise"
    return {"crop": 4, "scale": 0.2, "rotate": 45, "noise": 0.001, "strategy": strategy}


def get_time() -> str:
    """Now, as ``[2026-01-31 23:59:59]``."""
    return time.strftime("[%Y-%m-%d %H:%M:%S]")
