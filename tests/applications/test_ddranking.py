"""Sets that ddkit exports, given to the published package ddranking as it is; skipped where it is not installed.

Its networks take images of three colours at 32 pixels and more, so it is given coloured digits for CIFAR-10.
"""

import pytest
import torch

from ddkit import data
from ddkit.data import Dataset, transforms
from ddkit.foundation.randomness import stream
from ddkit.synthetic import SyntheticSet
from ddkit.training.rankings import Ranking, score_of
from ddkit.training.scores import Scores

pytest.importorskip("ddranking", reason="needs the package ddranking")

FULL = 90.0  # per cent: what its table of networks trained on all images is told, so that none need be


@pytest.fixture
def colours(monkeypatch) -> Dataset:
    """Digits in three channels at 32 pixels, which the package finds in the place of CIFAR-10."""
    from torchvision import datasets
    from torchvision.transforms.functional import to_pil_image

    from ddkit.data.dataset import Split

    grey = data.load("digits", size=32)
    parts = {name: Split(getattr(grey, name).images.repeat(1, 3, 1, 1), getattr(grey, name).labels)
             for name in ("train", "val", "test")}
    dataset = Dataset("digits", **parts, classes=grey.classes, mean=grey.mean * 3, std=grey.std * 3,
                      fingerprint=grey.fingerprint, strategy="crop_scale_rotate")

    class StandIn(torch.utils.data.Dataset):
        def __init__(self, root, train, download, transform):
            self.split, self.transform = dataset.train if train else dataset.test, transform
            self.pixels, self.targets = transforms.bytes_of(self.split.images, dataset), self.split.labels.tolist()

        def __len__(self):
            return len(self.targets)

        def __getitem__(self, index):
            return self.transform(to_pil_image(self.pixels[index])), self.targets[index]

    monkeypatch.setattr(datasets, "CIFAR10", StandIn)
    return dataset


TRAINED = {"dataset": "CIFAR10", "ipc": 2, "model_name": "LeNet", "num_epochs": 20, "num_eval": 1, "num_workers": 0,
           "device": "cpu", "random_data_format": "tensor"}
SOFT = {"soft_label_mode": "S", "soft_label_criterion": "sce", "loss_fn_kwargs": {"temperature": 1.0},
        "teacher_model_names": ["LeNet"]}


@pytest.fixture
def package(colours, tmp_path, monkeypatch):
    """The package in an empty folder, where it finds a teacher, and leaves its random images and tables."""
    from ddranking import metrics
    from ddranking.metrics import hard_label, soft_label
    from ddranking.utils import build_model

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(hard_label.REAL_DATA_ACC_CACHE, "CIFAR10-LeNet", FULL)
    monkeypatch.setitem(soft_label.REAL_DATA_ACC_CACHE, "CIFAR10-LeNet", FULL)
    # Version 0.2.0 cannot write its table of hard labels: one of the columns has its entries twice.
    monkeypatch.setattr(hard_label, "save_results", lambda *_: None)
    with torch.random.fork_rng(devices=[]):  # it seeds torch's own stream from the clock
        place = tmp_path / "teacher_models" / "CIFAR10" / "LeNet"
        place.mkdir(parents=True)
        torch.save(build_model("LeNet", 10, (32, 32), device="cpu").state_dict(), place / "ckpt_best.pt")
        yield metrics


def exported(dataset, soft=False) -> tuple:
    """Images and labels as other programs find them in the file of a set."""
    synthetic = SyntheticSet.begin("real", dataset, 2, stream(0, "init"))
    if soft:  # the package takes rows of labels for logits
        synthetic.learn_labels(5 * torch.eye(10)[synthetic.labels], "logits")
    synthetic.export_pt("set.pt")
    return torch.load("set.pt", weights_only=True)["data"][-1]


def test_classes_are_scored_and_their_score_is_that_of_percentages(colours, package):
    images, labels = exported(colours)
    metric = package.LabelRobustScoreHard(**TRAINED, data_aug_func="none", lr_scheduler="step", step_size=10)
    found = metric.compute_metrics(image_tensor=images, hard_labels=labels, syn_lr=0.01)
    hlr, ior = found["hard_label_recovery_mean"], found["improvement_over_random_mean"]
    shares = {"full": FULL / 100, "plain": (FULL - hlr) / 100, "chosen": (FULL - hlr) / 100,
              "at_random": (FULL - hlr - ior) / 100}
    ranking = Ranking({name: Scores(({"accuracy": value},)) for name, value in shares.items()})
    assert found["label_robust_score_mean"] == pytest.approx(score_of(0.5 * ior - 0.5 * hlr))
    assert ranking.hlr.value == pytest.approx(hlr / 100) and ranking.ior.value == pytest.approx(ior / 100)
    assert ranking.lrs.value == pytest.approx(score_of((ior - hlr) / 200))


def test_logits_are_trained_on_as_its_soft_labels(colours, package):
    """By the half of its scores that is about the set: version 0.2.0 stops at the random images beside any soft set,
    as it calls the function that draws them without one of its arguments."""
    images, labels = exported(colours, soft=True)
    robust = package.LabelRobustScoreSoft(**TRAINED, **SOFT, data_aug_func="none", lr_scheduler="step", step_size=10)
    accuracy, rate = robust._compute_soft_label_metrics_helper(image_tensor=images, image_path=None, soft_labels=labels,
                                                               lr=0.01)
    assert 0 < accuracy <= 100 and rate == 0.01
    robust = package.AugmentationRobustScore(**TRAINED, **SOFT, data_aug_func="mixup", aug_params={"lambda": 0.8},
                                             label_type="soft", lr_scheduler="cosineannealing")
    accuracy, _ = robust._compute_with_aug_metrics_helper(image_tensor=images, image_path=None, hard_labels=None,
                                                          soft_labels=labels, lr=0.01)
    assert 0 < accuracy <= 100
