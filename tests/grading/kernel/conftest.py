"""A kernel for each kind of sandbox, and tiny notebooks of strangers."""

import pytest

from ddkit.grading.findings import Finding
from ddkit.grading.kernel import bubblewrap, marking
from ddkit.grading.kernel.sandbox import Sandbox
from ddkit.grading.kernel.watch import Limits

KINDS = ("bubblewrap", "none")


class Executed:
    """A notebook that was executed.

    Attributes:
        cells: of it.
        findings: what was noticed.
    """

    def __init__(self, notebook):
        self.cells = notebook.cells
        self.findings = [Finding(**one) for one in notebook.metadata.pop("ddkit_findings")]

    def said(self, index: int) -> str:
        """All text of a cell's output."""
        outputs = self.cells[index].outputs
        return "\n".join(str(one.get("text") or one.get("evalue") or one.get("data")) for one in outputs)

    def failed(self) -> list[int]:
        """The cells that have an error."""
        return [i for i, cell in enumerate(self.cells) if any(one.output_type == "error" for one in cell.outputs)]

    @property
    def kinds(self) -> list[str]:
        """Of the findings."""
        return [finding.kind for finding in self.findings]


@pytest.fixture
def execute():
    """Executes cells in a sandbox of a kind, with limits."""
    pytest.importorskip("nbgrader", reason="marking needs the extra: grading")
    from nbformat.v4 import new_code_cell, new_notebook
    from traitlets.config import Config

    def run(kind: str, *cells, environment=None, binds=(), root=None, **limits) -> Executed:
        from ddkit.grading.kernel.careful import CarefulExecute

        if kind == "bubblewrap" and not bubblewrap.works():
            pytest.skip("bubblewrap is not installed, or may not work here")
        config = Config()
        if root is not None:
            config.CourseDirectory.root = str(root)
        marking.configure(config, Limits(**limits), Sandbox(kind), environment or {}, list(binds))
        notebook = new_notebook(cells=[new_code_cell(one) if isinstance(one, str) else one for one in cells])
        return Executed(CarefulExecute(config=config).preprocess(notebook, {})[0])

    return run


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    """Every kind of sandbox that needs no image."""
    return request.param
