"""Plain numpy versions of the signal path, written for reading and checking, not for speed.

They are the yardstick: the converters prove themselves against them, the golden vectors are computed beside them, and
the studies and the evaluation use them, so that each definition stands in one place on the Python side.
"""
