"""The loop: restarts side by side until each has converged, then the best of them."""

from dataclasses import dataclass, field

from skvi.engine.monitor import Monitor


@dataclass
class Restart:
    """One run of a fit: what its next sweep needs.

    Parameters
    ----------
    monitor : Monitor
    prior : Joint or None
        Of the global factors; models may learn its hyper-parameters.
    posterior : Joint or None
        The global posterior, q.
    summary : Summary or None
        The statistics S behind it.
    bound : float
        Evidence lower bound (nats) that the last sweep reached.
    base : Summary or None
        What the posterior was made from, in batch.
    rate : float
        How far batch sweeps go: 1 is to the summary, more beyond it, less a part of the way.
    leapt : bool
        Whether the posterior lies beyond a summary.
    swings : bool
        Whether batch sweeps have had to be shortened.
    states : list
        What the blocks keep between visits; of mini-batches, a list for each of them.
    memory : list of Summary
        Memoized summaries of the mini-batches.
    steps : int
        Stochastic steps taken so far.
    """

    monitor: Monitor
    prior: object = None
    posterior: object = None
    summary: object = None
    bound: float = -float("inf")
    base: object = None
    rate: float = 1.0
    leapt: bool = False
    swings: bool = False
    states: list = field(default_factory=list)
    memory: list = field(default_factory=list)
    steps: int = 0


@dataclass
class Result:
    """What a fit leaves behind: the best restart, and the final bounds of all."""

    best: Restart
    bounds: list
    n_iter: int
    converged: bool
    stopped: bool = False


def run(schedule, restarts, *, max_iter, sort=True, observer=None):
    """Sweep until all restarts have converged or max_iter is reached; return the best.

    Parameters
    ----------
    schedule : Schedule
    restarts : list of Restart
        With a posterior and a summary each.
    max_iter : int
        Largest number of sweeps, at least 1.
    sort : bool
        Whether to sort components by mass in the end.
    observer : object or None
        Its `begin(iteration)` is called before and its `end(iteration, leading restart)` after each sweep; where
        the latter returns true, the fit stops.

    Returns
    -------
    Result
    """
    stopped = False
    for iteration in range(max_iter):
        active = [restart for restart in restarts if not restart.monitor.converged]
        if not active:
            break
        if observer is not None:
            observer.begin(iteration)
        schedule.sweep(active)
        for restart in active:
            restart.monitor.record(restart.bound, schedule.conclusive(restart))
        if observer is not None and observer.end(iteration, max(restarts, key=lambda restart: restart.bound)):
            stopped = True
            break
    n_iters = [len(restart.monitor.bounds) for restart in restarts]
    schedule.finish(restarts)
    best = max(restarts, key=lambda restart: restart.bound)
    schedule.settle(best, sort)
    bounds = [restart.bound for restart in restarts]
    best.monitor.close(best.bound)
    return Result(best, bounds, n_iters[restarts.index(best)], best.monitor.converged, stopped)
