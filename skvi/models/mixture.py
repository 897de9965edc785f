"""Mixtures: weights times components, with one local posterior over components per row."""

from typing import NamedTuple

import numpy as np

from skvi import _threads
from skvi.engine.blocks import cut
from skvi.engine.summary import Summary
from skvi.families import Joint
from skvi.kernels.assignments import harden, soften
from skvi.kernels.blocks import FEATURE_TILE, ROW_TILE, TABLE_TILE, padded
from skvi.kernels.passes import soft_kernels, soft_pass
from skvi.models.base import ConjugateModel, falling
from skvi.models.gaussian import COMPONENTS
from skvi.models.rows import block_width, kernel_blocks, pad
from skvi.models.weights import WEIGHTS

# Doubles in a block and its scores: a share of a second-level cache that leaves room for the rest.
_BLOCK_DOUBLES = 65536
_MOST_ROWS = 1024


class LocalMessages(NamedTuple):
    """What the rows hear of q: the components' own messages, and where their moments are taken about."""

    components: object
    reference: np.ndarray  # (K, D)


class Mixture(ConjugateModel):
    """Rows drawn independently from one of K components.

    Parameters
    ----------
    weights : DirichletWeights or StickWeights
    components : GaussianComponents
    n_components : int
    n_features : int
    """

    def __init__(self, weights, components, n_components, n_features):
        self.weights = weights
        self.components = components
        self.n_components = n_components
        self.n_features = n_features
        self._score = components.score_kernel(n_features)
        self._gather, self._with_table = components.moment_kernel(n_features)
        width = padded(n_features, FEATURE_TILE) + padded(n_features, TABLE_TILE) + n_components
        rows = min(_BLOCK_DOUBLES // width, _MOST_ROWS)
        # An odd number of tiles: with a power of two all rows of a block would share a few cache sets.
        self._block_rows = max(rows // (2 * ROW_TILE) * 2 - 1, 1) * ROW_TILE

    @classmethod
    def of(cls, joint):
        """The mixture whose prior or posterior a joint is."""
        components = next(c for c in COMPONENTS.values() if c.family is type(joint.components))
        weights = next(w for w in WEIGHTS.values() if w.family is type(joint.weights))
        return cls(weights, components, *joint.components.mean.shape)

    def blocks(self, data):
        return data.slices(cut(data.n_rows, *self.components.cost(self.n_components, self.n_features)))

    def messages(self, posterior, prior=None, n_jobs=1):
        q = posterior["components"]
        return LocalMessages(self.components.messages(q, posterior["weights"].expected_log), q.mean)

    def local_step(self, block, messages, state=None):
        accumulators = self.components.empty(self.n_components, self.n_features)
        heard = messages.components
        # Without a table rows and means have the same columns; a table's are padded further.
        reference = pad(messages.reference, 1, TABLE_TILE) if self._with_table else heard.scores[0]
        about = (reference, *heard.moments)
        entropy = soft_pass(
            soft_kernels(self._score, self._gather, block, heard.scores, about),
            block.values,
            block.weights,
            block_width(block.n_rows, self._block_rows),
            reference.shape[1] if self._with_table else 0,
            heard.scores,
            about,
            *accumulators,
        )
        return self._summary(messages.reference, accumulators, entropy, block.weight), None

    def _summary(self, reference, accumulators, entropy, weight):
        moments = self.components.collect(reference, accumulators)
        base = self.components.log_base_measure(self.n_features)
        return Summary({"weights": moments.count, "components": moments}, entropy + weight * base, weight)

    def beyond(self, summary, base, rate):
        moments = summary.statistics["components"].combined(rate, base.statistics["components"], 1.0 - rate)
        # A leap says what to learn, not what was seen: it has no bound.
        return Summary({"weights": moments.count, "components": moments}, summary.entropy, summary.weight)

    def start_step(self, block, start):
        accumulators = self.components.empty(self.n_components, self.n_features)
        means = pad(start.reference, 1, TABLE_TILE)
        unheard = self.components.unheard(self.n_components, self.n_features)
        for part, loaded in kernel_blocks(block, self._block_rows, self._with_table):
            scores = self._scores_scratch(loaded)
            start.assign(block, part, loaded, scores)
            self._gather(loaded.x, loaded.table, scores, means, *unheard, *accumulators)
        # The entropy of a start is nobody's business: the first sweep replaces the summary.
        return self._summary(start.reference, accumulators, 0.0, block.weight)

    def _scores_scratch(self, loaded):
        return _threads.scratch("scores", (self.n_components, len(loaded.weights)))

    def _scored_blocks(self, rows, score):
        """Yield (range, block, scores) for each kernel block of the rows; `score` fills the scores."""
        for part, block in kernel_blocks(rows, self._block_rows, with_table=False):
            scores = self._scores_scratch(block)
            score(block.x, scores)
            yield part, block, scores

    def _score_by(self, messages):
        return lambda x, scores: self._score(x, *messages.components.scores, scores)

    def _soft_blocks(self, block, score):
        """Yield (range, row bounds, responsibilities) of the rows of a block."""
        for part, loaded, scores in self._scored_blocks(block, score):
            row_bounds = _threads.scratch("row_bounds", loaded.weights.shape)
            soften(scores, loaded.weights, row_bounds)
            n = part.stop - part.start
            yield part, row_bounds[:n], scores[:, :n].T

    def row_bounds(self, block, messages):
        """Each row's evidence lower bound (nats)."""
        out = np.empty(block.n_rows)
        for part, row_bounds, _ in self._soft_blocks(block, self._score_by(messages)):
            out[part] = row_bounds
        return out + self.components.log_base_measure(self.n_features)

    def responsibilities(self, block, messages):
        """Each row's local posterior over components, shape (n_rows, n_components); rows have weight one."""
        out = np.empty((block.n_rows, self.n_components))
        for part, _, responsibilities in self._soft_blocks(block, self._score_by(messages)):
            out[part] = responsibilities
        return out

    def labels(self, block, messages):
        """Each row's most probable component."""
        out = np.empty(block.n_rows, np.int64)
        for part, loaded, scores in self._scored_blocks(block, self._score_by(messages)):
            labels = _threads.scratch("labels", loaded.weights.shape, np.int64)
            harden(scores, loaded.weights, labels)
            out[part] = labels[: part.stop - part.start]
        return out

    def log_predictive(self, block, posterior):
        """Log posterior predictive density of each row (nats), q integrated out."""
        out = np.empty(block.n_rows)
        log_density = self.components.predictive(posterior.components)
        weights = self.weights.mean(posterior.weights)
        log_weights = np.log(np.maximum(weights, np.finfo(float).tiny))[:, None]

        def score(x, scores):
            log_density(x, scores)
            scores += log_weights

        for part, row_bounds, _ in self._soft_blocks(block, score):
            out[part] = row_bounds
        return out

    def order_by_mass(self, summary):
        return falling(summary.statistics["weights"])

    def mass(self, posterior, prior):
        """Expected counts behind a posterior, shape (n_components,)."""
        return self.weights.mass(posterior.weights, prior.weights)

    def order_by_posterior_mass(self, posterior, prior):
        """Order of components by falling mass behind a posterior; None where they have it already."""
        return falling(self.mass(posterior, prior))

    def permuted_summary(self, summary, order):
        statistics = {
            "weights": summary.statistics["weights"][order],
            "components": summary.statistics["components"].permuted(order),
        }
        return Summary(statistics, summary.entropy, summary.weight)

    def permuted_posterior(self, posterior, order, prior):
        weights = self.weights.permuted(posterior.weights, order, prior.weights)
        return Joint(weights=weights, components=posterior.components.permuted(order))
