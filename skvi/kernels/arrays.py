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

    def prefetch(array, i, j):
        """Do nothing: numpy waits for what it reads."""

else:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic
    from numba.np.arrayobj import populate_array

    from skvi._numba import cgutils

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

    @intrinsic
    def prefetch(typingctx, array, i, j):
        """Ask for the line of the cache that holds array[i, j], for indices that are not negative; wait for nothing."""

        def codegen(context, builder, signature, args):
            struct = context.make_array(signature.args[0])(context, builder, args[0])
            item = cgutils.get_item_pointer(context, builder, signature.args[0], struct, args[1:], wraparound=False)
            integer = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [item.type, integer, integer, integer])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            # A read, to be kept in all levels, of data.
            builder.call(function, [item, *(ir.Constant(integer, n) for n in (0, 3, 1))])
            return context.get_dummy_value()

        return types.void(array, types.intp, types.intp), codegen
