"""Pictures and tables of sets, scores, training and kernels, in one style, with colours by meaning.

What lives here draws what it is given, records and sets; it asks for no run and knows no lesson.
"""

from ddkit.plots.scores import accuracy_against_time, bars, transfer_heatmap, two_ways
from ddkit.plots.sets import attention_maps, captioned, embedding_2d, evolution, image_grid, start_end_difference
from ddkit.plots.story import compared, decoded, families, idea, image_rows
from ddkit.plots.style import save
from ddkit.plots.training import graph_memory, loss_curve, running_median, training_curve, windows

__all__ = ["accuracy_against_time", "attention_maps", "bars", "captioned", "compared", "decoded", "embedding_2d",
           "evolution", "families", "graph_memory", "idea", "image_grid", "image_rows", "loss_curve",
           "running_median", "save", "start_end_difference", "training_curve", "transfer_heatmap", "two_ways",
           "windows"]
