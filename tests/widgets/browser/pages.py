"""The pages: one cell each that shows a dashboard, and the small runs that they show."""

from pathlib import Path

BEGIN = """
import ddkit
data = ddkit.load("digits-0-1-2")
def distilled(init):
    return ddkit.run(ddkit.Distill("digits-0-1-2", ipc=3, init=init, network="ConvNetD2", width=4, updates=6,
                                   options=(("network_steps", 1),)), quiet=True)
"""
PAGES = {name: BEGIN + code for name, code in {
    "attention_lab": """
from ddkit.widgets.attention_lab import AttentionLab
AttentionLab({"from real": distilled("real"), "from noise": distilled("noise")}, data)
""", "augmentation_bench": """
from ddkit.widgets.augmentation_bench import AugmentationBench
AugmentationBench(distilled("real").synthetic, data)
""", "hyperparameter_bench": """
from ddkit.stored import Grid
from ddkit.stored.grid import Cell
from ddkit.widgets.hyperparameter_bench import HyperparameterBench
from itertools import product
spec = ddkit.Distill("digits-0-1-2", ipc=2, network="ConvNetD2", width=4, updates=200,
                     options=(("network_steps", 1),))
axes = {"lam": (0.0, 0.1, 1.0), "power": (1.0, 2.0, 4.0)}
grid = Grid(spec, axes, tuple(Cell(values, "a run", (0.5 + 0.05 * i, 0.52 + 0.05 * i), (2.0, 1.0), 3.0, 1.0)
            for i, values in enumerate(product(*axes.values()))), "assignment", "ConvNetD2", 4, "f", "2026", "CPU", {})
HyperparameterBench([spec, ddkit.Distill("digits-0-1-2", "kip", ipc=1, updates=5)], grid=grid)
""", "trajectory_map": """
from ddkit.widgets.trajectory_map import TrajectoryMap
options = {"batch": 5, "expert_batch": 64, "expert_epochs": 5, "expert_lr": 0.1, "expert_span": 1, "experts": 2,
           "final_start": 1, "last_start": 1, "student_steps": 3, "left_out": 0.0}
spec = ddkit.Distill("digits-0-1-2", "trajectory", "pad", ipc=3, network="ConvNetD2", width=4, updates=3,
                     options=tuple(options.items()))
TrajectoryMap({"PAD": ddkit.run(spec, quiet=True)}, ddkit.run(spec.experts, quiet=True), data)
""", "time_machine": """
from ddkit.widgets.time_machine import TimeMachine
TimeMachine()
""", "is_it_real": """
from ddkit.widgets.is_it_real import IsItReal
IsItReal()
""", "images_per_class": """
from ddkit.widgets.images_per_class import ImagesPerClass
ImagesPerClass()
"""}.items()}


def make_runs(folder: Path) -> None:
    """What the first pages show; the others show what came with the repository."""
    import ddkit

    sets = [ddkit.Distill("digits-0-1-2", ipc=3, init=init, network="ConvNetD2", width=4, updates=6,
                          options=(("network_steps", 1),)) for init in ("real", "noise")]
    judged = [ddkit.Evaluate(source, "assignment", "ConvNetD2", 4, seeds=2, epochs=2)
              for source in (sets[0], ddkit.RandomReal("digits-0-1-2", 3))]
    for spec in (*sets, *judged):
        ddkit.run(spec, root=folder, quiet=True)
