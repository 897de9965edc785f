"""How rows are cut into blocks: by the size of the problem alone, never by the number of threads."""

from itertools import pairwise

import numpy as np

#: operations that make a task worth handing to a thread, half a millisecond or more
TASK_COST = 3.5e6
MAX_TASKS = 32
#: memory that the accumulators of all tasks together may take
RESULT_BYTES = 2e6


def cut(n_rows, cost_per_row, result_bytes):
    """Cut rows into equal ranges.

    Parameters
    ----------
    n_rows : int
    cost_per_row : float
        Arithmetic operations of the local step for one row.
    result_bytes : float
        Size of one task's result; there is one accumulator a task, and they are added up.

    Returns
    -------
    list of (start, stop)
    """
    n_tasks = _number(n_rows, n_rows * cost_per_row, result_bytes)
    edges = [n_rows * i // n_tasks for i in range(n_tasks + 1)]
    return list(pairwise(edges))


def cut_by_cost(cumulative, cost, result_bytes=0.0):
    """Cut rows of unequal cost into ranges of about equal cost.

    Parameters
    ----------
    cumulative : ndarray of shape (n_rows + 1,)
        Share of the cost before each row, in any unit, as the indptr of a sparse matrix is.
    cost : float
        Arithmetic operations of all rows together.
    result_bytes : float

    Returns
    -------
    list of (start, stop), none of them empty
    """
    n_rows = len(cumulative) - 1
    n_tasks = _number(n_rows, cost, result_bytes)
    targets = cumulative[0] + (cumulative[-1] - cumulative[0]) * np.arange(1, n_tasks) / n_tasks
    edges = [0, *np.searchsorted(cumulative, targets).tolist(), n_rows]
    return [(start, stop) for start, stop in pairwise(edges) if stop > start]


def _number(n_rows, cost, result_bytes):
    most = min(MAX_TASKS, max(8, int(RESULT_BYTES / max(result_bytes, 1.0))))
    n_tasks = max(1, min(most, int(cost / TASK_COST), n_rows))
    # Eights, fours and twos are shared evenly by as many threads.
    return n_tasks - n_tasks % 8 if n_tasks > 8 else 1 << (n_tasks.bit_length() - 1)
