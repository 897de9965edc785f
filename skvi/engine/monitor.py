"""The monitor: the bounds of one restart, and whether they have settled."""

import math


class Monitor:
    """Records a bound per sweep and says when sweeps stop paying.

    Parameters
    ----------
    threshold : float
        Gain in nats up to which a sweep counts as idle: tol times the sum of weights.
    patience : int
        Idle sweeps in a row that mean convergence: one for exact bounds, more for noisy ones.
    """

    def __init__(self, threshold, patience=1):
        self.threshold = threshold
        self.patience = patience
        self.bounds = []
        self.gain = math.inf
        self._best = -math.inf
        self._idle = 0

    @property
    def converged(self):
        """Whether as many sweeps in a row were idle as the patience asks for."""
        return self._idle >= self.patience

    def record(self, bound, conclusive=True):
        """Take in the bound after a sweep; one that is not conclusive does not count as idle.

        Raises
        ------
        FloatingPointError
            Where the bound is not finite.
        """
        if not math.isfinite(bound):
            raise FloatingPointError(f"the evidence lower bound became {bound} in iteration {len(self.bounds) + 1}")
        self.gain = bound - self._best
        self._idle = self._idle + 1 if conclusive and self.gain <= self.threshold else 0
        self._best = max(self._best, bound)
        self.bounds.append(bound)

    def close(self, bound):
        """Make the bound of the final local step the last entry; where only rounding differs, in its place."""
        if self.bounds and abs(bound - self.bounds[-1]) <= 1e-9 * abs(bound):
            self.bounds.pop()
        self.bounds.append(bound)
