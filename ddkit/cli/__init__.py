"""What commands are made of: options that several take, the set that they work on, flags for a method's knobs.

What lives here is no command; those stand in ``ddkit.commands`` and with their applications.
"""
