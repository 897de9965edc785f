"""How an estimator's parameters become a flow of particles, and a flow fitted attributes."""

import numpy as np

from skvi import _threads
from skvi.blackbox._base import ModelPrior
from skvi.families.draws import Draws, JointDraws
from skvi.gradient.annealing import ANNEALINGS
from skvi.gradient.metric import CurvatureMetric, Metric
from skvi.gradient.optimizers import OPTIMIZERS
from skvi.gradient.particles import SteinFlow
from skvi.gradient.steps import FixedStep, KestenStep, TurningStep

# The steps that "auto" starts from, in units of the parameters' scales: with all rows, and with mini-batches.
_FIRST_STEP = 0.1
_FIRST_NOISY_STEP = 0.05


class ParticleFlows:
    """Flows of an estimator with the parameters of `SVGDSampler`: new ones, and those that go on."""

    def _step_rules(self, noisy):
        """A new optimizer and a rule of its steps' lengths; noisy directions are those of mini-batches."""
        if self.step_size != "auto":
            return OPTIMIZERS[self.optimizer](self.step_size), FixedStep()
        if noisy:
            return OPTIMIZERS[self.optimizer](_FIRST_NOISY_STEP), KestenStep()
        return OPTIMIZERS[self.optimizer](_FIRST_STEP), TurningStep()

    def _flow(self, target, z, rng, rules, metric):
        optimizer, step = rules
        return SteinFlow(
            target,
            z,
            optimizer,
            step,
            kernel=self.kernel,
            bandwidth=None if self.bandwidth == "median" else float(self.bandwidth),
            drive=None if self.annealing is None else ANNEALINGS[self.annealing](self.max_iter),
            metric=metric,
            batch_size=self.batch_size,
            rng=rng,
            n_jobs=_threads.effective_n_jobs(self.n_jobs),
        )

    def _start(self, target, rng, noisy):
        """The flow from the first particles."""
        layout = target.layout
        if self.init is None:
            z = rng.standard_normal((self.n_particles, layout.n_free))
        else:
            z = self._given(layout)
        metric = Metric() if self.preconditioner is None else CurvatureMetric(layout.n_free)
        return self._flow(target, z, rng, self._step_rules(noisy), metric)

    def _given(self, layout):
        """Free numbers at the particles of `init`."""
        values = np.asarray(self.init, dtype=np.float64)
        shape = (self.n_particles, len(layout.labels))
        if values.shape != shape:
            raise ValueError(f"init has shape {values.shape}: give particles of shape {shape}, {layout.labels}")
        theta = layout.unflatten(values)
        for parameter in layout.parameters:
            if not all(parameter.constraint.allows(value) for value in theta[parameter.name]):
                raise ValueError(
                    f"init holds values of parameter {parameter.name!r} outside {parameter.constraint!r}: give "
                    "particles inside"
                )
        return layout.free(theta)

    def _continued(self, target, rng):
        """The flow from the particles of the last fit, where they fit and are asked for."""
        if not (self.warm_start and hasattr(self, "posterior_")):
            return None
        if self._free.shape != (self.n_particles, target.n_parameters) or target.layout.labels != self._layout.labels:
            return None
        flow = self._resumed(target, rng)
        flow.z = target.layout.free(self.posterior_.draws)
        return flow

    def _resumed(self, target, rng):
        return self._flow(target, self._free, rng, self._rules, self._metric)

    def _fitted(self, flow):
        """Fitted attributes of a flow as it stands."""
        layout = flow.target.layout
        theta = layout.constrain(flow.z)
        weight = flow.target.row_weight
        return {
            "model_": flow.target.model,
            "prior_": ModelPrior(flow.target.model),
            "particles_": layout.flatten(theta),
            "parameter_names_": layout.labels,
            "posterior_": JointDraws(flow.entropy(), **{name: Draws(values) for name, values in theta.items()}),
            "n_grad_evals_": flow.n_gradients,
            "n_nonfinite_": flow.n_nonfinite,
            "_layout": layout,
            "_free": flow.z,
            "_rules": (flow.optimizer, flow.step),
            "_metric": flow.metric,
            "_weight_seen": 0.0 if weight is None else float(weight.sum()),
        }

    @staticmethod
    def _found(trace):
        """Fitted attributes of the evaluations of a run."""
        last = trace.evaluations[-1]
        return {
            "elbo_": last.elbo,
            "elbo_se_": last.elbo_se,
            "elbo_history_": [evaluation.elbo for evaluation in trace.evaluations],
            "kernel_stein_discrepancy_": last.discrepancy,
            "kernel_stein_discrepancy_history_": [evaluation.discrepancy for evaluation in trace.evaluations],
            "spread_": last.spread,
            "n_iter_": trace.steps[-1],
            "converged_": trace.converged,
        }
