"""One file a lesson: what is right, what it is tried on, which slips are known by their results, what runs count."""
