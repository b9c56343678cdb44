"""Servers of notebooks and a browser; without Chromium, Playwright or a server these tests skip and say why.

Every page is a notebook of one cell that shows one dashboard (``pages.py``). Screenshots go to ``DDKIT_SCREENSHOTS``,
else to the tests' temporary folder.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from .pages import PAGES, make_runs

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = 120  # seconds that a loaded machine is given
FONTS = re.compile(r"https://cdn\.jsdelivr\.net/.*")  # of icons, which Voila's page asks a network for
NOT_OURS = "favicon|/lsp/status"  # what servers miss of their own
# Of a resource, which is told above with its address; of extensions for JupyterLab alone, which Voila loads, too.
NOT_TOLD = "Failed to load resource|The getter for the shared module"
COMMANDS = {
    "voila": ["-m", "voila", ".", "--no-browser", "--port={port}", "--Voila.ip=127.0.0.1", "--show_tracebacks=True"],
    "jupyterlab": ["-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port={port}",
                   "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.password=",
                   "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
                   "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> Path:
    """A folder of a few small runs, which the pages show."""
    folder = tmp_path_factory.mktemp("runs")
    make_runs(folder)
    return folder


class Served:
    """A server of the pages.

    Attributes:
        kind, address: which, and where it answers.
        runs: the folder of runs that its kernels see.
    """

    def __init__(self, kind: str, folder: Path, runs: Path):
        self.kind, self.runs, self._log = kind, runs, folder / "server.log"
        pages = folder / "pages"
        pages.mkdir()
        for name, code in PAGES.items():
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
            notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(notebook, pages / f"{name}.ipynb")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        own = {f"JUPYTER_{what}_DIR": str(folder / what.lower()) for what in ("CONFIG", "DATA", "RUNTIME")}
        environment = os.environ | own | {"DDKIT_RUNS": str(runs), "PYTHONPATH": str(REPOSITORY),
                                          "IPYTHONDIR": str(folder / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        with self._log.open("w") as log:
            self._process = subprocess.Popen([sys.executable, *(word.format(port=port) for word in COMMANDS[kind])],
                                             stdout=log, stderr=subprocess.STDOUT, cwd=pages, env=environment,
                                             start_new_session=True)
        try:
            self._wait()
        except BaseException:
            self.end()
            raise

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended: {self._log.read_text()[-2000:]}")
            try:
                urllib.request.urlopen(f"{self.address}/api/status", timeout=10)
                return
            except urllib.error.HTTPError:
                return  # an answer all the same
            except OSError:
                time.sleep(0.2)
        raise RuntimeError("the server did not answer")

    @property
    def errors(self) -> list[str]:
        """What the server's log tells of errors, but for answers to a page that a test has left by then."""
        bad, left = re.compile(r"\bERROR\b|\bCRITICAL\b|Traceback|\[E "), re.compile("WebSocketClosed|StreamClosed")
        told = re.split(r"\n(?=\[|Task exception)", self._log.read_text())
        return [part for part in told if bad.search(part) and not left.search(part)]

    def end(self) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, how)
                self._process.wait(20)
                return
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                return


def _served(kind: str, tmp_path_factory, runs: Path):
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"needs {kind}: pip install -e '.[browser]'")
    server = Served(kind, tmp_path_factory.mktemp(kind), runs)
    yield server
    server.end()


@pytest.fixture(scope="session")
def voila(tmp_path_factory, runs):
    yield from _served("voila", tmp_path_factory, runs)


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory, runs):
    yield from _served("jupyterlab", tmp_path_factory, runs)


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install -e '.[browser]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if not chromium:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page whose ``problems`` are what its console, and its requests, complain of."""
    context = browser.new_context(viewport={"width": 1100, "height": 1400})
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    page.route(FONTS, lambda route: route.fulfill(status=200, content_type="text/css", body=""))
    page.problems = problems = []
    page.on("pageerror", lambda error: problems.append(f"page: {error}"))
    page.on("console", lambda told: problems.append(f"console: {told.text}")
            if told.type == "error" and not re.search(NOT_TOLD, told.text) else None)
    page.on("response", lambda got: problems.append(f"{got.status}: {got.url}")
            if got.status >= 400 and not re.search(NOT_OURS, got.url) else None)
    yield page
    context.close()


@pytest.fixture
def screenshot(tmp_path, request):
    """``screenshot(page, name)``: the whole page as a picture, an artefact of the tests."""
    folder = Path(os.environ.get("DDKIT_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=folder / f"{name}.png", full_page=True)
