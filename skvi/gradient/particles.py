"""Stein variational gradient descent: particles that flow towards a target (Liu and Wang 2016)."""

from dataclasses import dataclass, field

import numpy as np

from skvi.gradient.entropy import cloud_entropy
from skvi.gradient.laps import Laps
from skvi.gradient.metric import Metric
from skvi.gradient.stein import kernel_stein_discrepancy, stein_direction
from skvi.kernels import steps


@dataclass
class Evaluation:
    """What the particles are worth at one moment, on all rows.

    Parameters
    ----------
    elbo : float
        Mean log density of the particles plus the entropy of a normal distribution with their covariance, nats.
    elbo_se : float
        Standard error of the mean log density.
    discrepancy : float
        Kernel Stein discrepancy.
    spread : float
        Median over coordinates of -mean((z - mean z) d log p / dz), which is one under the target itself.
    """

    elbo: float
    elbo_se: float
    discrepancy: float
    spread: float


@dataclass
class Motion:
    """Mean directions since the last evaluation: the cloud has settled where they have no trend.

    Sums over steps of the mean direction, and of the mean product of direction and distance from the centre.
    """

    drift: np.ndarray
    swell: np.ndarray
    n_steps: int = 0

    def observe(self, z, direction):
        """Take in the directions of one step."""
        steps.add_motion(z, direction, self.drift, self.swell)
        self.n_steps += 1

    def rest(self, z):
        """The largest mean motion: of the centre in standard deviations, of the width as a share."""
        # One particle alone is measured by the scales of the parameters.
        drift = np.abs(self.drift) * (z.std(axis=0) if len(z) > 1 else 1.0)
        return float(np.maximum(drift, np.abs(self.swell)).max()) / max(self.n_steps, 1)


@dataclass
class SteinFlow:
    """Particles, and the rules by which they move.

    Parameters
    ----------
    target : Target
    z : ndarray of shape (n, P)
        The particles in free numbers.
    optimizer : object
        Makes increments of directions.
    step : FixedStep, TurningStep or KestenStep
    kernel : {"rbf", "imq"}
    bandwidth : float or None
        None is the median rule, anew at every step.
    drive : callable
        Takes the number of steps made, returns the factor of the gradients.
    metric : Metric
        Of the space in which particles repel each other and move.
    batch_size : int or None
    metric_rows : int or None
        Rows from which a metric that adapts takes the curvature; None is all.
    look_rows : int or None
        Rows of evaluations before the last; None is all.
    rng : numpy.random.RandomState
    n_jobs : int
    """

    target: object
    z: np.ndarray
    optimizer: object
    step: object
    kernel: str = "rbf"
    bandwidth: float | None = None
    drive: object = None
    metric: Metric = field(default_factory=Metric)
    batch_size: int | None = None
    metric_rows: int | None = None
    look_rows: int | None = None
    rng: object = None
    n_jobs: int = 1
    n_steps: int = 0
    n_gradients: int = 0
    n_nonfinite: int = 0

    def __post_init__(self):
        self._laps = Laps(self.target.X.shape[0] if self.target.has_rows else 0, self.rng)
        self._forget()

    def _forget(self):
        self._motion = Motion(np.zeros(self.z.shape[1]), np.zeros(self.z.shape[1]))

    def begin_round(self):
        """Adapt the metric to where the particles are now, and forget the motion so far."""
        if self.metric.adapts:
            self.n_gradients += self.metric.adapt(self.rows(self.metric_rows), self.z)
        self._forget()

    def motion(self):
        """Mean motion of the particles since the round began; infinite while the drive changes."""
        if self.drive is not None and self.n_steps < self.drive.n_annealed:
            return np.inf
        return self._motion.rest(self.metric.whiten(self.z))

    @property
    def n_batches(self):
        """Mini-batches in a lap over the rows."""
        n_rows = self.target.X.shape[0]
        return -(-n_rows // (self.batch_size or n_rows))

    def rows(self, size):
        """A target of some rows, each of which comes once in a lap."""
        rows = self._laps.take(size)
        return self.target if rows is None else self.target.minibatch(rows)

    def advance(self):
        """Move all particles by one step."""
        gradients = self._finite(self.rows(self.batch_size).gradient(self.z))
        if self.drive is not None:
            gradients = gradients * self.drive(self.n_steps)
        y = self.metric.whiten(self.z)
        pulled = self.metric.pull_back(gradients)
        direction = stein_direction(y, pulled, self.kernel, self.bandwidth, n_jobs=self.n_jobs)
        increment = self.optimizer.increment(direction)
        increment *= self.step.factor
        self.step.observe(direction, increment)
        self._motion.observe(y, direction)
        self.z = self.z + self.metric.unwhiten(increment)
        self.n_steps += 1

    def evaluate(self, last=True):
        """The worth of the particles, before the last time as estimated from some rows, which are always the same."""
        target = self.target
        n_rows = None if last else self.look_rows
        if n_rows is not None and target.has_rows and n_rows < target.X.shape[0]:
            target = target.minibatch(np.sort(np.random.default_rng(0).permutation(target.X.shape[0])[:n_rows]))
        gradients = self._finite(target.gradient(self.z))
        densities = target.log_density(self.z)
        densities = densities[np.isfinite(densities)]
        centred = self.z - self.z.mean(axis=0)
        mean, error = -np.inf, np.inf
        if len(densities):
            mean, error = float(densities.mean()), float(densities.std() / np.sqrt(len(densities)))
        return Evaluation(
            elbo=mean + cloud_entropy(self.z),
            elbo_se=error,
            discrepancy=kernel_stein_discrepancy(self.z, gradients, n_jobs=self.n_jobs),
            spread=float(np.median(-np.mean(centred * gradients, axis=0))),
        )

    def entropy(self):
        """Entropy (nats) in the parameters themselves of what the particles stand for."""
        stretched = float(np.mean(self.target.layout.log_jacobian(self.z)))
        return cloud_entropy(self.z) + stretched

    def _finite(self, gradients):
        """Gradients without those of particles at which one is not finite: they are only pushed by the others."""
        self.n_gradients += len(gradients)
        # A sum of squares tells of most arrays in one pass; where it overflows numbers are looked at one by one.
        if np.isfinite(np.vdot(gradients, gradients)):
            return gradients
        finite = np.isfinite(gradients)
        if finite.all():
            return gradients
        bad = ~finite.all(axis=1)
        self.n_nonfinite += int(bad.sum())
        if bad.all():
            raise FloatingPointError(
                f"the gradient of the log density is not finite at any of the {len(bad)} particles after "
                f"{self.n_steps} steps"
            )
        return np.where(bad[:, None], 0.0, gradients)
