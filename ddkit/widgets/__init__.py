"""Dashboards: one class a file, each answering one question better than a still picture can.

They are built of core ipywidgets by what versions 7.7 and 8 have in common, and are fed by stored records, or by a real
run where they say *live*. What they know of records stands in ``stored``, what they draw in ``plots``; nothing here
knows a method by name. Neither ``import ddkit`` nor the command line loads this room.
"""
