"""What nbgrader needs to show a stranger's notebook without harm: nothing in it runs, or shows more than it may."""

from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from traitlets import Bool, Dict

from ddkit.grading.grade.one import SCHEME
from ddkit.grading.results.words import without_places


@pass_context
def markdown(context, source: str) -> str:
    """Markdown as HTML in which HTML of the source is text; pictures pasted into the cell are shown."""
    cell = context.get("cell", {})
    renderer = IPythonRenderer(escape=True, attachments=cell.get("attachments", {}))
    return MarkdownWithMath(renderer=renderer).render(source)


def harmless(config) -> None:
    """Have an exporter write pages in which nothing of a student's runs."""
    config.HTMLExporter.sanitize_html = True
    config.HTMLExporter.filters = {"markdown2html": markdown}


class _Step(Preprocessor):
    enabled = Bool(True).tag(config=True)  # nbconvert's own are not


class WithoutSchemes(_Step):
    """Leaves out the cells that hold mark schemes."""

    def preprocess(self, nb, resources):
        nb.cells = [cell for cell in nb.cells if SCHEME not in cell.metadata.get("tags", [])]
        return nb, resources


class WithoutPlaces(_Step):
    """Takes the folders of this machine out of outputs."""

    folders = Dict(help="folders, and the words in their place").tag(config=True)

    def preprocess_cell(self, cell, resources, index):
        for output in cell.get("outputs", []):
            for key in ("text", "evalue"):
                if key in output:
                    output[key] = without_places(output[key], self.folders)
            if "traceback" in output:
                output.traceback = [without_places(line, self.folders) for line in output.traceback]
            for kind, content in output.get("data", {}).items():
                if isinstance(content, str) and kind.startswith("text/"):
                    output.data[kind] = without_places(content, self.folders)
        return cell, resources
