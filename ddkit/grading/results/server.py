"""A Jupyter server on which nothing but marking can be done: nbgrader's formgrader, and no kernels, files or terminals.

Pages of strangers' notebooks are looked at here, and formgrader's own button to run them knows no sandbox.
"""

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError

_CLOSED = (r"/api/(?:kernels|sessions|terminals|contents|kernelspecs|nbconvert)(?:/.*)?",
           r"/(?:files|nbconvert|terminals)/.*",
           r"/formgrader/?",  # which reads, and so runs, the configuration of any folder
           r"/formgrader/api/submission/[^/]+/[^/]+/autograde",
           r"/formgrader/api/assignment/.*/(?:assign|unrelease|release|collect|generate_feedback|release_feedback)")


class Closed(JupyterHandler):
    """Answers what this server is not for."""

    def prepare(self):
        raise HTTPError(403, "this server is for marking by hand alone: use python -m ddkit.grading for the rest")


def _load_jupyter_server_extension(app) -> None:
    from jupyter_server.utils import url_path_join
    from nbgrader.server_extensions.formgrader import formgrader

    base = app.web_app.settings["base_url"]
    app.web_app.add_handlers(".*$", [(url_path_join(base, route), Closed) for route in _CLOSED])  # asked before others
    formgrader.load_jupyter_server_extension(app)
