"""Schedules that visit rows in mini-batches: exactly, each with a memory of its own, or as samples of all rows."""

import numpy as np

from skvi.engine.schedules import Schedule


class _MiniBatches(Schedule):
    """Schedules that visit the rows in mini-batches: a fixed random partition."""

    def __init__(self, *args, batch_size, rng, **kwargs):
        super().__init__(*args, **kwargs)
        used = np.flatnonzero(self.data.weights)
        n_batches = max(1, -(-len(used) // batch_size))
        self.batches = np.array_split(rng.permutation(used), n_batches)
        self.rng = rng

    def batch_blocks(self, number):
        """Blocks of one mini-batch, copied from the data when they are needed."""
        return self.model.blocks(self.data.take(np.sort(self.batches[number])))


class Memoized(_MiniBatches):
    """S <- S - S_b,old + S_b,new and q = q*(S) after every mini-batch (Hughes & Sudderth 2013).

    The bound is exact and never falls; memory is one summary per mini-batch and restart. S is summed afresh
    once a lap, so that rounding does not pile up.
    """

    def __init__(self, model, *args, **kwargs):
        if not model.bound_holds_always:
            raise ValueError(
                'learning_method="memoized" needs a bound that holds at any moment, and that of this model holds only '
                'right after a local step: take "batch" or "online"'
            )
        super().__init__(model, *args, **kwargs)

    def start(self, restarts, starts):
        self._set_priors(restarts)
        for restart in restarts:
            restart.memory, restart.states = [], []
        for number in range(len(self.batches)):
            summaries, states = self.summarize_starts(restarts, starts, self.batch_blocks(number))
            for restart, summary, state in zip(restarts, summaries, states, strict=True):
                restart.memory.append(self.model.kept(summary))
                restart.states.append(state)
        self._resum(restarts)

    def _resum(self, restarts):
        for restart in restarts:
            # The last visited comes first: its reference is the freshest, and the sum takes it over.
            restart.summary = self.model.total(restart.memory[::-1], self.n_jobs)
            self._step(restart, restart.summary)

    def sweep(self, restarts):
        for number in range(len(self.batches)):
            self._visit(restarts, number)
        for restart in restarts if self.reorder else ():
            order = self.model.order_by_mass(restart.summary)
            if order is not None:
                restart.memory = [self.model.permuted_summary(summary, order) for summary in restart.memory]
        self._resum(restarts)
        for restart in restarts:
            restart.bound = self.model.bound(restart.prior, restart.summary, restart.posterior, self.n_jobs)

    def _visit(self, restarts, number):
        states = [restart.states[number] for restart in restarts]
        summaries, states = self.summarize(restarts, self.batch_blocks(number), states)
        for restart, summary, state in zip(restarts, summaries, states, strict=True):
            restart.summary = restart.summary - restart.memory[number] + summary
            restart.memory[number], restart.states[number] = self.model.kept(summary), state
            self._step(restart, restart.summary)
            if not restart.posterior.proper:
                # Differences of large sums have cancelled.
                self._resum([restart])

    def refresh(self, restarts, final=False):
        """Local step of all data, mini-batch by mini-batch: each has states of its own."""
        parts = []
        for number in range(len(self.batches)):
            states = [restart.states[number] for restart in restarts]
            summaries, states = self.summarize(restarts, self.batch_blocks(number), states, final)
            parts.append(summaries)
            for restart, state in zip(restarts, states, strict=True):
                restart.states[number] = state
        for restart, summaries in zip(restarts, zip(*parts, strict=True), strict=True):
            restart.summary = self.model.total(list(summaries), self.n_jobs)
            restart.bound = self.model.bound(restart.prior, restart.summary, restart.posterior, self.n_jobs)


class Online(_MiniBatches):
    """Stochastic variational inference (Hoffman et al. 2013): natural-gradient steps from mini-batches.

    q <- (1 - rho_t) q + rho_t q*(N / n_b S_b) with rho_t = (t + offset)^-decay. The bound of a lap is the mean over its
    mini-batches of what is their own, less the divergence of the posterior in the end. It is noisy; the exact one is
    taken at the end of the fit.
    """

    patience = 2

    def __init__(self, *args, decay, offset, total_weight=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.decay = decay
        self.offset = offset
        self.total_weight = self.data.weight if total_weight is None else total_weight

    def start(self, restarts, starts):
        super().start(restarts, starts)
        for restart in restarts:
            restart.steps, restart.states = 0, []

    def whole(self, summary):
        """The summary as if its rows were a sample of all."""
        return (self.total_weight / summary.weight) * summary

    def step(self, restarts, blocks):
        """One natural-gradient step from a mini-batch; return its estimates of the rows' part of each bound."""
        self._drop_summaries(restarts)
        summaries, _ = self.summarize(restarts, blocks, [[]] * len(restarts))
        bounds = np.zeros(len(restarts))
        for number, (restart, summary) in enumerate(zip(restarts, summaries, strict=True)):
            if summary.weight == 0.0:
                continue
            scaled = self.whole(summary)
            restart.summary = scaled
            bounds[number] = self.model.local_bound(restart.prior, scaled, restart.posterior, self.n_jobs)
            restart.steps += 1
            rate = (restart.steps + self.offset) ** -self.decay
            restart.posterior = self.model.step_towards(restart.posterior, restart.prior, scaled, rate)
            if restart.steps > self.model.settling_sweeps:
                restart.prior = self.model.learned(restart.prior, scaled, restart.posterior, rate)
        return bounds

    def _divergence(self, restart):
        return self.model.divergence(restart.prior, restart.posterior, self.n_jobs)

    def sweep(self, restarts):
        for restart in restarts if self.reorder else ():
            order = self.model.order_by_posterior_mass(restart.posterior, restart.prior)
            if order is not None:
                restart.posterior = self.model.permuted_posterior(restart.posterior, order, restart.prior)
        bounds = np.zeros(len(restarts))
        for number in self.rng.permutation(len(self.batches)):
            blocks = self.batch_blocks(number)
            share = sum(block.weight for block in blocks) / self.data.weight
            bounds += share * self.step(restarts, blocks)
        for restart, bound in zip(restarts, bounds, strict=True):
            restart.bound = float(bound) - self._divergence(restart)

    def sample(self, restart):
        """One step as a sample of all rows, and that sample's estimate of the bound."""
        divergence = self._divergence(restart)
        restart.bound = float(self.step([restart], self.blocks)[0]) - divergence
