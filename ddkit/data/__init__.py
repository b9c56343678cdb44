"""Data sets as tensors: ``load(name)``, the sources that it reads (one file each in ``sources``), and augmentation.

What lives here knows nothing of networks, of training, or of what is done with the images.
"""

from ddkit.data.loading import (
    SOURCES,
    Dataset,
    Source,
    Split,
    canonical,
    data_root,
    denormalise,
    fingerprint,
    load,
    name_of,
    parse_name,
)

__all__ = ['SOURCES', 'Dataset', 'Source', 'Split', 'canonical', 'data_root', 'denormalise', 'fingerprint', 'load', 'name_of', 'parse_name']
