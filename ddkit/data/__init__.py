"""Data sets as tensors: ``load(name)``, the sources that it reads (one file each in ``sources``), and augmentation.

What lives here knows nothing of networks, of training, or of what is done with the images.
"""

from ddkit.data.dataset import Dataset, Split, denormalise
from ddkit.data.loading import SMALLEST, fingerprint, load, loaded
from ddkit.data.names import PICTURES, SOURCES, canonical, name_of, own_size, parse_name, whole_of
from ddkit.data.source import data_root

__all__ = ["PICTURES", "SMALLEST", "SOURCES", "Dataset", "Split", "canonical", "data_root", "denormalise",
           "fingerprint", "load", "loaded", "name_of", "own_size", "parse_name", "whole_of"]
