"""The thread pool: order, errors, nesting, forks; and the guard of BLAS's threads."""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from functools import partial

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController, threadpool_limits

from skvi import _threads
from skvi.kernels.moments import mirror

#: seconds after which something hangs
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _no_endless_wait():
    """Turn a deadlock into a failure where the platform has alarms."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def fail(number, frame):
        raise TimeoutError("the test hangs")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, 2.0 * PATIENCE)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, before)


def squares(n):
    return [partial(pow, i, 2) for i in range(n)]


def check_pool():
    assert _threads.run(squares(20), 4) == [i**2 for i in range(20)]


def meet(barrier):
    """Wait until as many threads as the barrier is made for are here at once."""
    barrier.wait(PATIENCE)
    return threading.get_ident()


@pytest.mark.parametrize("n_jobs", [1, 2, 4, 100])
@pytest.mark.parametrize("n_tasks", [0, 1, 2, 50])
def test_results_come_in_the_order_of_tasks(n_tasks, n_jobs):
    def slow_first(i):
        time.sleep(0.01 if i == 0 else 0.0)
        return i

    tasks = [partial(slow_first, i) for i in range(n_tasks)]
    assert _threads.run(tasks, n_jobs) == list(range(n_tasks))


def test_tasks_may_come_from_a_generator():
    assert _threads.run((task for task in squares(5)), 2) == [0, 1, 4, 9, 16]


def test_two_tasks_run_at_once():
    idents = _threads.run(2 * [partial(meet, threading.Barrier(2))], 2)
    assert threading.get_ident() in idents
    assert len(set(idents)) == 2


def test_no_more_threads_than_asked_for_are_busy():
    lock, busy, most = threading.Lock(), 0, 0

    def task():
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.005)
        with lock:
            busy -= 1

    _threads.run(20 * [task], 2)
    assert most <= 2


def test_one_job_stays_in_the_calling_thread():
    assert set(_threads.run(5 * [threading.get_ident], 1)) == {threading.get_ident()}


class Interrupted(BaseException):
    """Like KeyboardInterrupt: no Exception."""


@pytest.mark.parametrize("error", [ValueError, Interrupted])
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("position", [0, 7, 19])
def test_errors_come_through_and_the_pool_works_afterwards(position, n_jobs, error):
    def fail():
        raise error("no luck")

    tasks = squares(20)
    tasks[position] = fail
    with pytest.raises(error, match="no luck"):
        _threads.run(tasks, n_jobs)
    check_pool()


@pytest.mark.parametrize("from_pool", [False, True])
def test_an_error_of_either_thread_comes_through(from_pool):
    caller, barrier = threading.get_ident(), threading.Barrier(2)

    def fail_in_one_thread():
        meet(barrier)
        if (threading.get_ident() != caller) == from_pool:
            raise Interrupted("no luck")

    with pytest.raises(Interrupted):
        _threads.run(2 * [fail_in_one_thread], 2)
    check_pool()


def test_an_error_stops_the_handing_out_of_tasks():
    done = []

    def fail():
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        _threads.run([fail, *[partial(done.append, i) for i in range(10_000)]], 1)
    assert done == []
    with pytest.raises(ValueError):  # noqa: PT011
        _threads.run([fail, *[partial(time.sleep, 0.01) for _ in range(10_000)]], 2)


def test_an_error_waits_for_tasks_under_way():
    barrier, ended = threading.Barrier(2), []

    def fail():
        meet(barrier)
        raise ValueError("no luck")

    def slow():
        meet(barrier)
        time.sleep(0.05)
        ended.append(True)

    with pytest.raises(ValueError, match="no luck"):
        _threads.run([fail, slow], 2)
    assert ended == [True]


def nested(depth):
    if depth == 0:
        return 1
    return sum(_threads.run(4 * [partial(nested, depth - 1)], 4))


def test_nested_runs_do_not_deadlock():
    assert _threads.run(16 * [partial(nested, 2)], 16) == 16 * [16]


def test_nested_runs_stay_in_their_thread():
    def slow_ident():
        time.sleep(0.01)
        return threading.get_ident()

    def idents():
        return {threading.get_ident(), *_threads.run(4 * [slow_ident], 4)}

    assert all(len(found) == 1 for found in _threads.run(2 * [idents], 2))


def test_the_caller_may_use_the_pool_again_after_a_nested_run():
    _threads.run(4 * [check_pool], 4)
    assert len(set(_threads.run(2 * [partial(meet, threading.Barrier(2))], 2))) == 2


def test_many_threads_may_call_at_once():
    barrier, failures = threading.Barrier(8), []

    def call():
        meet(barrier)
        for _ in range(20):
            if _threads.run(squares(30), 4) != [i**2 for i in range(30)]:
                failures.append(threading.get_ident())

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert not any(caller.is_alive() for caller in callers)
    assert failures == []


def test_a_pool_in_use_elsewhere_blocks_nobody():
    released = threading.Event()
    n_threads = _threads._shared_pool()._max_workers
    hogs = [_threads._shared_pool().submit(released.wait, PATIENCE) for _ in range(n_threads)]
    check_pool()
    assert not any(hog.done() for hog in hogs)
    released.set()


def test_scratch_is_reused_by_name_shape_and_dtype():
    first = _threads.scratch("test", (3, 4))
    assert first.shape == (3, 4)
    assert first.dtype == np.float64
    assert first.flags.c_contiguous
    assert _threads.scratch("test", (3, 4)) is first
    assert _threads.scratch("test of another", (3, 4)) is not first
    assert _threads.scratch("test", (4, 3)).shape == (4, 3)
    assert _threads.scratch("test", (4, 3), np.int64).dtype == np.int64


def test_each_thread_has_its_own_scratch():
    barrier = threading.Barrier(2)

    def task():
        meet(barrier)
        return _threads.scratch("test", (5,))

    one, other = _threads.run(2 * [task], 2)
    assert not np.shares_memory(one, other)


def test_effective_n_jobs():
    n_cores = joblib.cpu_count()
    assert [_threads.effective_n_jobs(n) for n in (None, -1, 1, 2)] == [n_cores, n_cores, 1, 2]
    assert _threads.effective_n_jobs(-2) == max(1, n_cores - 1)
    assert _threads.effective_n_jobs(-10_000) == 1


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_of_joblib_use_one_thread_unless_told(backend):
    found = Parallel(n_jobs=2, backend=backend)(delayed(_threads.effective_n_jobs)(n) for n in (None, None, 2))
    assert found == [1, 1, 2]


def use_pool_and_kernel():
    check_pool()
    _threads.run(2 * [partial(meet, threading.Barrier(2))], 2)
    seconds = [np.arange(9.0).reshape(1, 3, 3) for _ in range(8)]
    _threads.run([partial(mirror, second) for second in seconds], 4)
    assert all(np.array_equal(second[0], second[0].T) for second in seconds)
    with _threads.single_threaded_blas():
        np.eye(3) @ np.eye(3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_the_pool_works_in_a_forked_child():
    use_pool_and_kernel()
    with warnings.catch_warnings():
        # Python 3.12 warns of any fork of a process with threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = multiprocessing.get_context("fork").Process(target=use_pool_and_kernel)
        child.start()
    child.join(PATIENCE)
    exitcode = child.exitcode
    child.kill()
    child.join()
    assert exitcode == 0
    use_pool_and_kernel()


def blas_threads():
    return [library["num_threads"] for library in ThreadpoolController().select(user_api="blas").info()]


@pytest.fixture
def blas():
    """How many threads BLAS has, two at least; put back afterwards, so that one failure brings no other."""
    controller = ThreadpoolController().select(user_api="blas")
    before = blas_threads()

    def put(n_threads):
        for library, n in zip(controller.lib_controllers, n_threads, strict=True):
            # Since threadpoolctl 3.8 the first thread to set a limit is the only one that may.
            getattr(library, "clear_controlling_thread", lambda force: None)(force=True)
            library.set_num_threads(n)
            getattr(library, "clear_controlling_thread", lambda force: None)(force=True)

    put([max(2, n) for n in before])
    threads = blas_threads()
    if max(threads, default=1) < 2:
        pytest.skip("BLAS has one thread only")
    yield threads
    put(before)


def test_blas_is_limited_and_restored(blas):
    with _threads.single_threaded_blas():
        assert set(blas_threads()) == {1}
    assert blas_threads() == blas


def test_blas_is_restored_after_an_error(blas):
    with pytest.raises(Interrupted), _threads.single_threaded_blas():
        raise Interrupted
    assert blas_threads() == blas


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_overlapping_users_of_blas_leave_it_as_it_was(blas, first_to_end):
    users = [_threads.single_threaded_blas(), _threads.single_threaded_blas()]
    for user in users:
        user.__enter__()
    users[first_to_end].__exit__(None, None, None)
    assert set(blas_threads()) == {1}
    users[1 - first_to_end].__exit__(None, None, None)
    assert blas_threads() == blas


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_overlapping_threads_leave_blas_as_it_was(blas, first_to_end):
    entered, may_leave, left = ([threading.Event(), threading.Event()] for _ in range(3))
    seen, both_left = {}, threading.Event()

    def use(i):
        with _threads.single_threaded_blas():
            entered[i].set()
            may_leave[i].wait(PATIENCE)
            seen[i] = set(blas_threads())
        left[i].set()
        both_left.wait(PATIENCE)

    threads = [threading.Thread(target=use, args=(i,)) for i in range(2)]
    for i, thread in enumerate(threads):
        thread.start()
        entered[i].wait(PATIENCE)
    for i in (first_to_end, 1 - first_to_end):
        may_leave[i].set()
        left[i].wait(PATIENCE)
    after = blas_threads()
    both_left.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert seen == {0: {1}, 1: {1}}
    assert after == blas


def test_any_thread_may_limit_blas_after_another(blas):
    def limited():
        with _threads.single_threaded_blas():
            return set(blas_threads())

    assert limited() == {1}
    seen = []
    thread = threading.Thread(target=lambda: seen.append(limited()))
    thread.start()
    thread.join(PATIENCE)
    assert seen == [{1}]
    assert blas_threads() == blas


def test_other_users_of_threadpoolctl_may_limit_blas_afterwards(blas):
    with _threads.single_threaded_blas():
        pass
    seen = []

    def limited():
        with threadpool_limits(1, user_api="blas"):
            seen.append(set(blas_threads()))

    thread = threading.Thread(target=limited)
    thread.start()
    thread.join(PATIENCE)
    assert seen == [{1}]


def test_many_users_of_blas_leave_it_as_it_was(blas):
    def task():
        with _threads.single_threaded_blas():
            return set(blas_threads())

    assert _threads.run(50 * [task], 4) == 50 * [{1}]
    assert blas_threads() == blas


def test_a_limit_set_between_two_uses_is_kept(blas):
    with _threads.single_threaded_blas():
        pass
    with threadpool_limits(1, user_api="blas"):
        with _threads.single_threaded_blas():
            pass
        assert set(blas_threads()) == {1}
    assert blas_threads() == blas
