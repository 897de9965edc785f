"""How an estimator's parameters become a chain of methods that ends with an approximation."""

import numpy as np
from scipy.linalg import LinAlgError

from skvi.gradient.advi import advi
from skvi.gradient.approximations import approximation_of
from skvi.gradient.batch_match import batch_match
from skvi.gradient.black_box_alpha import BlackBoxAlpha
from skvi.gradient.dadvi import dadvi
from skvi.gradient.laps import Laps
from skvi.gradient.natural import natural
from skvi.gradient.noise import matched
from skvi.gradient.normals import FullRank, MeanField, NormalApproximation
from skvi.gradient.objectives import ELBO, ScoreFunction
from skvi.gradient.outcome import Outcome
from skvi.gradient.pathfinder import pathfinder
from skvi.gradient.renyi import RenyiBound

FLOWS = {"planar", "realnvp"}
FAMILIES = {"auto", "meanfield", "fullrank", "lowrank"} | FLOWS
OBJECTIVES = {"elbo", "renyi", "bb-alpha"}
GRADIENTS = {"auto", "closed", "stl", "score", "score-cv"}

#: families that a method finds
SUITED = {
    "pathfinder": {"fullrank", "meanfield", "lowrank"},
    "bam": {"fullrank"},
    "dadvi": {"meanfield"},
    "natural": {"fullrank", "meanfield"},
    "advi": FAMILIES - {"auto"},
}
METHODS = {"auto"} | set(SUITED)

# Free numbers up to which family="auto" of a given method means a full covariance.
_MOST_FULL_RANK = 300
# And up to which "auto" means batch and match: in the benchmark `sizes` linear response is quicker from there on.
_MOST_MATCHED = 200
# Paths of pathfinder, and rows times free numbers up to which these are many: modes are missed by chance.
_MANY_PATHS, _FEW_PATHS, _CHEAP = 16, 4, 10**6
# Mini-batches from whose rows a stochastic method's start is found.
_START_BATCHES = 10
# Natural gradients of mini-batches: whole steps would follow their noise.
_NOISY_NATURAL = {"step_size": 0.3, "max_iter": 600}
# Errors of the means, in those that other methods are held to, that few fixed draws may leave.
_FIXED_NOISE = 10.0
# Draws of a step of objectives that take means of powers: two groups.
_POWER_DRAWS = 20
# Fisher divergence for each free number up to which a posterior counts as nearly normal.
_NEARLY_NORMAL = 0.05
# Draws by which two approximations are compared.
_LOOK_DRAWS = 200
# Draws of a step along a stream.
_STREAM_DRAWS = 20
BASELINES = {"score": "leave-one-out", "score-cv": "control-variates"}


class Inference:
    """The methods that an estimator's parameters ask for, one after the other.

    Parameters
    ----------
    settings : BlackBoxVI
    target : CountedTarget
    rng : RandomState
    observer : object or None
    """

    def __init__(self, settings, target, rng, observer=None):
        self.settings = settings
        self.target = target
        self.rng = rng
        self.observer = observer
        #: what searches from several starts have found, and its bounds
        self.rivals = []
        self._check()

    @property
    def by_scores(self):
        """Whether gradients are found without those of the model."""
        return self.settings.gradient in BASELINES

    @property
    def method(self):
        """The method that finds the approximation."""
        settings = self.settings
        if settings.method != "auto":
            return settings.method
        if self._asks_advi() or settings.family in FLOWS | {"lowrank"}:
            return "advi"
        matched = self.target.n_parameters <= _MOST_MATCHED
        if settings.family == "meanfield" or (settings.family == "auto" and not matched):
            return "dadvi"
        return "bam" if matched else "natural"

    @property
    def family(self):
        """The family that is searched."""
        settings = self.settings
        if settings.family != "auto":
            return settings.family
        if self.method == "dadvi" or self.target.n_parameters > _MOST_FULL_RANK:
            return "meanfield"
        return "fullrank"

    def _asks_advi(self):
        """The first setting that only stochastic gradients serve, as it is written; None where there is none."""
        settings = self.settings
        if settings.objective != "elbo":
            return f"objective={settings.objective!r}"
        if settings.gradient != "auto":
            return f"gradient={settings.gradient!r}"
        if settings.batch_size is not None and settings.method != "natural":
            return f"batch_size={settings.batch_size}"
        return None

    def _check(self):
        settings, method = self.settings, self.settings.method
        if settings.objective == "bb-alpha" and not self.target.n_rows:
            raise ValueError(
                "objective='bb-alpha' weighs rows one by one, and the model is a density without rows: give "
                "objective='elbo' or 'renyi'"
            )
        if settings.objective != "elbo" and settings.gradient != "auto":
            raise ValueError(
                f"gradient={settings.gradient!r} is of objective='elbo', and objective={settings.objective!r} has one "
                "of its own: give gradient='auto'"
            )
        if method == "auto":
            return
        if settings.family not in SUITED[method] | {"auto"}:
            raise ValueError(
                f"family={settings.family!r} is not found by method={method!r}, which takes "
                f"{', '.join(map(repr, sorted(SUITED[method])))}: give one of these, or method='auto'"
            )
        asked = self._asks_advi()
        if method == "natural" and settings.step_size != "auto" and settings.step_size > 1.0:
            raise ValueError(f"step_size={settings.step_size}: method='natural' goes a share of the way, at most 1")
        if method != "advi" and asked:
            raise ValueError(f"{asked} does not go with method={method!r}: give method='advi' or 'auto'")

    def run(self, last=None):
        """The outcome of the last method of the chain.

        Parameters
        ----------
        last : object or None
            An approximation to start from, in place of a search for one.
        """
        if self.method == "pathfinder":
            return self._start(None if last is None else last.mean)
        start = self._start().approximation if last is None else last
        return getattr(self, f"_{self.method}")(start)

    def _start(self, place=None):
        """The outcome of the search for a start, one of whose paths may begin at a place."""
        if self.by_scores:
            unit = MeanField(np.zeros(self.target.n_parameters), np.ones(self.target.n_parameters))
            return Outcome(unit, True, "", 0)
        only = self.method == "pathfinder"
        target = self._start_target()
        found = pathfinder(
            target,
            place,
            self.rng,
            n_paths=self.settings.n_paths or self._n_paths(),
            observer=self.observer if only else None,
            **self._given(max_iter=self.settings.max_iter if only else None),
        )
        if target is self.target:
            self.rivals = list(zip(found.normals, found.history["path_elbo"], strict=True))
        if only:
            found.approximation = self._shaped(found.approximation)
        return found

    def _n_paths(self):
        """Many paths where gradients are cheap."""
        cost = max(1, self.target.n_rows) * self.target.n_parameters
        return _MANY_PATHS if cost <= _CHEAP else _FEW_PATHS

    def _start_target(self):
        size = self.settings.batch_size
        if size is None or size * _START_BATCHES >= self.target.n_rows:
            return self.target
        return self.target.minibatch(np.sort(self.rng.permutation(self.target.n_rows)[: size * _START_BATCHES]))

    @staticmethod
    def _given(**settings):
        """Settings that are not left to the method."""
        return {name: value for name, value in settings.items() if value is not None}

    def _limits(self):
        """What all methods but pathfinder are told, beside the exactness of their means."""
        settings = self.settings
        return self._given(n_draws=settings.n_draws, max_iter=settings.max_iter) | {"observer": self.observer}

    def _shaped(self, normal):
        """The approximation of the family that starts at a normal."""
        settings = self.settings
        return approximation_of(self.family, normal, self.rng, rank=settings.rank, n_layers=settings.n_layers)

    def _bam(self, start):
        found = batch_match(self.target, start, self.rng, tol=self.settings.tol, **self._limits())
        fisher = found.history["fisher"]
        if self.settings.method != "auto" or (fisher and fisher[-1] <= _NEARLY_NORMAL):
            return found
        # Far from normal the best match of scores may be a poor bound: the two are not the same then.
        other = self._natural(start)
        return found if self._best(found.approximation, other.approximation) is found.approximation else other

    def _best(self, *approximations):
        """The approximation with the highest bound on common noise, the first of equals."""
        noise = matched(self.rng, _LOOK_DRAWS, self.target.n_parameters)
        return max(approximations, key=lambda one: ELBO("stl").value(self.target, one, noise))

    def _natural(self, start):
        settings = self.settings
        noisy = settings.batch_size is not None
        chosen = dict(_NOISY_NATURAL if noisy else {}) | self._limits()
        if settings.step_size != "auto":
            chosen["step_size"] = settings.step_size
        return natural(
            self.target,
            self._shaped(start),
            self.rng,
            family=self.family,
            batch_size=settings.batch_size,
            tol=settings.tol,
            **chosen,
        )

    def _dadvi(self, start):
        found = dadvi(self.target, start, self.rng, accuracy=_FIXED_NOISE * self.settings.tol, **self._limits())
        if self.settings.family == "auto" and self.settings.linear_response and found.covariance is not None:
            found.approximation = self._responding(found)
        return found

    def _responding(self, found):
        """The normal of linear response, where its bound is the higher one."""
        try:
            corrected = FullRank.from_covariance(found.approximation.mean, found.covariance)
        except LinAlgError:
            return found.approximation
        return self._best(found.approximation, corrected)

    def _advi(self, start):
        settings = self.settings
        if isinstance(start, NormalApproximation):
            start = self._shaped(self._best_normal(start) if settings.family in FLOWS else start)
        limits = self._limits()
        if settings.objective == "renyi" and settings.n_draws is None:
            limits["n_draws"] = _POWER_DRAWS
        return advi(
            self.target,
            start,
            self.rng,
            objective=self._objective(),
            optimizer=settings.optimizer,
            step_size=settings.step_size,
            batch_size=settings.batch_size,
            tol=settings.tol,
            **limits,
        )

    def follow(self, stream):
        """Advance a `Stream` by one lap over the rows."""
        settings, objective = self.settings, self._objective()
        n_draws = settings.n_draws or max(objective.n_draws, _STREAM_DRAWS)
        laps, n_rows = Laps(self.target.n_rows, self.rng), self.target.n_rows
        for _ in range(-(-n_rows // (settings.batch_size or n_rows))):
            rows = laps.take(settings.batch_size)
            target = self.target if rows is None else self.target.minibatch(rows)
            stream.advance(target, objective, objective.noise(self.rng, n_draws, stream.approximation.n_noise))

    def _best_normal(self, start):
        """The normal that a flow starts at."""
        if self.by_scores or self.settings.batch_size is not None:
            return start
        if self.target.n_parameters > _MOST_FULL_RANK:
            return dadvi(self.target, start, self.rng).approximation
        return batch_match(self.target, start, self.rng).approximation

    def _objective(self):
        """What stochastic gradients maximise."""
        settings = self.settings
        if settings.objective == "renyi":
            n_draws = settings.n_draws or _POWER_DRAWS
            return RenyiBound(settings.alpha, n_inner=n_draws // 2 if n_draws % 2 == 0 else n_draws)
        if settings.objective == "bb-alpha":
            return BlackBoxAlpha(settings.alpha)
        if self.by_scores:
            return ScoreFunction(BASELINES[settings.gradient])
        return ELBO("closed" if settings.gradient == "closed" else "stl")
