"""How rows are cut into blocks: by the size of the problem alone, never by the number of threads."""

from itertools import pairwise

#: operations that make a task worth handing to a thread, about half a millisecond
TASK_COST = 3e6
MAX_TASKS = 32
#: memory that the accumulators of all tasks together may take
RESULT_BYTES = 4e6


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
    most = min(MAX_TASKS, max(8, int(RESULT_BYTES / max(result_bytes, 1.0))))
    n_tasks = max(1, min(most, int(n_rows * cost_per_row / TASK_COST), n_rows))
    # Eights are shared evenly by two, four and eight threads.
    n_tasks -= n_tasks % 8 if n_tasks > 8 else 0
    edges = [n_rows * i // n_tasks for i in range(n_tasks + 1)]
    return list(pairwise(edges))
