"""The contract between models and the engine."""

import numpy as np

from skvi.engine.bound import evidence_bound
from skvi.engine.summary import total


def falling(masses):
    """Stable order of falling masses, or None where they fall already."""
    values = masses.tolist()
    return None if values == sorted(values, reverse=True) else np.argsort(-masses, kind="stable")


class ConjugateModel:
    """A model with global factors q(theta), each in an exponential family, and local posteriors of its rows.

    The engine asks for nothing else, and knows nothing else of a model. A model whose globals depend on each
    other sweeps its factors in `global_step` and gives a bound of its own.
    """

    #: whether `bound` holds at any moment, or only right after a local step (then "memoized" is refused)
    bound_holds_always = True
    #: whether a local step iterates, so that a final one of another kind may still raise the bound
    iterative = False
    #: sweeps, or stochastic steps, before hyper-parameters are learned
    settling_sweeps = 0
    #: how far a sweep may leap, as a multiple of the plain step
    largest_rate = float("inf")

    #: whether leaps are tried before rows are visited, so that nothing is kept to undo them; for large statistics
    checks_leaps = False

    def total(self, summaries, n_jobs=1):
        """Sum summaries in order; models with large statistics sum along the statistics' own axis instead."""
        return total(summaries)

    def kept(self, summary):
        """What "memoized" keeps of a summary: where it is large, no more than it needs to be subtracted again."""
        return summary

    def release(self, summary):
        """Take back what a summary holds, which is not needed any more: where it is large, it may be used again."""

    def lasting(self, summary, posterior):
        """What stands for a summary in later fits: where it is large, no more than rows on top of it need."""
        return summary

    def blocks(self, data):
        """Cut data into the blocks that tasks are made of, by the size of the problem alone."""
        raise NotImplementedError

    def messages(self, posterior, prior, n_jobs=1):
        """What the rows need to know of q, and of their own prior: computed once for all blocks of a local step."""
        raise NotImplementedError

    def first_states(self, blocks):
        """States of blocks before their first visit; None stands for nothing."""
        return [None] * len(blocks)

    def local_step(self, block, messages, state):
        """Find the rows' local posteriors; return the Summary of the block and the state for its next visit.

        The state is whatever a block keeps between visits, that of `first_states` at the first one. A step must not
        change a state that it was given, which the schedule may go back to, unless leaps are tried before rows are
        visited.
        """
        raise NotImplementedError

    def first_step(self, block, messages, state):
        """The local step of the posterior that a fit starts at; models whose steps iterate may spend more on it."""
        return self.local_step(block, messages, state)

    def conclusive(self, state):
        """Whether the bound can no longer fall for a block in this state, so that an idle sweep means convergence."""
        return True

    def final_step(self, block, messages, state):
        """The local step that a fit ends with; models whose steps iterate may spend more on it."""
        return self.local_step(block, messages, state)

    def start_step(self, block, start):
        """Return the Summary of a block whose rows are assigned as a start says."""
        raise NotImplementedError

    def global_step(self, prior, summary, posterior=None):
        """Return what q would be if the summary were all the data; factors that depend on others start from q.

        Large models, whose leaps are tried before rows are visited, may write over q, here and where it is blended or
        permuted.
        """
        return prior.updated(summary.statistics)

    def blended(self, prior, posterior, target, rate):
        """Return the posterior a rate of the way to a target, in natural parameters."""
        return posterior.blended(target, rate)

    def step_towards(self, posterior, prior, summary, rate):
        """Return the posterior moved by a rate towards what it would be if the summary were all the data."""
        return self.blended(prior, posterior, self.global_step(prior, summary, posterior), rate)

    def beyond(self, summary, base, rate):
        """Return a summary beyond this one, in the direction that it came from the base: at rate 1 this one.

        The base is not needed any more: what it holds may be overwritten.
        """
        return rate * summary + (1.0 - rate) * base

    def learned(self, prior, summary, posterior, rate=1.0):
        """Return the prior with its free hyper-parameters moved to their best, or by a rate towards it.

        Best for q and the summary: the bound never falls.
        """
        return prior

    def bound(self, prior, summary, posterior, n_jobs=1):
        """Evidence lower bound (nats) of the rows behind the summary, all constants included."""
        return evidence_bound(prior, summary, posterior)

    def divergence(self, prior, posterior, n_jobs=1):
        """KL(q || p) of the global factors (nats)."""
        return posterior.kl(prior)

    def local_bound(self, prior, summary, posterior, n_jobs=1):
        """What of the bound is the rows' own, right after a local step: all but the divergence."""
        return self.bound(prior, summary, posterior, n_jobs) + self.divergence(prior, posterior, n_jobs)

    def order_by_mass(self, summary):
        """Order of components by falling mass, ties by their number; None where they have it already."""
        raise NotImplementedError

    def order_by_posterior_mass(self, posterior, prior):
        """The same order, by the mass behind a posterior."""
        raise NotImplementedError

    def permuted_summary(self, summary, order):
        """The summary with its components relabelled."""
        raise NotImplementedError

    def permuted_posterior(self, posterior, order, prior):
        """The posterior with its components relabelled, under a prior that treats them alike."""
        raise NotImplementedError

    def permuted_prior(self, prior, order):
        """The prior with its components relabelled; where it treats them alike there is nothing to do."""
        return prior

    def permuted_state(self, state, order):
        """A block's state with the components relabelled."""
        return state
