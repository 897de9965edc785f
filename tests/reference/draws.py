"""Twins of `skvi.kernels.draws`: the same loops, not compiled."""


def loop_of_numbers(function):
    def loop(vectors, arguments, start, stop, out):
        out[start:stop] = [function(vector, *arguments) for vector in vectors[start:stop]]

    return loop


loop_of_arrays = loop_of_numbers
