"""``python -m ddkit explore``: the dashboards as a page, for a lecture hall or for oneself."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from ddkit.foundation.errors import require, whole
from ddkit.foundation.progress import say

NOTEBOOK = "10_explore.ipynb"
HOME = Path(__file__).resolve().parents[2]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_to(add) -> None:
    parser = add("explore", _explore, "serve the dashboards of lesson 10 as a page, for this machine alone")
    parser.add_argument("--ip", default=LOOPBACK[0], help="address to answer at; another than this machine's own lets "
                                                          "others run code here")
    parser.add_argument("--port", type=int, default=8866, help="port to answer at")
    parser.add_argument("--notebook", help="to serve (None: lesson 10 of the checkout)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _explore(options) -> None:
    whole(options.port, 1, "port")
    require(options.port < 65536, f"port must be at most 65535, got {options.port}")
    notebook = _notebook(options.notebook)
    require(importlib.util.find_spec("voila") is not None,
            "the dashboards are served by Voila, which is not installed: pip install -e '.[explore]'")
    say(f"{notebook.name} at http://{options.ip}:{options.port}, " + (
        "for this machine alone" if options.ip in LOOPBACK else
        "for everybody who reaches this address: whoever opens it runs code on this machine") + " (Ctrl-C ends it)")
    command = [sys.executable, "-m", "voila", notebook.name, f"--Voila.ip={options.ip}", f"--port={options.port}",
               *["--no-browser"] * options.no_browser]
    here = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))  # so that it shows this ddkit
    server = subprocess.Popen(command, cwd=notebook.parent, env=os.environ | {"PYTHONPATH": here})
    try:
        ended = server.wait()
    finally:
        server.terminate()
        server.wait()
    require(ended == 0, f"Voila ended with code {ended}: see what it says above, and try another --port")


def _notebook(asked: str | None) -> Path:
    """The notebook asked for, or lesson 10 where it lies: in the checkout, or below the working folder."""
    places = [Path(asked)] if asked else [place / "notebooks" / NOTEBOOK
                                          for place in (HOME, Path.cwd())]
    found = next((place for place in places if place.is_file()), None)
    require(found is not None, f"there is no {places[-1]}: run this in a checkout of ddkit, or name a --notebook")
    return found.resolve()
