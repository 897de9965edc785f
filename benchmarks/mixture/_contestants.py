"""The contestants: what runs one sweep, and what fits a whole model.

To add a peer, write a class with `start`, `turn` and `means` and enter it in SWEEPS and FITS. All in SWEEPS take
turns; the tables compare OURS with PEER.
"""

from statistics import median

from sklearn.mixture import BayesianGaussianMixture

from benchmarks._timing import fastest_blas, seconds
from skvi import _threads
from skvi.engine.loop import Restart
from skvi.engine.monitor import Monitor
from skvi.mixture import VariationalGaussianMixture

OURS = "skvi"
PEER = "scikit-learn"

# Next to none: what scikit-learn adds to covariances in each sweep is not in its bound.
_TINY = 1e-12
# Sweeps of a turn: at least so many, and for so many seconds.
_REPEATS = 3
_SECONDS = 0.15
# Sweeps before the first turn: of skvi the first compiles, of the peer they try numbers of threads.
_AHEAD = 2


class _Prepared(Exception):
    """Carries what a fit would run next."""


class _Preparing(VariationalGaussianMixture):
    """Goes through a fit up to the loop, so that single sweeps can be timed."""

    def _run(self, schedule, starts, *args, **kwargs):
        raise _Prepared(schedule, starts)


class SkviSweeps:
    """Sweeps of skvi's batch schedule."""

    def __init__(self, n_components, covariance_type="full", n_jobs=None):
        self._settings = {"n_components": n_components, "covariance_type": covariance_type, "n_jobs": n_jobs}
        self._restart = Restart(Monitor(0.0))

    def start(self, X, responsibilities):
        """Start from responsibilities, and take the first sweeps."""
        try:
            _Preparing(
                init_params=responsibilities, weight_concentration_prior_type="dirichlet_distribution", **self._settings
            ).fit(X)
        except _Prepared as prepared:
            self._schedule, starts = prepared.args
        # No leaps beyond the plain update: sweep by sweep, both sides are to be in the same state.
        self._schedule.growth = 1.0
        with _threads.single_threaded_blas():
            self._schedule.start([self._restart], starts)
        for _ in range(_AHEAD):
            self._sweep()

    def _sweep(self):
        with _threads.single_threaded_blas():
            self._schedule.sweep([self._restart])

    def turn(self):
        """Sweep; the seconds that took.

        In a fit sweep follows sweep, while here the peer's arrays have pushed the rows out of the caches, and after
        a rest the operating system takes some 50 ms to find each thread a core. So the same sweep runs several
        times from the same state, and the median counts.
        """
        before = dict(vars(self._restart))
        taken = []
        while len(taken) < _REPEATS or sum(taken) < _SECONDS:
            vars(self._restart).update(before)
            taken.append(seconds(self._sweep))
        return median(taken)

    @property
    def means(self):
        """Posterior means of the components' means, to see that contestants are in the same state.

        skvi ends a sweep with the local step and scikit-learn with the global one, which is made up for here.
        """
        schedule = self._schedule
        return schedule.model.global_step(schedule.prior, self._restart.summary).components.mean


class ScikitLearnSweeps(BayesianGaussianMixture):
    """The body of the loop in scikit-learn's `fit`, from given responsibilities."""

    def __init__(self, n_components, covariance_type="full"):
        super().__init__(
            n_components=n_components,
            covariance_type=covariance_type,
            reg_covar=_TINY,
            weight_concentration_prior_type="dirichlet_distribution",
        )

    def start(self, X, responsibilities):
        """Start from responsibilities, and take the first sweeps."""
        self._X = X
        self._check_parameters(X)
        self._initialize(X, responsibilities)
        self._limited = fastest_blas(self._sweep, _AHEAD // 2)

    def _sweep(self):
        log_density, log_responsibilities = self._e_step(self._X)
        self._m_step(self._X, log_responsibilities)
        self._compute_lower_bound(log_responsibilities, log_density)

    def turn(self):
        """Sweep; the seconds that took."""
        with self._limited():
            return seconds(self._sweep)

    @property
    def means(self):
        """Posterior means of the components' means."""
        return self.means_


SWEEPS = {PEER: ScikitLearnSweeps, OURS: SkviSweeps}


def scikit_learn(**settings):
    """scikit-learn's mixture, without the ridge that is not part of the model."""
    return BayesianGaussianMixture(**{"reg_covar": _TINY, **settings})


FITS = {PEER: scikit_learn, OURS: VariationalGaussianMixture}
