"""Handing lessons out, collecting executed ones and marking them, on top of nbgrader (the extra ``grading``).

``python -m ddkit.grading`` is the way in. nbgrader keeps the gradebook, restores locked cells, gives marks and shows
answers to be marked by a person; what lives here is what it leaves open: lessons in, submissions of all kinds in,
strangers' code kept to a sandbox, two ways to mark, a table of marks per question.

Only ``check``, which students run, works without nbgrader.
"""
