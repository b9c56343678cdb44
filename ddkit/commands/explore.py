"""``python -m ddkit explore``: the dashboards as a page, for a lecture hall or for oneself."""

import errno
import importlib.util
import ipaddress
import os
import socket
import subprocess
import sys
from pathlib import Path

from ddkit.foundation.errors import InputError, require, whole
from ddkit.foundation.progress import say

NOTEBOOK = "10_explore.ipynb"
HOME = Path(__file__).resolve().parents[2]
HERE = "127.0.0.1"


def add_to(add) -> None:
    parser = add("explore", _explore, "serve the dashboards of lesson 10 as a page, for this machine alone")
    parser.add_argument("--ip", default=HERE, help="address to answer at; another than this machine's own lets "
                                                          "others run code here")
    parser.add_argument("--port", type=int, default=8866, help="port to answer at")
    parser.add_argument("--notebook", help="to serve (None: lesson 10 of the checkout)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _explore(options) -> None:
    whole(options.port, 1, "port")
    require(options.port < 65536, f"port must be at most 65535, got {options.port}")
    ip = options.ip.strip().removeprefix("[").removesuffix("]")  # as addresses of IPv6 stand in a page's address
    notebook = _notebook(options.notebook)
    require(importlib.util.find_spec("voila") is not None,
            "the dashboards are served by Voila, which is not installed: pip install -e '.[explore]'")
    alone = all(ipaddress.ip_address(one).is_loopback for one in _free(ip, options.port))
    say(f"{notebook.name} at http://{f'[{ip}]' if ':' in ip else ip}:{options.port}, " + (
        "for this machine alone" if alone else
        "for everybody who reaches this address: whoever opens it runs code on this machine") + " (Ctrl-C ends it)")
    command = [sys.executable, "-m", "voila", notebook.name, f"--Voila.ip={ip}", f"--port={options.port}",
               "--Voila.port_retries=0",  # it would take another port than the one said, if that is taken since
               *["--no-browser"] * options.no_browser]
    here = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))  # so that it shows this ddkit
    server = subprocess.Popen(command, cwd=notebook.parent, env=os.environ | {"PYTHONPATH": here})
    try:
        ended = server.wait()
    finally:
        server.terminate()
        server.wait()
    require(ended == 0, f"Voila ended with code {ended}: see what it says above, and try another --port")


def _free(ip: str, port: int) -> list[str]:
    """The addresses that a name stands for, once it is seen that one can answer at them, at that port.

    Raises:
        InputError: none of them is this machine's, or the port is taken or not to be had.
    """
    asked = f"--ip '{ip}' is no address of this machine: give {HERE}, or one of its own"
    require(ip != "", asked)
    try:
        found = socket.getaddrinfo(ip, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # no such host, or no name of one
        raise InputError(asked) from None
    refused = [_bound(family, address) for family, *_, address in found]
    require(errno.EADDRINUSE not in refused, f"port {port} at {ip} is taken: end what answers there, or give another "
                                             "--port")
    require(errno.EACCES not in refused, f"port {port} may not be answered at by you: give a --port from 1024 on")
    require(None in refused, asked)
    return [address[0].partition("%")[0] for *_, address in found]


def _bound(family: int, address: tuple) -> int | None:
    """Why one cannot answer at an address, as the system's number of the error; None where one can."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            if os.name == "posix":  # as servers do, so that one that has just ended is in nobody's way
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        return error.errno
    return None


def _notebook(asked: str | None) -> Path:
    """The notebook asked for, or lesson 10 where it lies: in the checkout, or below the working folder."""
    if asked is not None:
        require(not Path(asked).is_dir(), f"--notebook {asked} is a folder: name the .ipynb file in it")
        require(Path(asked).suffix == ".ipynb", f"--notebook {asked} is no notebook: name a file that ends in .ipynb")
    places = [Path(asked)] if asked else [place / "notebooks" / NOTEBOOK
                                          for place in (HOME, Path.cwd())]
    found = next((place for place in places if place.is_file()), None)
    require(found is not None, f"there is no {places[-1]}: run this in a checkout of ddkit, or name a --notebook")
    return found.resolve()
