"""``python -m ddkit.grading mark``: nbgrader's formgrader in a browser, where a person marks the written answers."""

import os
import tempfile

from ddkit.grading.course import Course, require_nbgrader
from ddkit.grading.release.gradebook import nbgraders_ways

PAGE = "/formgrader/gradebook"


def add_to(add) -> None:
    command = add("mark", _mark, "mark the written answers in a browser, with the scheme beside each")
    command.add_argument("course", metavar="FOLDER", help="of the course")
    command.add_argument("--port", type=int, default=8888, help="of the page; the next free one if it is taken")


def _mark(options) -> None:
    require_nbgrader()
    course = Course.at(options.course)
    with tempfile.TemporaryDirectory(prefix="ddkit-mark-") as empty, nbgraders_ways():
        # Only what is said here: of what else is installed for Jupyter, nothing starts.
        os.environ |= {"JUPYTER_CONFIG_DIR": empty, "JUPYTER_NO_CONFIG": "1", "JUPYTER_RUNTIME_DIR": empty}
        app = _app(course, options.port)
        app.io_loop.add_callback(_tell, app)  # once it listens
        app.start()


def _tell(app) -> None:
    print(f"mark here, until you end it with Ctrl-C: {address(app)}", flush=True)


def _app(course: Course, port: int):
    """The server, ready to start."""
    from jupyter_server.serverapp import ServerApp

    from ddkit.grading.results.pages import harmless

    config = course.config()
    harmless(config)
    config.ServerApp.update({"ip": "127.0.0.1", "port": port, "open_browser": False, "root_dir": str(course.root),
                             "jpserver_extensions": {"ddkit.grading.results.server": True}, "allow_root": True,
                             "terminals_enabled": False, "default_url": PAGE, "log_level": "ERROR"})
    app = ServerApp(config=config)
    app.initialize([])
    return app


def address(app) -> str:
    """The page's address, which lets whoever knows it in."""
    return f"http://127.0.0.1:{app.port}{PAGE}?token={app.identity_provider.token}"
