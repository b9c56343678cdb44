"""What the lessons ask for: profiles (how large a run is), the runs of each lesson with their tables, and plumbing.

What lives here names runs and lays out what came of them; the work itself is done on the floors below.
"""
