"""Programs for loops of any length: numbers of a recording that become symbols.

symbols   extents with example sizes, and what is known to be equal
infer     a function with symbols in the place of lengths, as type inference finds them
lift      constants that become parameters
general   all of it: the general function of a recording
"""
