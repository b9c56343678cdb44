"""What a set tells of the images that it was made from: attacks, the spec, and beside it tables and the command."""

from ddkit.applications.privacy.spec import Membership
from ddkit.methods.private.dp_sgd import PrivateTraining

__all__ = ["Membership", "PrivateTraining"]
