"""What nbgrader's autograde is told, so that it marks strangers' code with care."""

from pathlib import Path

from ddkit.grading.course import require_nbgrader
from ddkit.grading.kernel.sandbox import Sandbox
from ddkit.grading.kernel.watch import Limits


def configure(config, limits: Limits, sandbox: Sandbox, environment: dict[str, str],
              binds: list[tuple[Path, Path]]) -> None:
    """Have autograde execute notebooks in a sandbox; sets its preprocessors on a traitlets ``Config``.

    Args:
        config: of nbgrader's programs, with the course's root, which the kernel will not see.
        environment: variables of the kernel, such as ``DDKIT_PROFILE``.
        binds: (source, place): a copy of the source, which the kernel may write to, is where it finds the place, as
            a variable of the environment names it.

    What was noticed is left in the executed notebook's metadata: ``[Finding(**one) for one in
    notebook.metadata.pop("ddkit_findings", [])]``.
    """
    require_nbgrader()
    from nbgrader import preprocessors as steps

    from ddkit.grading.kernel.careful import CarefulExecute, DropDuplicates

    config.Autograde.sanitize_preprocessors = [steps.ClearOutput, DropDuplicates, steps.OverwriteKernelspec,
                                               steps.OverwriteCells, steps.CheckCellMetadata]
    # LimitOutput takes output on stderr away after a thousand lines, so it comes after the marks. ClearMetadata would
    # take away what was noticed.
    config.Autograde.autograde_preprocessors = [CarefulExecute, steps.SaveAutoGrades, steps.AssignLatePenalties,
                                                steps.LimitOutput, steps.CheckCellMetadata]
    config.OverwriteCells.add_missing_cells = True
    told = config.CarefulExecute
    told.limits, told.sandbox = limits, sandbox
    told.environment, told.binds = dict(environment), [tuple(map(Path, one)) for one in binds]
    told.hidden = [Path(config.CourseDirectory.root).resolve()] if "root" in config.CourseDirectory else []
