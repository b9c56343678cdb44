"""Sets that tell little of any one image: the accountant, the mechanism, and the method that sees data by it alone."""

from ddkit.methods.private.psg import PrivateMatching

METHOD = PrivateMatching
