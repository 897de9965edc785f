"""Timing in turns: on a machine that others use too, only what ran side by side can be compared."""

import gc
import time
from contextlib import contextmanager, nullcontext

from threadpoolctl import threadpool_limits

_REST = 0.2


def seconds(call):
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@contextmanager
def _no_collection():
    """Keep the garbage collector out of the figures."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def in_turns(turns, *, least=3, most=7, budget=3.0):
    """Let contestants take turns, A B A B, until the budget is used up.

    Parameters
    ----------
    turns : dict of name to callable
        Each call is one turn and returns its seconds.
    least, most : int
        Bounds of the number of rounds.
    budget : float
        Seconds after which no further round begins, once there were enough.

    Returns
    -------
    dict of name to list of seconds, one per round
    """
    taken = {name: [] for name in turns}
    start = time.perf_counter()
    with _no_collection():
        for number in range(most):
            if number >= least and time.perf_counter() - start > budget:
                break
            for name, turn in turns.items():
                # Threads of a BLAS go on spinning for a while; the next turn must not share its cores with them.
                time.sleep(_REST)
                taken[name].append(turn())
    return taken


def one_blas_thread():
    """Context in which BLAS has one thread."""
    return threadpool_limits(1, user_api="blas")


def fastest_blas(call, n_trials=1):
    """Context in which BLAS has the number of threads, all or one, that suits a call best: the peer's best case.

    Threads of BLAS wait for each other, so that where other programs want the cores too, or matrices are
    small, one thread can be many times faster than all.
    """
    taken = {}
    for limited in (nullcontext, one_blas_thread):
        with limited():
            taken[limited] = min(seconds(call) for _ in range(n_trials))
    return min(taken, key=taken.get)
