"""The main job, Task 1 of the course: baseline, distillation, evaluation and transfer, with a table and figures."""

from dataclasses import dataclass
from pathlib import Path

from ddkit import plots
from ddkit.course.profiles import Profile
from ddkit.plots import tables
from ddkit.runs import Record, run
from ddkit.specs import Spec, Start
from ddkit.training.scores import METRICS

PROTOCOLS = ("assignment", "standard")


@dataclass
class Results:
    """Records of the whole job.

    Attributes:
        baseline: of the network trained on the full data.
        distilled: of the distillations, by init.
        scores: of the evaluations, by protocol and then by what was trained on.
        transfer: of the evaluations on other networks, by what was trained on and then by network.
    """

    baseline: Record
    distilled: dict[str, Record]
    scores: dict[str, dict[str, Record]]
    transfer: dict[str, dict[str, Record]]


def specs(profile: Profile) -> dict[str, dict]:
    """Everything the job runs: ``scores`` by (protocol, trained on), ``transfer`` by (trained on, network)."""
    real, noise = profile.distill("real"), profile.distill("noise")
    transferred = {"distilled from real": real, "random real": profile.random()}
    scored = {"distilled from noise": noise, **transferred, "start: real": Start(real), "start: noise": Start(noise)}
    return {
        "scores": {p: {name: profile.evaluate(s, p) for name, s in sorted(scored.items())} for p in PROTOCOLS},
        "transfer": {name: {n: profile.transfer(s, n) for n in profile.transfer_networks}
                     for name, s in transferred.items()},
    }


def work(profile: Profile, *, root=None, data=None, say=print) -> Results:
    """Run (or reload) every part of the job, telling each as it begins."""
    def make(spec: Spec, title: str) -> Record:
        say(f"· {title}")
        return run(spec, root=root, data=data)

    wanted = specs(profile)
    return Results(
        make(profile.baseline(), f"{profile.network} on the full data"),
        {init: make(profile.distill(init), f"DataDAM from {init}") for init in ("real", "noise")},
        {p: {name: make(spec, f"{name}, {p} protocol") for name, spec in row.items()}
         for p, row in wanted["scores"].items()},
        {name: {n: make(spec, f"{name} on {n}") for n, spec in row.items()}
         for name, row in wanted["transfer"].items()})


def report(results: Results, profile: Profile, style: str = "simple") -> str:
    """The tables at the end of the job, as text (``simple``) or Markdown (``github``)."""
    parts = [f"Training on the full data ({profile.label})", tables.costs(results.baseline, style)]
    for name, row in results.scores.items():
        full = {"full data": results.baseline} if name == "assignment" else {}
        parts += [_heading(f"Test accuracy, {name} protocol", row), tables.scores({**full, **row}, style)]
    transfer = next(iter(results.transfer.values()))
    balanced = "balanced accuracy, " if results.baseline.scores.two_classes else ""
    parts += [_heading(f"Transfer to other networks, {balanced}standard protocol", transfer),
              tables.transfer(results.transfer, style)]
    return "\n\n".join(parts)


def _heading(title: str, records: dict[str, Record]) -> str:
    epochs = next(iter(records.values())).result["epochs"]
    return f"{title}, {epochs} epochs"


def figures(results: Results, profile: Profile, folder: str | Path) -> list[Path]:
    """Draw every figure of the job into ``folder``, as PNG and PDF."""
    real, noise = results.distilled["real"], results.distilled["noise"]
    scores = {p: {name: record.scores for name, record in row.items()} for p, row in results.scores.items()}
    transfer = {name: {n: record.scores for n, record in row.items()} for name, row in results.transfer.items()}
    times = {name: record.scores for name, record in results.scores["assignment"].items()}
    words = METRICS[results.baseline.scores.headline.metric]
    drawn = {
        "baseline": plots.training_curve(results.baseline),
        "loss": plots.loss_curve({"from real images": real, "from noise": noise}),
        "distilled_real": plots.image_grid(real.synthetic, title=f"Distilled from real images ({profile.label})"),
        "distilled_noise": plots.image_grid(noise.synthetic, title=f"Distilled from noise ({profile.label})"),
        "change_real": plots.start_end_difference(real.synthetic, 1 if len(real.synthetic.classes) > 3 else 3),
        "evolution_real": plots.evolution(real),
        "evolution_noise": plots.evolution(noise),
        "scores": plots.bars(scores, results.baseline.result["chance"]),
        "transfer": plots.transfer_heatmap(transfer, title=f"Test {words} on other networks ({profile.label})"),
        "time": plots.accuracy_against_time({"full data": results.baseline.scores, **times}),
    }
    return [path for name, figure in drawn.items() for path in plots.save(figure, folder, name)]
