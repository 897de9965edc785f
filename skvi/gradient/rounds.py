"""Rounds: how all pairs of blocks are shared among threads, each block of results with one owner at a time.

Blocks fall into groups, and groups meet as teams do in a tournament: in each round every group is in one meeting, so
that the tasks of a round write to different rows. Which pairs are added to a row, and in which order, follows from
the size of the problem alone.
"""

import functools
from itertools import pairwise

from skvi import _threads

#: least cost of a meeting of two groups, in the unit of `n_groups`: about a quarter of a millisecond
LEAST_COST = 4e6
_MOST_GROUPS = 64


def n_groups(n_blocks, cost):
    """Number of groups: a power of two, but not two.

    Parameters
    ----------
    n_blocks : int
    cost : float
        Of all pairs, each of the two orders counted; one coordinate of a pair costs one.
    """
    groups = 1
    while 2 * groups <= min(n_blocks, _MOST_GROUPS) and 2 * cost >= LEAST_COST * (2 * groups) ** 2:
        groups *= 2
    # Two groups meet once: there is nothing to share.
    return groups if groups > 2 else 1


@functools.lru_cache(maxsize=64)
def rounds(n_blocks, groups):
    """Rounds of meetings, each two ranges of blocks (start, stop), of which the first is not after the second.

    In the first round each group meets itself.
    """
    edges = [n_blocks * g // groups for g in range(groups + 1)]
    ranges = list(pairwise(edges))
    order = list(range(groups))
    plan = [[(own, own) for own in ranges]]
    for _ in range(groups - 1):
        meetings = [sorted((order[g], order[-1 - g])) for g in range(groups // 2)]
        plan.append([(ranges[a], ranges[b]) for a, b in meetings])
        # The first stays, all others move up one seat.
        order = [order[0], order[-1], *order[1:-1]]
    return plan


def play(plan, task, n_jobs):
    """Call task(first, second) for all meetings, round by round; return the results in order."""
    results = []
    for meetings in plan:
        results += _threads.run([lambda m=meeting: task(*m) for meeting in meetings], n_jobs)
    return results
