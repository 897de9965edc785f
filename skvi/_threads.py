"""The thread pool of the library, and the guard of BLAS's own threads.

Kernels release the GIL, so that plain threads use all cores. One pool serves the process; after a fork the
child makes its own. The calling thread works too and helps itself to tasks, so that a saturated pool can
slow a call down but never block it. Results come back in the order of the tasks, whoever ran them.
"""

import functools
import itertools
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController

# Bytes of a line of the cache: vectors that straddle two of them take twice the time.
_LINE = 64

_lock = threading.Lock()
_pool = None
_local = threading.local()


def _forget_after_fork():
    global _lock, _pool, _blas
    _lock = threading.Lock()
    _pool = None
    _blas = _BlasGuard()


def _shared_pool():
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=max(_n_cores(os.getpid()) - 1, 1), thread_name_prefix="skvi")
        return _pool


@functools.cache
def _n_cores(pid):
    # Counting reads files of the operating system, which takes longer than a sweep over small data.
    return joblib.cpu_count()


def effective_n_jobs(n_jobs):
    """Number of threads that n_jobs asks for.

    None is all cores this process may use, but one inside a worker of joblib, where the cores are taken;
    negative numbers count back from the cores, -1 being all of them.
    """
    if n_jobs == 0:
        raise ValueError("n_jobs=0: give None or -1 for all cores, or a positive number of threads")
    if n_jobs is None:
        backend, _ = get_active_backend()
        return 1 if getattr(backend, "nesting_level", 0) else _n_cores(os.getpid())
    return n_jobs if n_jobs > 0 else max(1, _n_cores(os.getpid()) + 1 + n_jobs)


def run(tasks, n_jobs):
    """Call each of the tasks, up to n_jobs at a time; return their results in order.

    A task that calls `run` itself has it done in its own thread. The first exception stops the handing out
    of tasks and is raised once the tasks under way have ended.
    """
    tasks = list(tasks)
    if n_jobs == 1 or len(tasks) <= 1 or getattr(_local, "inside", False):
        return [task() for task in tasks]
    results = [None] * len(tasks)
    numbers = itertools.count()
    stopped = threading.Event()

    def work():
        _local.inside = True
        try:
            while not stopped.is_set() and (number := next(numbers)) < len(tasks):
                results[number] = tasks[number]()
        except BaseException:
            stopped.set()
            raise
        finally:
            _local.inside = False

    helpers = [_shared_pool().submit(work) for _ in range(min(n_jobs, len(tasks)) - 1)]
    try:
        work()
    finally:
        stopped.set()
        errors = [helper.exception() for helper in helpers if not helper.cancel()]
    for error in filter(None, errors):
        raise error
    return results


def _aligned(shape, dtype):
    """An uninitialised array that begins at a line of the cache."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    flat = np.empty(n_bytes + _LINE, np.uint8)
    start = -flat.ctypes.data % _LINE
    return flat[start : start + n_bytes].view(dtype).reshape(shape)


def scratch(name, shape, dtype=np.float64):
    """Return this thread's reusable array of that name: uninitialised, valid until the next call for it."""
    arrays = _local.__dict__.setdefault("scratch", {})
    array, memory = arrays.get(name, (None, None))
    if array is None or array.shape != shape or array.dtype != dtype:
        n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        if memory is None or len(memory) < n_bytes:
            memory = _aligned((n_bytes,), np.uint8)
        array = memory[:n_bytes].view(dtype).reshape(shape)
        arrays[name] = array, memory
    return array


class _BlasGuard:
    """Counts those who need BLAS on one thread: the first sets the limit, the last lifts it.

    Limits are global to the process, so that two that overlap and end in the order they began would leave
    BLAS at one thread for ever.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._users = 0
        self._controller = None
        self._limits = None

    @contextmanager
    def __call__(self):
        with self._lock:
            if self._users == 0:
                self._controller = self._controller or ThreadpoolController().select(user_api="blas")
                self._release_control()
                self._limits = self._controller.limit(limits=1)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._release_control()
                    self._limits.restore_original_limits()
                    self._release_control()

    def _release_control(self):
        # Since threadpoolctl 3.8 the thread that sets a limit of OpenBLAS owns it, and calls of all others do
        # nothing; here the last user, in whatever thread, has to lift what the first one set.
        for library in self._controller.lib_controllers:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)


_blas = _BlasGuard()


def single_threaded_blas():
    """Context in which BLAS runs on one thread, so that its thread count changes no bit of a result."""
    return _blas()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
