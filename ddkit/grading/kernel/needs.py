"""What a kernel with ddkit has to read of this machine: Python, its packages, ddkit, its data; and nothing beside."""

import os
import site
import sys
from collections.abc import Iterator
from pathlib import Path

import ddkit

PACKAGE = Path(ddkit.__file__).resolve().parent
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LD_LIBRARY_PATH")
"""Variables that are passed on."""


def folders() -> list[Path]:
    """Files and folders that are shown read-only, where they are, without those within others.

    Of ``sys.path`` only folders of installed packages are taken: an editable project's root may hold solutions. A home,
    or what holds it, is never shown.
    """
    packages = [path for path in map(Path, sys.path) if path.name in ("site-packages", "dist-packages")]
    found = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix), *_interpreters(), *packages, PACKAGE,
             PACKAGE.parent / "data" / "reference", *data()]
    never = (Path.home(), *Path.home().parents)
    there = sorted({path for path in found if path.exists() and path not in never})
    return [path for path in there if not any(path != other and path.is_relative_to(other) for other in there)]


def _interpreters() -> Iterator[Path]:
    """Where Python lies, and each link to it on the way, as environments and some installers make them."""
    path = Path(sys.executable)
    for _ in range(20):
        if path.parent.name == "bin":
            yield path.parents[1]
        if not path.is_symlink():
            return
        path = Path(os.path.abspath(path.parent / os.readlink(path)))


def data() -> list[Path]:
    """The folder of downloaded data, if the environment names one."""
    return [Path(os.environ["DDKIT_DATA"]).expanduser().resolve()] if os.environ.get("DDKIT_DATA") else []


def private() -> list[Path]:
    """Folders within the data that are nobody's but the instructor's: their own runs."""
    runs = [path / "runs" for path in data()]
    return [path for path in runs if path.is_dir()]


def environment(home: Path, fresh: Path, token: str) -> dict[str, str]:
    """The variables of a kernel that runs with this Python: none that this machine has for other purposes."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    here = {"PYTHONPATH": str(PACKAGE.parent), "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{kept.get('PATH', '')}"}
    if data():
        here["DDKIT_DATA"] = str(data()[0])
    told = kept | here | common(home, fresh, token)
    if site.getusersitepackages() in sys.path:
        told["PYTHONUSERBASE"] = site.getuserbase()
        del told["PYTHONNOUSERSITE"]
    return told


def common(home: Path, fresh: Path, token: str) -> dict[str, str]:
    """The variables that a kernel has anywhere.

    Args:
        home: which outlives a kernel that is started again, so no code of it may be executed at the start.
        fresh: a folder that is empty whenever a kernel starts.
    """
    return {"PYTHONNOUSERSITE": "1", "IPYTHONDIR": str(fresh / "ipython"),
            "HOME": str(home), "USER": "student", "LOGNAME": "student", "DDKIT_MARKING": token,
            "DDKIT_RUNS": str(home / "runs"), "DDKIT_PROGRESS": "0", "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore", "CUDA_VISIBLE_DEVICES": "",
            "LANG": os.environ.get("LANG", "C.UTF-8")}
