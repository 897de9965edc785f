"""Arrays as kernels see them: each kind of array is one more time to compile."""

import numpy as np

from skvi._numba import DISABLED

#: bytes of a vector: where one begins off this grid it straddles two lines of the cache
ALIGNMENT = 64


def read_only(array):
    """A view that may not be written, so that a kernel is compiled once for a table whether its owner may write it."""
    view = array.view()
    view.flags.writeable = False
    return view


def aligned(n_rows, n_columns):
    """An uninitialised (n_rows, n_columns) array that begins on the grid of vectors."""
    n = n_rows * n_columns
    flat = np.empty(n + ALIGNMENT // 8)
    start = (ALIGNMENT - flat.ctypes.data % ALIGNMENT) % ALIGNMENT // 8
    return flat[start : start + n].reshape((n_rows, n_columns))


def _flat(n):
    return aligned(1, n)[0]


if DISABLED:
    aligned_empty, aligned_flat = aligned, _flat

else:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic
    from numba.np.arrayobj import populate_array

    def _allocate(context, builder, signature, shape):
        strides = [context.get_constant(types.intp, 8)]
        for n in reversed(shape):
            strides.insert(0, builder.mul(n, strides[0]))
        meminfo = context.nrt.meminfo_alloc_aligned(builder, strides.pop(0), ALIGNMENT)
        data = builder.bitcast(context.nrt.meminfo_data(builder, meminfo), ir.DoubleType().as_pointer())
        array = context.make_array(signature.return_type)(context, builder)
        populate_array(array, data=data, shape=shape, strides=strides, itemsize=8, meminfo=meminfo)
        return array._getvalue()

    @intrinsic
    def aligned_empty(typingctx, n_rows, n_columns):
        """An uninitialised (n_rows, n_columns) array that begins on the grid of vectors."""
        return types.Array(types.float64, 2, "C")(types.intp, types.intp), _allocate

    @intrinsic
    def aligned_flat(typingctx, n):
        """An uninitialised array of n numbers that begins on the grid of vectors."""
        return types.Array(types.float64, 1, "C")(types.intp), _allocate
