"""Citation graphs, read from the public planetoid files: a node is a row of numbers that its neighbours share in.

Beside the sources stands how their files are read; nothing here knows what is done with the rows.
"""
