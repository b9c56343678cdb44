"""What distilled sets are good for, besides training a classifier: a folder for each application, found by being there.

A folder holds the spec with its work, pictures, report and command; ``runs.run`` reloads, resumes or makes what its
spec names, like every other run. No application knows another.
"""
