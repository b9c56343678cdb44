"""The course hand-out's names, a thin layer on ddkit, so that a student's own notebook keeps working.

They take what the hand-out's take and do what the hand-out's do; what they cannot do they refuse in a sentence. New
code reads better with ``ddkit.data``, ``ddkit.networks`` and ``ddkit.training``.
"""

from ddkit.utils.augmentation import (
    DiffAugment,
    ParamDiffAug,
    augment,
    rand_brightness,
    rand_contrast,
    rand_crop,
    rand_cutout,
    rand_flip,
    rand_rotate,
    rand_saturation,
    rand_scale,
    set_seed_DiffAug,
)
from ddkit.utils.matching import distance_wb, match_loss
from ddkit.utils.networks import (
    MLP,
    VGG11,
    VGG11BN,
    AlexNet,
    AlexNetBN,
    ConvNet,
    LeNet,
    ResNet18,
    ResNet18_AP,
    ResNet18BN,
    ResNet18BN_AP,
    get_default_convnet_setting,
    get_network,
)
from ddkit.utils.settings import get_daparam, get_eval_pool, get_loops, get_time
from ddkit.utils.training import TensorDataset, epoch, evaluate_synset, get_dataset

__all__ = [
    "MLP",
    "VGG11",
    "VGG11BN",
    "AlexNet",
    "AlexNetBN",
    "ConvNet",
    "DiffAugment",
    "LeNet",
    "ParamDiffAug",
    "ResNet18",
    "ResNet18BN",
    "ResNet18BN_AP",
    "ResNet18_AP",
    "TensorDataset",
    "augment",
    "distance_wb",
    "epoch",
    "evaluate_synset",
    "get_daparam",
    "get_dataset",
    "get_default_convnet_setting",
    "get_eval_pool",
    "get_loops",
    "get_network",
    "get_time",
    "match_loss",
    "rand_brightness",
    "rand_contrast",
    "rand_crop",
    "rand_cutout",
    "rand_flip",
    "rand_rotate",
    "rand_saturation",
    "rand_scale",
    "set_seed_DiffAug",
]
