"""The ground floor: errors, files, checkpoints, progress, device, memory, random streams, and how a knob is declared.

What lives here knows nothing of data, networks or methods, and imports no other room.
"""

from ddkit.foundation import errors as errors
