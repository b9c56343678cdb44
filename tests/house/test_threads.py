"""Two programs share a processor: torch's threads are told so, unless the user said otherwise or torch came first."""

import os
import subprocess
import sys

import pytest

SAID = "import os; print(os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))"


@pytest.mark.parametrize("before, own, expected", [
    ("", {}, "1000 None"), ("", {"OMP_WAIT_POLICY": "active"}, "None active"), ("", {"GOMP_SPINCOUNT": "7"}, "7 None"),
    ("import torch", {}, "None None")])
def test_importing_ddkit_asks_for_a_short_spin(before, own, expected):
    clean = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    found = subprocess.run([sys.executable, "-c", f"{before}\nimport ddkit\n{SAID}"], env=clean | own,
                           capture_output=True, text=True, check=True)
    assert found.stdout.strip() == expected
