"""What distilled sets are good for, besides training a classifier: one module for each application.

``specs.APPLICATIONS`` lists their specs; ``runs.run`` reloads, resumes or makes them like every other run.
"""
