"""The one place that knows numba's options.

Kernels release the GIL, run on one thread and keep NaN and infinity: the only liberty they take is to
fuse a product and a sum. Compiled code is cached on disk under a key that holds a digest of every kernel
source, because numba by itself notices an edit of the file a kernel stands in, but not of a callee's.
"""

import functools
import gc
import hashlib
import pickle
from contextlib import contextmanager
from pathlib import Path

import numba
import numpy as np
from numba.core import cgutils, types
from numba.core.caching import FunctionCache
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.extending import intrinsic

DISABLED = bool(numba.config.DISABLE_JIT)


def _sources():
    root = Path(__file__).parent
    return [Path(__file__), *sorted((root / "kernels").glob("*.py"))]


@functools.cache
def source_digest():
    """Digest of all files whose code is compiled into kernels."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _DigestCache(FunctionCache):
    """numba's file cache with the digest of all kernel sources in its key."""

    def _index_key(self, sig, codegen):
        return (*super()._index_key(sig, codegen), source_digest())

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            # A damaged cache is no cache.
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except (OSError, EOFError, pickle.UnpicklingError):
            # The kernel is compiled all the same; a full disk costs time in the next process only.
            pass


def _enable_cache(dispatcher):
    try:
        dispatcher._cache = _DigestCache(dispatcher.py_func)
    except (RuntimeError, OSError):
        # Neither the package's folder nor the user's cache folder can be written: compile in each process.
        pass


def _for_types(dispatcher):
    """Let calls with literal numbers share the code for numbers of their type: numba compiles each literal apart."""
    template = dispatcher.get_call_template

    def without_literals(args, kws):
        return template([types.unliteral(a) for a in args], {name: types.unliteral(a) for name, a in kws.items()})

    dispatcher.get_call_template = without_literals
    return dispatcher


@contextmanager
def _collection_paused():
    """Keep the garbage collector from going over all that a compiler makes, which takes a tenth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _KernelCompiler(CompilerBase):
    """numba's compiler without passes that find nothing to do in kernels, and take time all the same.

    Kernels have no closures, no overloads to inline, and no expressions of whole arrays that loops should be made of.
    """

    _IDLE = frozenset({"InlineClosureLikes", "InlineOverloads", "NopythonRewrites"})

    def define_pipelines(self):
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.passes = [step for step in pipeline.passes if step[0].__name__ not in self._IDLE]
        pipeline.finalize()
        return [pipeline]

    def compile_extra(self, function):
        with _collection_paused():
            return super().compile_extra(function)


_OPTIONS = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}
_KERNEL_OPTIONS = {**_OPTIONS, "pipeline_class": _KernelCompiler, "no_cfunc_wrapper": True}


def jit(function):
    """Compile a kernel in nopython mode, without the GIL, cached, on one thread."""
    if DISABLED:
        return function
    dispatcher = numba.njit(**_KERNEL_OPTIONS)(function)
    _enable_cache(dispatcher)
    return dispatcher


def jit_helper(function):
    """Compile a function that only kernels call: no entry point for Python, cached as part of its callers."""
    if DISABLED:
        return function
    return _for_types(numba.njit(**_KERNEL_OPTIONS, no_cpython_wrapper=True)(function))


def jit_closure(function):
    """Compile a function made at run time around another: not cached, for that one may stand in no file."""
    if DISABLED:
        return function
    return numba.njit(**_OPTIONS)(function)


def is_jitted(function):
    """Whether numba compiled a function; nothing is where compilation is disabled."""
    return isinstance(function, Dispatcher)


#: what numba raises where a function does not fit its arguments
CompileError = NumbaError


def entry(kernel, *arguments):
    """Entry of a kernel for arguments of these types: what `call` takes, compiled if need be."""
    if DISABLED:
        return kernel
    signature = tuple(numba.typeof(argument) for argument in arguments)
    kernel.compile(signature)
    compiled = kernel.overloads[signature]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def entries(*kernels):
    """Several entries as one argument of a kernel."""
    return kernels if DISABLED else np.array(kernels, dtype=np.int64)


if DISABLED:

    def wide_vectors():
        """Do nothing: there is no machine code to widen."""

    def call(kernel, arguments):
        """Call a kernel by its entry."""
        kernel(*arguments)

    def value_of(kernel, arguments):
        """Call a kernel that returns a float by its entry."""
        return kernel(*arguments)

else:

    def _call_entry(result):
        def codegen(context, builder, signature, args):
            kinds = signature.args[1].types
            function = context.call_conv.get_function_type(result, kinds)
            pointer = builder.inttoptr(args[0], function.as_pointer())
            values = [builder.extract_value(args[1], i) for i in range(len(kinds))]
            status, value = context.call_conv.call_function(builder, pointer, result, kinds, values)
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return value

        return codegen

    @intrinsic
    def call(typingctx, kernel, arguments):
        """Call a kernel by its entry, with a tuple of arguments.

        A kernel that calls others by name is compiled together with all of them; by their entries it is
        compiled alone, and serves all kernels that take arguments of these types.
        """
        return types.void(types.int64, arguments), _call_entry(types.void)

    @intrinsic
    def value_of(typingctx, kernel, arguments):
        """Do as `call` with a kernel that returns a float."""
        return types.float64(types.int64, arguments), _call_entry(types.float64)

    @intrinsic
    def wide_vectors(typingctx):
        """Let the compiler vectorise the calling kernel with 512-bit registers where the machine has them.

        LLVM prefers 256 bits on most machines that offer 512; for kernels that are all arithmetic the
        wider registers are worth a factor of up to two.
        """

        def codegen(context, builder, signature, args):
            # llvmlite checks attributes against a list of names; target attributes pass as plain text.
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
            return context.get_dummy_value()

        return types.void(), codegen


__all__ = [
    "DISABLED",
    "CompileError",
    "call",
    "cgutils",
    "entries",
    "entry",
    "is_jitted",
    "jit",
    "jit_closure",
    "jit_helper",
    "source_digest",
    "value_of",
    "wide_vectors",
]
