"""What a method of inference found."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Look:
    """What an approximation is worth at one moment of a run.

    Parameters
    ----------
    approximation : object
    elbo : float
        Estimate of its evidence lower bound (nats).
    """

    approximation: object
    elbo: float


@dataclass
class Outcome:
    """An approximation, and how a method came to it.

    Parameters
    ----------
    approximation : object
        Such as a `NormalApproximation`.
    converged : bool
    reason : str
        A clause that says why the method ended, and where it did not converge what to try next.
    n_steps : int
    history : dict of list
        Figures at the looks of the method; "elbo" (nats) is one of them.
    covariance : ndarray of shape (P, P) or None
        A covariance that is better than the approximation's own.
    """

    approximation: object
    converged: bool
    reason: str
    n_steps: int
    history: dict = field(default_factory=dict)
    covariance: np.ndarray | None = None
