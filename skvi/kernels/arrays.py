"""Arrays as kernels see them: each kind of array is one more time to compile."""


def read_only(array):
    """A view that may not be written, so that a kernel is compiled once for a table whether its owner may write it."""
    view = array.view()
    view.flags.writeable = False
    return view
