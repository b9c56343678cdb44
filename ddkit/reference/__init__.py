"""The committed results as Markdown: ``python -m ddkit.reference`` makes them.

Nothing imports it; it needs a checkout of the project.
"""
