"""Fixtures shared by all tests."""

import os
import random
import shutil
import tempfile
from pathlib import Path

# pytest-xdist's workers share the processor, before torch counts its cores.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT") or 0):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

import ddkit  # noqa: F401 (before torch, so that its threads share the processor)

# isort: split
import numpy as np
import pytest
import torch

from ddkit import data
from ddkit.data import Dataset, Split
from ddkit.training import fitting

os.environ["DDKIT_PROFILE"] = "quick"  # the lessons, which run as tests in kernels of their own
os.environ["DDKIT_PROGRESS"] = "0"
os.environ["DDKIT_POLYPS"] = "mhist_like"
# Read before any test changes the environment, and kept for pytest-xdist's workers, which inherit it changed.
DATA = Path(os.environ.setdefault("DDKIT_REAL_DATA", os.environ.get("DDKIT_DATA") or "data"))
# Runs are every worker's own, as choices of one lesson hold for the next; data that were drawn once serve all.
FRESH = ("DDKIT_RUNS",) if "PYTEST_XDIST_WORKER" in os.environ else ("DDKIT_RUNS", "DDKIT_DATA")
# With another number than 0 every torch.Generator of the session, the tests' and ddkit's, draws other numbers: a test
# that passes for one seed only hangs on luck. ``for s in 1 2 3; do DDKIT_TEST_SEED=$s pytest tests/test_krr.py; done``
TEST_SEED = int(os.environ.get("DDKIT_TEST_SEED") or 0)


class OtherwiseSeeded(torch.Generator):
    """A generator that takes every seed for another one."""

    def manual_seed(self, seed: int) -> torch.Generator:
        return super().manual_seed((seed + 1_000_003 * TEST_SEED) % 2**63)


def pytest_configure(config) -> None:
    """Keep the lessons' runs and data apart from the user's: fresh folders for every test session."""
    config.addinivalue_line("markers", "real_seed: compares with shipped records, other processes or torch's own "
                                       "stream; skipped where DDKIT_TEST_SEED changes the draws")
    if TEST_SEED:
        torch.Generator = OtherwiseSeeded
    config.addinivalue_line("markers", "slow: takes long; skipped where DDKIT_SLOW=1 does not ask for it")
    for name in FRESH:
        os.environ[name] = tempfile.mkdtemp(prefix="ddkit-tests-")


def pytest_unconfigure() -> None:
    for name in FRESH:
        shutil.rmtree(os.environ.pop(name), ignore_errors=True)


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist nobody asks
def pytest_xdist_make_scheduler(config, log):
    """One worker takes all lessons, as a student does, so that each finds the runs of those before it."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LessonsAsOne(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "lessons" if file.endswith(".ipynb") else file

    return LessonsAsOne(config, log)


def pytest_runtest_setup(item) -> None:
    if TEST_SEED and item.get_closest_marker("real_seed"):
        pytest.skip("needs the real seeds: unset DDKIT_TEST_SEED")
    if item.get_closest_marker("slow") and os.environ.get("DDKIT_SLOW") != "1":
        pytest.skip("takes long: DDKIT_SLOW=1 asks for it")


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """scikit-learn's digits at 28 pixels."""
    return data.load("digits")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Where somebody may have put real data; never written to."""
    return DATA


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """Real MNIST, where somebody has put it; never downloaded."""
    raw = DATA / "MNIST" / "raw"
    names = [f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]
    if not all((raw / name).is_file() or (raw / f"{name}.gz").is_file() for name in names):
        pytest.skip(f"needs real MNIST under {raw.resolve()} (set DDKIT_DATA)")
    return data.load("mnist", DATA)


@pytest.fixture
def tiny() -> Dataset:
    """Three classes of 8x8 grey images, easy to tell apart: a bright third each, and noise."""
    generator = torch.Generator().manual_seed(0)

    def split(per_class: int) -> Split:
        labels = torch.arange(3).repeat(per_class)
        images = 0.3 * torch.randn(3 * per_class, 1, 8, 8, generator=generator)
        for image, label in zip(images, labels, strict=True):
            image[:, 3 * int(label) : 3 * int(label) + 2] += 2
        return Split(images, labels)

    return Dataset("tiny", split(12), split(3), split(10), ("up", "mid/dle", "down"), (0.5,), (0.25,), "f" * 64,
                   "crop_scale_rotate")


@pytest.fixture
def untouched_randomness():
    """Fails the test if the global random streams of torch, NumPy or Python have moved by its end."""

    def states():
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()

    before = states()
    yield
    assert states() == before, "a global random stream was drawn from or reseeded"


@pytest.fixture
def killed_in_epoch(monkeypatch):
    """``killed_in_epoch(n)``: training saves after every epoch and is stopped, once, in the n-th that it begins.

    Returns a list that grows with every epoch begun.
    """
    def arm(number: int) -> list:
        real, begun = fitting._epoch, []

        def killed(*arguments):
            begun.append(1)
            if len(begun) == number:
                raise KeyboardInterrupt
            return real(*arguments)

        monkeypatch.setattr(fitting, "SAVE_EVERY", -1.0)
        monkeypatch.setattr(fitting, "_epoch", killed)
        return begun

    return arm


@pytest.fixture
def only_reference(monkeypatch):
    """Nothing is made anew: what a test asks for must lie in data/reference."""
    from ddkit.runs import runner

    def missing(spec, _):
        raise AssertionError(f"data/reference lacks {spec.name}")

    monkeypatch.setattr(runner, "_make", missing)


@pytest.fixture
def one_thread():
    """Workers of joblib and Dask may have one each; with more, torch adds in another order and rounds otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
