"""The contract between models and the engine."""

from skvi.engine.bound import evidence_bound


class ConjugateModel:
    """A model with global factors q(theta), each in an exponential family, and local posteriors of its rows.

    The engine asks for nothing else, and knows nothing else of a model. A model whose globals depend on each
    other sweeps its factors in `global_step` and gives a bound of its own.
    """

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

    def permuted_summary(self, summary, order):
        """The summary with its components relabelled."""
        raise NotImplementedError

    def permuted_posterior(self, posterior, order, prior):
        """The posterior with its components relabelled, under a prior that treats them alike."""
        raise NotImplementedError
