"""How loops are found in straight-line functions; the pass is `tapec.passes.roll`.

flat      a function as columns of numbers
detect    periods, and runs of ops that repeat with them
classify  what each operand of a repeated op is: invariant, local, carried, given
advance   attributes that change regularly from round to round
supply    operands that differ in each round, as arrays to run along
body      one round as a function
stores    arrays that rounds fill in
needs     which ops the body needs, and what leaves the loop
rebuild   the function with its loops in the place of the rounds
recorded  loops in a recording, before a gradient is taken
reasons   why something is no loop
"""
