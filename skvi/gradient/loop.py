"""The loop: steps, and now and then a look at where they have led."""

from skvi import _threads
from skvi.engine.monitor import Monitor


class Trace:
    """What the evaluations of a run have found.

    Parameters
    ----------
    evaluations : list
    steps : list of int
        Number of steps made before each evaluation.
    """

    def __init__(self):
        self.evaluations = []
        self.steps = []
        self.monitor = Monitor(0.0)
        self.rest = float("inf")
        self.converged = False
        self.stopped = False

    @property
    def bound(self):
        """The last estimate of the evidence lower bound (nats)."""
        return self.evaluations[-1].elbo

    def record(self, n_steps, evaluation):
        """Take in an evaluation.

        Raises
        ------
        FloatingPointError
            Where its bound is not finite.
        """
        self.monitor.record(evaluation.elbo)
        self.evaluations.append(evaluation)
        self.steps.append(n_steps)


def run(method, *, max_iter, evaluate_every, tol, observer=None):
    """Advance a method until it has come to rest or max_iter steps are made; evaluate it every so often.

    Parameters
    ----------
    method : object
        Its `begin_round()` is called before the steps between two evaluations, `advance()` makes one of them,
        `motion()` says how much it still moves, and `evaluate(last)` gives an object with `elbo`, on all rows where
        it is the last.
    max_iter, evaluate_every : int
    tol : float
        The method has come to rest where its motion between two evaluations is at most this.
    observer : object or None
        Its `begin(iteration)` is called before and its `end(iteration, trace)` after the steps between two
        evaluations; where the latter returns true, the run stops.

    Returns
    -------
    Trace
    """
    trace = Trace()
    n_steps = 0
    while n_steps < max_iter and not (trace.converged or trace.stopped):
        if observer is not None:
            observer.begin(len(trace.steps))
        method.begin_round()
        n_steps += _advance(method, min(evaluate_every, max_iter - n_steps))
        trace.rest = method.motion()
        trace.converged = trace.rest <= tol
        ended = trace.converged or n_steps >= max_iter
        trace.record(n_steps, method.evaluate(ended))
        trace.stopped = observer is not None and bool(observer.end(len(trace.steps) - 1, trace))
        if trace.stopped and not ended:
            trace.evaluations[-1] = method.evaluate(True)
    return trace


def _advance(method, n_steps):
    # One limit for all steps: setting it at each would cost as much as a step of few draws.
    with _threads.single_threaded_blas():
        for _ in range(n_steps):
            method.advance()
    return n_steps
