"""nbgrader's step that executes a notebook, for strangers' code: in a sandbox, with limits, cell by cell.

What a cell does costs that cell: if it takes too much, or ends the kernel, it gets an error in its outputs, the kernel
is started again, and the earlier cells are executed once more, so that the rest finds what it builds on. What was
noticed stands in the notebook's metadata (``ddkit_findings``) until whoever asked for it takes it out.

Imported only where nbgrader is.
"""

import asyncio
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbclient.util import ensure_async, run_sync
from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import DeduplicateIds, Execute
from nbgrader.utils import is_grade, is_solution
from traitlets import Dict, Instance, List

from ddkit.foundation.errors import InputError
from ddkit.grading.findings import Finding
from ddkit.grading.kernel import connection, probe
from ddkit.grading.kernel.outputs import KINDS, Cutter
from ddkit.grading.kernel.room import Room
from ddkit.grading.kernel.sandbox import Sandbox
from ddkit.grading.kernel.watch import MIB, Limits, Watch, end_all, fits

FINDINGS = "ddkit_findings"
LOOK = 0.2  # seconds between two looks at what a cell uses
_LOOKING = 300  # seconds for importing torch, on a very busy machine
GRACE = 5  # seconds for a cell to end after it was interrupted, and for a kernel to be ended


@dataclass(frozen=True)
class Ended:
    """Why a cell was not executed to its end.

    Attributes:
        kind, words: of the finding.
        dead: whether the kernel has ended with it.
    """

    kind: str
    words: str
    dead: bool


class CarefulExecute(Execute):
    """Executes a notebook in a sandbox."""

    limits = Instance(Limits, args=()).tag(config=True)
    sandbox = Instance(Sandbox).tag(config=True)
    environment = Dict(help="variables of the kernel beside the usual ones").tag(config=True)
    binds = List(help="(source, place): copies of folders that the kernel finds").tag(config=True)
    hidden = List(help="folders that the kernel must not see").tag(config=True)

    def preprocess(self, nb, resources, km=None):
        """Execute all cells of a notebook; its metadata tell what was noticed."""
        self._findings: list[Finding] = []
        self._kept: list[tuple[int, object]] = []  # the cells that have been executed, to be repeated
        self._over, self._restarts, self._begun = "", 0, 0.0
        self._state, (self._exercises, self._locked) = "", _released(resources)
        self._cutter, self._replaying = Cutter(self.limits), False
        self.timeout, self.startup_timeout, self.store_widget_state = None, 120, False
        self.iopub_timeout = 8  # for the last of much output, once the cell has ended
        with Room() as self._room:
            self._copies = self._room.copies(self.binds)
            try:
                nb, resources = super().preprocess(nb, resources, km)
            except (RuntimeError, DeadKernelError) as error:
                raise InputError(self._why_not(error)) from error
            finally:
                self._end()
        nb.metadata[FINDINGS] = [asdict(finding) for finding in self._findings]
        return nb, resources

    # the kernel

    def create_kernel_manager(self):
        """A manager of a kernel in the sandbox."""
        self._wires = self._room.wires()
        command, self._variables = self.sandbox.command(self._room, self._wires, self.limits, dict(self.environment),
                                                        self._copies, [Path(path) for path in self.hidden])
        self.km = connection.manager(command, self._wires)
        return self.km

    async def async_start_new_kernel(self, **kwargs):
        """Start the kernel, with nothing of this process's files and variables."""
        with self._room.words.open("ab") as words:
            await super().async_start_new_kernel(cwd=str(self._room.home), env=self._variables, stderr=words,
                                                 stdout=subprocess.DEVNULL, independent=True)
        self._watch = Watch(self.km.provisioner.pid, self._room.base, self.limits)

    start_new_kernel = run_sync(async_start_new_kernel)  # nbclient binds its own at class level

    async def _async_cleanup_kernel(self):
        self.shutdown_kernel = "immediate"
        await super()._async_cleanup_kernel()
        self._end()

    _cleanup_kernel = run_sync(_async_cleanup_kernel)

    def _end(self) -> None:
        """End whatever the kernel started."""
        if hasattr(self, "_wires"):
            self.sandbox.end(self._wires)
        end_all(self._room.token, self._watch.seen.values() if hasattr(self, "_watch") else ())

    async def _again(self) -> None:
        """Start the kernel again and repeat the cells that worked, without any that now ends it."""
        while not self._over:
            self._restarts += 1
            if self._restarts > self.limits.restarts:
                self._over = f"the kernel ended more than {self.limits.restarts:g} times"
                return
            await self._async_cleanup_kernel()
            if not fits(self._room.home, self.limits.files * MIB / 2):  # else the next cell would pay for it
                self._room.emptied()
            self.create_kernel_manager()
            await self.async_start_new_kernel()
            await self.async_start_new_kernel_client()
            dead = False
            if self._state:  # which differs from kernel to kernel
                self._state, dead = await self._look(0)
            if not dead and await self._repeated():
                return

    async def _repeated(self) -> bool:
        """Whether all earlier cells could be repeated; what ends the kernel this time is repeated no more."""
        for index, source in list(self._kept):
            _, ended = await self._aside(source, index)
            if ended and ended.dead:
                self._kept.remove((index, source))
                return False
        return True

    # a cell

    async def async_execute_cell(self, cell, cell_index, execution_count=None, store_history=True):
        """Execute a cell, and go on after it whatever it does."""
        if cell.cell_type != "code" or not cell.source.strip():
            return cell
        if not self._begun:
            await self._begin(cell_index)
        if self._over:
            self._fails(cell, "NotRun", f"not executed: {self._over}")
            return cell
        ended = await self._watched(cell, cell_index, self.limits.cell_seconds)
        if self._cutter.cut:
            self._notice("too much output", cell, "its output was cut")
        if ended:
            self._notice(ended.kind, cell, ended.words)
            self._fails(cell, "Ended", ended.words)
        if not ended:
            self._kept.append((cell_index, cell.source))
        elif ended.dead:
            await self._again()
        if _is_check(cell):
            cell.outputs = [one for one in cell.outputs if one.output_type != "execute_result"]  # taken for a mark
            if strays := probe.strays(cell.source, cell.outputs):
                cell.outputs = [one for one in cell.outputs if one not in strays]
                self._notice("words on stderr", cell, f"{strays[0].text.strip()[:80]!r} was said beside the check; it "
                                                      "costs nothing and was left out")
            if not _failed(cell.outputs):
                await self._tried(cell, cell_index)
        return cell

    execute_cell = run_sync(async_execute_cell)

    async def _begin(self, index: int) -> None:
        """Let the notebook's time begin; before anything of it is executed, see what its checks rest on."""
        self._begun = time.monotonic()
        for cell in self.nb.cells:
            source = self._locked.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if source is not None and not cell.source.endswith(source):  # above it, nbgrader says that it was missing
                self._notice("changed cell", cell, "it was not what was released, and is marked as it was released")
                cell.source = source
        if any(map(_is_check, self.nb.cells)):
            self._state, dead = await self._look(index)
            if dead:
                await self._again()

    async def _aside(self, source: str, index: int, seconds: float = 0):
        """Execute code in place of a cell, and leave no trace in the notebook; its outputs, and how it ended."""
        cell, there = new_code_cell(source), self.nb.cells[index]
        self._replaying = True
        try:
            ended = await self._watched(cell, index, seconds or self.limits.cell_seconds, history=False)
        finally:
            self._replaying, self.nb.cells[index] = False, there
        return cell.outputs, ended

    async def _watched(self, cell, index: int, seconds: float, history: bool = True) -> Ended | None:
        """Execute a cell while looking at what it uses; None if it came to its end by itself."""
        self._cutter = Cutter(self.limits)
        left = self.limits.notebook_seconds - (time.monotonic() - self._begun)
        begun = time.monotonic()
        running = asyncio.ensure_future(super().async_execute_cell(cell, index, None, history))
        ended = await self._until_over(running, begun + min(left, seconds))
        self._took = time.monotonic() - begun
        if ended and not running.done():
            await self._kill(running)
        if time.monotonic() - self._begun > self.limits.notebook_seconds:
            self._over = f"the notebook had {self.limits.notebook_seconds:g} s"
        how = self._how(running)
        return Ended(ended.kind, ended.words, dead=ended.dead or bool(how and how.dead)) if ended else how

    async def _until_over(self, running: asyncio.Future, until: float) -> Ended | None:
        """Wait for a cell; why it has to end, if it has to: by then it was interrupted if its time was over."""
        while not (await asyncio.wait({running}, timeout=LOOK))[0]:
            passed = self._watch.over()
            if passed:
                return Ended(*passed, dead=True)
            if time.monotonic() > until:
                await ensure_async(self.km.interrupt_kernel())
                await asyncio.wait({running}, timeout=GRACE)
                stopped = "" if running.done() else ", nor did it stop when interrupted"
                return Ended("over time", f"it did not end in the time that it had{stopped}", dead=False)
        return None

    def _how(self, running: asyncio.Future) -> Ended | None:
        """How a cell that is done has ended."""
        error = running.exception() if not running.cancelled() else DeadKernelError("")
        if error is None:
            return None
        if isinstance(error, DeadKernelError):
            return Ended("kernel ended", "it ended the kernel", dead=True)
        if isinstance(error, CellTimeoutError):  # its last output never came
            self._cutter.cut = True
            return Ended("too much output", "its output was longer than can be received", dead=True)
        return Ended("kernel ended", "what the kernel answered could not be read, so it was ended", dead=True)

    async def _kill(self, running: asyncio.Future) -> None:
        """End the kernel, and what waits for it."""
        await ensure_async(self.km.shutdown_kernel(now=True))
        self._end()
        await asyncio.wait({running}, timeout=GRACE)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    # are the checks still checks?

    async def _tried(self, cell, index: int) -> None:
        """Take the mark of a check that the submission has changed."""
        words = await self._changed(cell, index)
        if words:
            self._notice("changed checks", cell, words)
            self._fails(cell, "ChangedChecks", words)

    async def _changed(self, cell, index: int) -> str:
        """What shows that a check is none any more; "" if it is one."""
        exercises = [one.source for one in self.nb.cells[:index] if one.cell_type == "code" and is_solution(one)]
        seconds = 60 + 5 * self._took
        for trial in probe.trials(cell.source, probe.defined([*exercises, *self._exercises])):
            outputs, ended = await self._aside(trial, index, seconds)
            if self._over:
                return ""
            if ended and ended.dead:
                await self._again()
            said = probe.strays(cell.source, outputs)
            if ended or not _failed([one for one in outputs if one not in said]):
                how = ended.words if ended else "it ended well"
                return f"tried again with a wrong function or without records, {how}: the submission changed the check"
        if not self._state:
            return ""
        before, (now, dead) = self._state, await self._look(index)
        if dead:
            await self._again()
        changed = probe.changed(before, now)
        return f"the submission changed what the check rests on: {', '.join(changed[:5])}" if changed else ""

    async def _look(self, index: int) -> tuple[str, bool]:
        """What checks rest on, and whether the kernel ended when it was asked."""
        outputs, ended = await self._aside(probe.looked_at(), index, _LOOKING)
        said = "".join(one.text for one in outputs if one.output_type == "stream" and one.name == "stdout")
        return said, bool(ended and ended.dead)

    # what it says

    def process_message(self, msg, cell, cell_index):
        """Keep what a cell says, within limits."""
        kind = msg["msg_type"]
        if kind in KINDS and not self._cutter.passes(kind, msg["content"]):
            return None
        if kind == "update_display_data" and self._replaying:
            return None
        try:
            return super().process_message(msg, cell, cell_index)
        except (LookupError, TypeError, AttributeError):  # a message that no kernel sends by itself
            return None

    def clear_output(self, outs, msg, cell_index):
        """Take outputs away, but never what decides a mark."""
        kept = [one for one in outs if one.output_type == "error" or one.get("name") == "stderr"]
        super().clear_output(outs, msg, cell_index)
        outs[:] = kept + [one for one in outs if one not in kept]

    def handle_comm_msg(self, outs, msg, cell_index):
        """Widgets are not followed: one of them could take the outputs of a check."""

    def _fails(self, cell, name: str, words: str) -> None:
        cell.outputs = [*cell.get("outputs", []), new_output("error", ename=name, evalue=words, traceback=[words])]

    def _notice(self, kind: str, cell, words: str) -> None:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        where = "" if name else f"in the cell that begins with {cell.source.strip().splitlines()[0][:60]!r}: "
        self._findings.append(Finding(kind, name, where + words))

    def _why_not(self, error: Exception) -> str:
        said = self._room.words.read_text(errors="replace").strip().splitlines() if self._room.words.exists() else []
        return (f"no kernel could be started in the sandbox {self.sandbox.kind} ({(said or [str(error)])[-1][:300]}): "
                "try another --sandbox")


def _is_check(cell) -> bool:
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def _failed(outputs: list) -> bool:
    """Whether outputs say so, in nbgrader's sense."""
    return any(one.output_type == "error" or one.get("name") == "stderr" for one in outputs)


def _released(resources) -> tuple[list[str], dict[str, str]]:
    """The texts of a lesson's exercises and, by name, of its locked cells; none where there is no gradebook."""
    told = resources.get("nbgrader", {})
    if "db_url" not in told:
        return [], {}
    with Gradebook(told["db_url"]) as book:
        cells = book.find_notebook(told["notebook"], told["assignment"]).source_cells
        return ([cell.source for cell in cells if cell.cell_type == "code" and not cell.locked],
                {cell.name: cell.source for cell in cells if cell.locked})


class DropDuplicates(DeduplicateIds):
    """nbgrader's leaves an empty ``nbgrader`` entry behind, takes it for an old format, and gives up on the class."""

    def preprocess(self, nb, resources):
        """Take the marks off all but one of the cells of a name."""
        nb, resources = super().preprocess(nb, resources)
        for cell in nb.cells:
            if not cell.metadata.get("nbgrader", True):
                del cell.metadata["nbgrader"]
        return nb, resources
