"""Compiled kernels: arrays in, arrays out. They know numba and nothing else of this library."""
