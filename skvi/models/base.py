"""The contract between models and the engine."""

from skvi.engine.bound import evidence_bound
from skvi.engine.summary import total


class ConjugateModel:
    """A model with global factors q(theta), each in an exponential family, and local posteriors of its rows.

    The engine asks for nothing else, and knows nothing else of a model. A model whose globals depend on each
    other sweeps its factors in `global_step` and gives a bound of its own.
    """

    #: whether `bound` holds at any moment, or only right after a local step (then "memoized" is refused)
    bound_holds_always = True

    def total(self, summaries):
        """Sum summaries in order; models with large statistics sum along the statistics' own axis instead."""
        return total(summaries)

    def blocks(self, data):
        """Cut data into the blocks that tasks are made of, by the size of the problem alone."""
        raise NotImplementedError

    def messages(self, posterior):
        """What the rows need to know of q: computed once for all blocks."""
        raise NotImplementedError

    def local_step(self, block, messages):
        """Find the rows' local posteriors; return the Summary of the block."""
        raise NotImplementedError

    def start_step(self, block, start):
        """Return the Summary of a block whose rows are assigned as a start says."""
        raise NotImplementedError

    def global_step(self, prior, summary):
        """Return what q would be if the summary were all the data."""
        return prior.updated(summary.statistics)

    def bound(self, prior, summary, posterior):
        """Evidence lower bound (nats) of the rows behind the summary, all constants included."""
        return evidence_bound(prior, summary, posterior)

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
