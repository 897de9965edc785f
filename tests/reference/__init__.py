"""Plain numpy twins of the public kernels: one module per kernel module, same names, same signatures.

A twin says what a kernel means, in the fewest lines; it takes whole arrays and does not care for speed.
"""
