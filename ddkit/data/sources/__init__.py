"""Where images come from: one file a source, found by the ``SOURCE`` in it, under the file's name, in folders as well.

Beside them stands what several sources share; nothing here knows how images are split or normalised.
"""
