"""Schedules: in which order local and global steps run, as update rules on (S, q).

Each takes restarts side by side, so that all their tasks are one flat list, ordered by restart and block. A
model never knows which schedule runs.
"""

from copy import copy
from functools import partial

from skvi import _threads
from skvi.families import Joint


class Schedule:
    """What all schedules share.

    Parameters
    ----------
    model : ConjugateModel
    prior : Joint
    data : rows with `take`, `weight` and `weights`
    n_jobs : int
        Number of threads; it changes no bit of a result.
    reorder : bool
        Whether the components may be relabelled where that raises the bound.
    past : Summary or None
        Of earlier rows, on top of which these come.
    """

    #: idle sweeps in a row that mean convergence
    patience = 1

    def __init__(self, model, prior, data, n_jobs=1, reorder=False, past=None):
        self.model = model
        self.prior = prior
        self.data = data
        self.n_jobs = n_jobs
        self.reorder = reorder
        self.past = past
        self.blocks = model.blocks(data)

    def summarize(self, restarts, blocks, states, final=False):
        """Local step of every restart on all blocks: one summary each, and the blocks' new states."""
        step = self.model.final_step if final else self.model.local_step
        tasks = []
        for restart, own in zip(restarts, states, strict=True):
            messages = self.model.messages(restart.posterior, restart.prior, self.n_jobs)
            own = own or self.model.first_states(blocks)
            tasks += [partial(step, block, messages, state) for block, state in zip(blocks, own, strict=True)]
        return self._totals(tasks, len(blocks))

    def summarize_starts(self, restarts, starts, blocks):
        """Summaries of the given starts: local steps of posteriors, or rows assigned as a start says."""
        steps = [self._start_step(restart, start) for restart, start in zip(restarts, starts, strict=True)]
        tasks = [
            partial(step, block, state)
            for step in steps
            for block, state in zip(blocks, self.model.first_states(blocks), strict=True)
        ]
        return self._totals(tasks, len(blocks))

    def _start_step(self, restart, start):
        if isinstance(start, Joint):
            # A copy takes what is computed from it along when it goes.
            own = Joint(**{name: copy(factor) for name, factor in start.items()})
            messages = self.model.messages(own, restart.prior, self.n_jobs)
            return lambda block, state: self.model.first_step(block, messages, state)
        return lambda block, state: (self.model.start_step(block, start), state)

    def _totals(self, tasks, n):
        """Run tasks that each give a summary and a state; sum every n summaries in succession, and list the states."""
        results = _threads.run(tasks, self.n_jobs)
        parts = [results[i : i + n] for i in range(0, len(results), n)]
        totals = [self.model.total([summary for summary, _ in part], self.n_jobs) for part in parts]
        return totals, [[state for _, state in part] for part in parts]

    def start(self, restarts, starts):
        """Give every restart its prior, first summary and posterior, from one start each."""
        self._set_priors(restarts)
        for restart, start in zip(restarts, starts, strict=True):
            restart.posterior = start if isinstance(start, Joint) else None
        summaries, states = self.summarize_starts(restarts, starts, self.blocks)
        for restart, summary, state in zip(restarts, summaries, states, strict=True):
            restart.summary, restart.states = self.whole(summary), state
            if self.model.bound_holds_always:
                self._step(restart, restart.summary)
            else:
                # The start stays as it is: the first step must raise its bound like any other.
                restart.bound = self.model.bound(restart.prior, restart.summary, restart.posterior, self.n_jobs)

    def _set_priors(self, restarts):
        for restart in restarts:
            restart.prior = self.prior

    def _step(self, restart, summary):
        """Global step: the posterior as if the summary were all the data, and what of the prior is learned."""
        restart.posterior = self.model.global_step(restart.prior, summary, restart.posterior)
        self._learn(restart, summary)

    def _learn(self, restart, summary):
        if len(restart.monitor.bounds) >= self.model.settling_sweeps:
            restart.prior = self.model.learned(restart.prior, summary, restart.posterior)

    def conclusive(self, restart):
        """Whether the bound of the restart cannot fall any more."""
        if not self.model.iterative:
            return True

        def settled(state):
            if isinstance(state, list):
                return all(settled(part) for part in state)
            return state is None or self.model.conclusive(state)

        return settled(restart.states)

    @property
    def whole_weight(self):
        """Sum of the weights of all rows that the bound is about."""
        return self.data.weight + (0.0 if self.past is None else self.past.weight)

    def whole(self, summary):
        """The summary together with that of earlier rows."""
        return summary if self.past is None else self.past + summary

    def sweep(self, restarts):
        """Go over all data once; set each restart's posterior, summary and bound."""
        raise NotImplementedError

    def refresh(self, restarts, final=False):
        """Local step of all data at the posteriors as they are: exact bounds."""
        self._drop_summaries(restarts)
        summaries, states = self.summarize(restarts, self.blocks, [restart.states for restart in restarts], final)
        for restart, summary, state in zip(restarts, summaries, states, strict=True):
            restart.summary, restart.states = self.whole(summary), state
            restart.bound = self.model.bound(restart.prior, restart.summary, restart.posterior, self.n_jobs)

    def _drop_summaries(self, restarts):
        """Let go of summaries that are about to be replaced: they may be large."""
        for restart in restarts:
            if restart.summary is not None:
                self.model.release(restart.summary)
            restart.summary = None

    def finish(self, restarts):
        """End with a local step at the final posteriors, to tell which is best; a lone one may be about to settle."""
        if len(restarts) > 1 or not self.model.iterative:
            self.refresh(restarts)

    def settle(self, restart, sort):
        """Sort the components by mass where asked for; end with the local step of the final posterior."""
        order = self.model.order_by_posterior_mass(restart.posterior, restart.prior) if sort else None
        if order is not None:
            restart.posterior = self.model.permuted_posterior(restart.posterior, order, restart.prior)
            self._relabel(restart, order)
        if order is not None or self.model.iterative:
            self.refresh([restart], final=True)

    def _relabel(self, restart, order):
        """Relabel what is neither posterior nor summary: the prior, and the states of all blocks."""

        def relabelled(states):
            if isinstance(states, list):
                return [relabelled(state) for state in states]
            return None if states is None else self.model.permuted_state(states, order)

        restart.prior = self.model.permuted_prior(restart.prior, order)
        restart.states = relabelled(restart.states)


class Batch(Schedule):
    """S is the sum over all blocks and q = q*(S) once a sweep, over-relaxed: the bound never falls.

    Near a slow optimum successive S differ little and always in the same direction. A sweep therefore goes
    on along that direction, further each time, until the bound would fall; it then falls back to q*(S) and
    starts anew (Salakhutdinov & Roweis 2003, adaptive overrelaxed bound optimization).

    Where a model's bound holds only after a local step, q*(S) may lie too far: the step from q is then halved until
    the bound does not fall, and later steps remember how far to go.

    With a `past` summary the rows come on top of earlier ones, whose local posteriors stay as they were:
    streaming. The bound is then an exact lower bound for all rows seen.
    """

    #: by how much the rate grows after each sweep that raised the bound
    growth = 1.4
    #: by how much a shortened step's rate grows after each sweep that needed no halving
    recovery = 1.5
    #: how often a step may be halved before the fit stays where it is, and how often to see a fall by rounding alone
    most_halvings, few_halvings = 20, 2

    def sweep(self, restarts):
        for restart in restarts if self.reorder else ():
            self._sort(restart)
        if not self.model.bound_holds_always:
            self._sweep_shortened(restarts)
            return
        if self.model.checks_leaps:
            self._sweep_checked(restarts)
            return
        before = [(restart.prior, restart.summary, restart.states, restart.bound) for restart in restarts]
        for restart in restarts:
            self._advance(restart)
        self.refresh(restarts)
        fallen = []
        for restart, (prior, summary, states, bound) in zip(restarts, before, strict=True):
            restart.rate = min(restart.rate * self.growth, self.model.largest_rate)
            if restart.bound < bound and restart.leapt:
                restart.prior, restart.summary, restart.states, restart.rate = prior, summary, states, 1.0
                self._advance(restart)
                fallen.append(restart)
        if fallen:
            self.refresh(fallen)

    def _sweep_checked(self, restarts):
        """Leaps that are tried before rows are visited: nothing is kept to undo them."""
        for restart in restarts:
            self._try_leap(restart)
            restart.rate = min(restart.rate * self.growth, self.model.largest_rate)
        self.refresh(restarts)

    def _try_leap(self, restart):
        """Leap where the bound does not fall for local posteriors as they are: new ones can only raise it."""
        restart.leapt = restart.rate > 1.0
        if restart.leapt:
            arguments = restart.prior, restart.summary
            restart.posterior = self.model.step_towards(restart.posterior, *arguments, restart.rate)
            if self.model.bound(*arguments, restart.posterior, self.n_jobs) >= restart.bound:
                self._learn(restart, restart.summary)
                return
            restart.posterior, restart.rate, restart.leapt = None, 1.0, False
        self._step(restart, restart.summary)

    def _sweep_shortened(self, restarts):
        """Steps that are halved while they lower the bound; where only rounding is left to gain, q stays.

        Each begins as long as the last one ended, or longer where that was not halved. Where steps have swung to and
        fro before, one that gains next to nothing may have swung to the other side: half of it tells.
        """
        before = [copy(restart) for restart in restarts]
        for restart in restarts:
            self._step(restart, restart.summary)
        targets = [restart.posterior for restart in restarts]
        for restart, old, target in zip(restarts, before, targets, strict=True):
            self._shorten(restart, old, target, old.rate)
        self.refresh(restarts)
        for halving in range(1, self.most_halvings + 1):
            fallen = []
            for restart, old, target in zip(restarts, before, targets, strict=True):
                gain, threshold = restart.bound - old.bound, restart.monitor.threshold
                if gain >= 0.0 and not (halving == 1 and restart.swings and gain <= threshold):
                    continue
                if halving == self.most_halvings or (halving > self.few_halvings and gain >= -threshold):
                    vars(restart).update(vars(old))
                    continue
                self._shorten(restart, old, target, 0.5 * restart.rate)
                fallen.append(restart)
            if not fallen:
                break
            self.refresh(fallen)
        for restart, old in zip(restarts, before, strict=True):
            restart.swings |= restart.rate < old.rate
            if restart.rate == old.rate:
                restart.rate = min((self.recovery if restart.swings else 2.0) * old.rate, 1.0)

    def _shorten(self, restart, old, target, rate):
        """Go a rate of the way from an old posterior to a target."""
        restart.rate = rate
        if rate < 1.0:
            restart.posterior = self.model.blended(old.prior, old.posterior, target, rate)

    def _sort(self, restart):
        order = self.model.order_by_mass(restart.summary)
        if order is not None:
            restart.summary = self.model.permuted_summary(restart.summary, order)
            restart.base = None if restart.base is None else self.model.permuted_summary(restart.base, order)

    def _advance(self, restart):
        """Set the posterior from the summary, or from beyond it in the direction it came."""
        target = restart.summary
        restart.leapt = False
        if restart.rate > 1.0 and restart.base is not None:
            leap = self.model.beyond(target, restart.base, restart.rate)
            posterior = self.model.global_step(restart.prior, leap, restart.posterior)
            if posterior.proper:
                restart.base, restart.posterior, restart.leapt = leap, posterior, True
                self._learn(restart, target)
                return
            restart.rate = 1.0
        restart.base = target
        self._step(restart, target)

    def finish(self, restarts):
        """A sweep has ended with a local step already."""

    def settle(self, restart, sort):
        """Sort, and end with a plain step: a leap leaves parameters that are no prior plus statistics."""
        order = self.model.order_by_mass(restart.summary) if sort else None
        if order is not None:
            restart.summary = self.model.permuted_summary(restart.summary, order)
            self._relabel(restart, order)
        if order is not None or restart.leapt or self.model.iterative:
            restart.posterior = self.model.global_step(restart.prior, restart.summary, restart.posterior)
            self.refresh([restart], final=True)
