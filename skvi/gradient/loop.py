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


def run(flow, *, max_iter, evaluate_every, tol, metric_rows=None, look_rows=None, observer=None):
    """Advance a flow until it has come to rest or max_iter steps are made; evaluate it every so often.

    The last evaluation is on all rows.

    Parameters
    ----------
    flow : SteinFlow
    max_iter, evaluate_every : int
    tol : float
        The flow has come to rest where its motion between two evaluations has a mean of at most this.
    metric_rows : int or None
        Rows from which a metric that adapts takes the curvature.
    look_rows : int or None
        Rows that evaluations before the last are made on; None is all.
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
        if flow.metric.adapts:
            flow.refresh_metric(metric_rows)
        flow.rest()
        n_steps += _advance(flow, min(evaluate_every, max_iter - n_steps))
        trace.rest = flow.motion.rest(flow.metric.whiten(flow.z))
        trace.converged = flow.at_full_drive and trace.rest <= tol
        ended = trace.converged or n_steps >= max_iter
        trace.record(n_steps, flow.evaluate(None if ended else look_rows))
        trace.stopped = observer is not None and bool(observer.end(len(trace.steps) - 1, trace))
        if trace.stopped and not ended and look_rows is not None:
            trace.evaluations[-1] = flow.evaluate()
    return trace


def _advance(flow, n_steps):
    # One limit for all steps: setting it at each would cost as much as a step of few particles.
    with _threads.single_threaded_blas():
        for _ in range(n_steps):
            flow.advance()
    return n_steps
