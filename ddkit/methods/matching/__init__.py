"""Methods that match what real images do to a network: attention, and the trajectory of its training."""
