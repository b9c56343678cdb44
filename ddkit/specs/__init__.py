"""What a run is asked for: specs name runs, and sources name what networks are trained on.

``Distill`` makes a synthetic set and ``Coreset`` chooses one; ``Experts`` trains the trajectories that some methods
match, ``Pretrain`` the translator that one moves its images by; ``Evaluate`` trains networks on a source and scores
them on test data. A source is the full data, random real images, a coreset, the start of a distillation, its result, or
a file. Each kind stands with its work in a file of its
own, and further ones in ``ddkit.applications``. All are plain frozen values that can be written down as JSON and read
back. A data set's name may end in some of its classes, as in ``mnist-4-9``: the run then sees no others.
"""

from ddkit.runs.spec import Source, Spec, describe_spec, key, restore_spec
from ddkit.specs.coreset import Coreset
from ddkit.specs.distill import Distill
from ddkit.specs.evaluate import Evaluate
from ddkit.specs.experts import Experts
from ddkit.specs.pretrain import Pretrain
from ddkit.specs.sources import File, Full, RandomReal, Start, origin

__all__ = ["Coreset", "Distill", "Evaluate", "Experts", "File", "Full", "Pretrain", "RandomReal", "Source", "Spec",
           "Start", "describe_spec", "key", "origin", "restore_spec"]
