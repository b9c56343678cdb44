"""What distilled sets are good for, besides training a classifier: one module for each application.

Their specs are found by being here; ``runs.run`` reloads, resumes or makes them like every other run.
"""
