"""Explicit vectors of eight doubles for the few loops where register tiles decide the speed.

A tile of a triangular product keeps sixteen accumulators in registers over its whole inner loop. LLVM's
vectoriser does not find that form by itself, so these intrinsics spell it out; eight doubles are one
AVX-512 register, two AVX2 registers or four NEON registers. Without compilation a vector is a numpy array.
"""

import numpy as np

from skvi._numba import DISABLED

LANES = 8


if DISABLED:

    def load(array, i, b):
        """Return array[i, b:b+8]."""
        return array[i, b : b + LANES].copy()

    def load_flat(array, b):
        """Return array[b:b+8]."""
        return array[b : b + LANES].copy()

    def load_part(array, i, b):
        """Return array[i, b:b+8], filled up with zeros beyond the end of the row."""
        part = array[i, b : b + LANES]
        return np.concatenate([part, np.zeros(LANES - len(part))])

    def store(array, i, b, vector):
        """Set array[i, b:b+8]."""
        array[i, b : b + LANES] = vector

    def splat(scalar):
        """Repeat a scalar eight times."""
        return np.full(LANES, scalar)

    def broadcast(array, i, j):
        """Repeat array[i, j] eight times."""
        return np.full(LANES, array[i, j])

    def fma(x, y, z):
        """Return x * y + z."""
        return x * y + z

    def minus(x, y):
        """Return x - y."""
        return x - y

    def plus(x, y):
        """Return x + y."""
        return x + y

    def times(x, y):
        """Return x * y."""
        return x * y

    def over(x, y):
        """Return x / y."""
        return x / y

    def maximum(x, y):
        """Return the larger of x and y, lane by lane; x where one is NaN."""
        return np.where(x < y, y, x)

    def drop_below(x, bound):
        """Return x, but zero where it is below the bound."""
        return np.where(x < bound, 0.0, x)

    def where_positive(x, y):
        """Return y where x is positive, else zero."""
        return np.where(x > 0.0, y, 0.0)

    def any_above(x, bound):
        """Whether some lane of x is above the bound, or NaN."""
        return not (x <= bound).all()

    def add_to_exponent(x, n):
        """Return x times 2 to the power that the low bits of n hold, relative to 1.5 * 2**52."""
        power = np.where(np.isnan(n), 0.0, n - 6755399441055744.0)
        return np.ldexp(x, power.astype(np.int64))

    def total(x):
        """Sum the eight lanes, halving."""
        while len(x) > 1:
            x = x[: len(x) // 2] + x[len(x) // 2 :]
        return x[0]

    def highest(x):
        """Return the largest of the eight lanes, halving."""
        while len(x) > 1:
            x = maximum(x[: len(x) // 2], x[len(x) // 2 :])
        return x[0]

    def totals(a, b, c, d, e, f, g, h):
        """Sum the lanes of each of eight vectors: lane i of the result is the total of the i-th."""
        return np.array([total(x) for x in (a, b, c, d, e, f, g, h)])

    def transposed(a, b, c, d, e, f, g, h):
        """Eight vectors, of which the i-th holds lane i of each."""
        return tuple(np.array([a, b, c, d, e, f, g, h]).T.copy())

    def append_greater(values, k, b, bounds, rows, n):
        """Append to rows[n:] each of b..b+7 whose values[k] exceeds its bound; return the new n."""
        for j in range(b, b + LANES):
            if values[k, j] > bounds[0, j]:
                rows[n] = j
                n += 1
        return n

else:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, models, register_model

    from skvi._numba import cgutils

    _INT = ir.IntType(32)
    _DOUBLES = ir.VectorType(ir.DoubleType(), LANES)

    class _Vector(types.Type):
        def __init__(self):
            super().__init__(name=f"float64x{LANES}")

    _vector = _Vector()

    @register_model(_Vector)
    class _VectorModel(models.PrimitiveModel):
        def __init__(self, dmm, fe_type):
            super().__init__(dmm, fe_type, _DOUBLES)

    def _pointer(context, builder, array_type, array, indices):
        struct = context.make_array(array_type)(context, builder, array)
        item = cgutils.get_item_pointer(context, builder, array_type, struct, indices, wraparound=False)
        return builder.bitcast(item, _DOUBLES.as_pointer())

    def _shuffle(builder, vector, lanes):
        return builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(_INT, len(lanes)), lanes))

    def _repeated(builder, scalar):
        empty = ir.Constant(_DOUBLES, ir.Undefined)
        return _shuffle(builder, builder.insert_element(empty, scalar, ir.Constant(_INT, 0)), [0] * LANES)

    def _load(context, builder, signature, args):
        return builder.load(_pointer(context, builder, signature.args[0], args[0], args[1:]), align=8)

    @intrinsic
    def load(typingctx, array, i, b):
        """Return array[i, b:b+8] of a C-contiguous float64 array."""
        return _vector(array, types.intp, types.intp), _load

    @intrinsic
    def load_flat(typingctx, array, b):
        """Return array[b:b+8] of a contiguous float64 array."""
        return _vector(array, types.intp), _load

    @intrinsic
    def load_part(typingctx, array, i, b):
        """Return array[i, b:b+8], filled up with zeros beyond the end of the row; nothing else is read."""

        def codegen(context, builder, signature, args):
            source = _pointer(context, builder, signature.args[0], args[0], args[1:])
            n_columns = builder.extract_value(context.make_array(signature.args[0])(context, builder, args[0]).shape, 1)
            left = builder.sub(n_columns, args[2])
            integers = ir.VectorType(ir.IntType(64), LANES)
            start = builder.insert_element(ir.Constant(integers, ir.Undefined), left, ir.Constant(_INT, 0))
            inside = builder.icmp_signed(
                "<", ir.Constant(integers, list(range(LANES))), _shuffle(builder, start, [0] * LANES)
            )
            kind = ir.FunctionType(_DOUBLES, [source.type, _INT, inside.type, _DOUBLES])
            name = f"llvm.masked.load.v{LANES}f64.p0"
            zeros = ir.Constant(_DOUBLES, [0.0] * LANES)
            read = cgutils.get_or_insert_function(builder.module, kind, name)
            return builder.call(read, [source, ir.Constant(_INT, 8), inside, zeros])

        return _vector(array, types.intp, types.intp), codegen

    @intrinsic
    def store(typingctx, array, i, b, vector):
        """Set array[i, b:b+8] of a C-contiguous float64 array."""

        def codegen(context, builder, signature, args):
            target = _pointer(context, builder, signature.args[0], args[0], args[1:3])
            builder.store(args[3], target, align=8)
            return context.get_dummy_value()

        return types.void(array, types.intp, types.intp, _vector), codegen

    @intrinsic
    def splat(typingctx, scalar):
        """Repeat a scalar eight times."""

        def codegen(context, builder, signature, args):
            return _repeated(builder, args[0])

        return _vector(types.float64), codegen

    @intrinsic
    def broadcast(typingctx, array, i, j):
        """Repeat array[i, j] eight times, for indices that are not negative."""

        def codegen(context, builder, signature, args):
            struct = context.make_array(signature.args[0])(context, builder, args[0])
            item = cgutils.get_item_pointer(context, builder, signature.args[0], struct, args[1:], wraparound=False)
            return _repeated(builder, builder.load(item))

        return _vector(array, types.intp, types.intp), codegen

    @intrinsic
    def fma(typingctx, x, y, z):
        """Return x * y + z, fused where the machine can."""

        def codegen(context, builder, signature, args):
            kind = ir.FunctionType(_DOUBLES, [_DOUBLES] * 3)
            name = f"llvm.fmuladd.v{LANES}f64"
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

        return _vector(_vector, _vector, _vector), codegen

    @intrinsic
    def minus(typingctx, x, y):
        """Return x - y."""

        def codegen(context, builder, signature, args):
            return builder.fsub(*args)

        return _vector(_vector, _vector), codegen

    @intrinsic
    def plus(typingctx, x, y):
        """Return x + y."""

        def codegen(context, builder, signature, args):
            return builder.fadd(*args)

        return _vector(_vector, _vector), codegen

    @intrinsic
    def times(typingctx, x, y):
        """Return x * y."""

        def codegen(context, builder, signature, args):
            return builder.fmul(*args)

        return _vector(_vector, _vector), codegen

    @intrinsic
    def over(typingctx, x, y):
        """Return x / y."""

        def codegen(context, builder, signature, args):
            return builder.fdiv(*args)

        return _vector(_vector, _vector), codegen

    def _larger(builder, x, y):
        return builder.select(builder.fcmp_ordered("<", x, y), y, x)

    @intrinsic
    def maximum(typingctx, x, y):
        """Return the larger of x and y, lane by lane; x where one is NaN."""

        def codegen(context, builder, signature, args):
            return _larger(builder, *args)

        return _vector(_vector, _vector), codegen

    @intrinsic
    def drop_below(typingctx, x, bound):
        """Return x, but zero where it is below the bound."""

        def codegen(context, builder, signature, args):
            zero = ir.Constant(_DOUBLES, [0.0] * LANES)
            return builder.select(builder.fcmp_ordered("<", *args), zero, args[0])

        return _vector(_vector, _vector), codegen

    @intrinsic
    def where_positive(typingctx, x, y):
        """Return y where x is positive, else zero."""

        def codegen(context, builder, signature, args):
            zero = ir.Constant(_DOUBLES, [0.0] * LANES)
            return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], zero)

        return _vector(_vector, _vector), codegen

    @intrinsic
    def any_above(typingctx, x, bound):
        """Whether some lane of x is above the bound, or NaN."""

        def codegen(context, builder, signature, args):
            bits = ir.IntType(LANES)
            above = builder.bitcast(builder.fcmp_unordered(">", *args), bits)
            return builder.icmp_unsigned("!=", above, ir.Constant(bits, 0))

        return types.boolean(_vector, _vector), codegen

    @intrinsic
    def add_to_exponent(typingctx, x, n):
        """Return x times 2 to the power that the low bits of n hold, relative to 1.5 * 2**52."""

        def codegen(context, builder, signature, args):
            integers = ir.VectorType(ir.IntType(64), LANES)
            # The low bits move to the exponent; those of 1.5 * 2**52 are zero and the rest is shifted out.
            power = builder.shl(builder.bitcast(args[1], integers), ir.Constant(integers, [52] * LANES))
            scaled = builder.bitcast(builder.add(builder.bitcast(args[0], integers), power), _DOUBLES)
            return builder.select(builder.fcmp_unordered("uno", args[1], args[1]), args[1], scaled)

        return _vector(_vector, _vector), codegen

    def _reduction(combine):
        def codegen(context, builder, signature, args):
            vector, n = args[0], LANES
            while n > 1:
                n //= 2
                low = _shuffle(builder, vector, list(range(n)))
                vector = combine(builder, low, _shuffle(builder, vector, list(range(n, 2 * n))))
            return builder.extract_element(vector, ir.Constant(_INT, 0))

        return codegen

    @intrinsic
    def total(typingctx, x):
        """Sum the eight lanes, halving."""
        return types.float64(_vector), _reduction(lambda builder, x, y: builder.fadd(x, y))

    @intrinsic
    def highest(typingctx, x):
        """Return the largest of the eight lanes, halving."""
        return types.float64(_vector), _reduction(_larger)

    def _interleaved_sum(builder, a, b, width):
        """Halve two vectors into one: groups of `width` lanes of a and of b in turn, each the sum of two groups."""
        lanes = [(i // width) % 2 * LANES + i // (2 * width) * (2 * width) + i % width for i in range(LANES)]
        kind = ir.VectorType(_INT, LANES)
        low = builder.shuffle_vector(a, b, ir.Constant(kind, lanes))
        high = builder.shuffle_vector(a, b, ir.Constant(kind, [lane + width for lane in lanes]))
        return builder.fadd(low, high)

    @intrinsic
    def totals(typingctx, a, b, c, d, e, f, g, h):
        """Sum the lanes of each of eight vectors: lane i of the result is the total of the i-th."""

        def codegen(context, builder, signature, args):
            vectors, width = list(args), 1
            while len(vectors) > 1:
                pairs = zip(vectors[::2], vectors[1::2], strict=True)
                vectors = [_interleaved_sum(builder, *pair, width) for pair in pairs]
                width *= 2
            return vectors[0]

        return _vector(*[_vector] * 8), codegen

    def _exchanged(builder, a, b, width):
        """Exchange groups of `width` lanes: the odd ones of a for the even ones of b."""
        kind = ir.VectorType(_INT, LANES)
        even = [i if (i // width) % 2 == 0 else i - width + LANES for i in range(LANES)]
        odd = [lane + width for lane in even]
        return [builder.shuffle_vector(a, b, ir.Constant(kind, lanes)) for lanes in (even, odd)]

    @intrinsic
    def transposed(typingctx, a, b, c, d, e, f, g, h):
        """Eight vectors, of which the i-th holds lane i of each."""

        def codegen(context, builder, signature, args):
            vectors, width = list(args), 1
            while width < LANES:
                for i in range(LANES):
                    if (i // width) % 2 == 0:
                        pair = _exchanged(builder, vectors[i], vectors[i + width], width)
                        vectors[i], vectors[i + width] = pair
                width *= 2
            return context.make_tuple(builder, signature.return_type, vectors)

        return types.UniTuple(_vector, LANES)(*[_vector] * LANES), codegen

    @intrinsic
    def append_greater(typingctx, values, k, b, bounds, rows, n):
        """Append to rows[n:] each of b..b+7 whose values[k] exceeds its bound; return the new n."""

        def codegen(context, builder, signature, args):
            value_type, _, _, bound_type, rows_type, _ = signature.args
            values, k, b, bounds, rows, n = args
            zero = context.get_constant(types.intp, 0)
            value = builder.load(_pointer(context, builder, value_type, values, (k, b)), align=8)
            bound = builder.load(_pointer(context, builder, bound_type, bounds, (zero, b)), align=8)
            greater = builder.fcmp_ordered(">", value, bound)
            integers = ir.VectorType(ir.IntType(64), LANES)
            start = builder.insert_element(ir.Constant(integers, ir.Undefined), b, ir.Constant(_INT, 0))
            index = builder.add(_shuffle(builder, start, [0] * LANES), ir.Constant(integers, list(range(LANES))))
            struct = context.make_array(rows_type)(context, builder, rows)
            target = cgutils.get_item_pointer(context, builder, rows_type, struct, (n,), wraparound=False)
            kind = ir.FunctionType(ir.VoidType(), [integers, target.type, greater.type])
            name = f"llvm.masked.compressstore.v{LANES}i64"
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [index, target, greater])
            bits = builder.zext(builder.bitcast(greater, ir.IntType(LANES)), ir.IntType(64))
            return builder.add(n, builder.ctpop(bits))

        return types.intp(values, types.intp, types.intp, bounds, rows, types.intp), codegen
