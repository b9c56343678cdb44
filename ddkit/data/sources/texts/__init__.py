"""Texts as rows of numbers: the mean of what their words mean, by vectors that were learned elsewhere.

Beside the sources stand the words; nothing here knows what is done with the rows.
"""
