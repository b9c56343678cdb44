"""Many clients, each with images that may not leave it: what they send in their place, how much of it, and what it is
worth. The specs, and beside them tables, pictures and the command."""

from ddkit.applications.federated.averaging import FedAvg
from ddkit.applications.federated.feddm import FedDM
from ddkit.applications.federated.one_shot import OneShot

__all__ = ["FedAvg", "FedDM", "OneShot"]
