"""Pictures and tables of sets, scores, training and kernels, in one style, with colours by meaning.

What lives here draws what it is given, records and sets; it asks for no run and knows no lesson.
"""

from ddkit.plots.scores import accuracy_against_time, bars, transfer_heatmap
from ddkit.plots.sets import attention_maps, captioned, embedding_2d, evolution, image_grid, start_end_difference
from ddkit.plots.story import compared, decoded, families, idea
from ddkit.plots.style import save
from ddkit.plots.training import loss_curve, running_median, training_curve

__all__ = ["accuracy_against_time", "attention_maps", "bars", "captioned", "compared", "decoded", "embedding_2d",
           "evolution", "families", "idea", "image_grid", "loss_curve", "running_median", "save",
           "start_end_difference", "training_curve", "transfer_heatmap"]
