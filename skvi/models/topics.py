"""Topics: latent Dirichlet allocation (Blei, Ng & Jordan 2003) with one posterior over topics per document.

The statistics of topics are a table of words by topics, too large for one copy per task. Local steps therefore
return factors, one row per document and one number per word in it, and their sum is taken over ranges of words,
each of which one task owns: memory and bits do not depend on the number of threads.
"""

from dataclasses import replace
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
from scipy.special import psi

from skvi import _threads
from skvi.engine.blocks import cut, cut_by_cost
from skvi.engine.summary import Summary
from skvi.families import Dirichlet, Joint
from skvi.kernels.arrays import aligned
from skvi.kernels.blocks import padded
from skvi.kernels.document_steps import PADDING
from skvi.kernels.documents import infer_documents
from skvi.kernels.simd import LANES
from skvi.kernels.topics import (
    add_prior,
    add_words,
    blend_words,
    expected_gain,
    finish_words,
)
from skvi.models.base import ConjugateModel, falling
from skvi.models.concentrations import fitted_concentration
from skvi.models.heard import Messages, hear, words_first
from skvi.models.word_statistics import Origin, WordStatistics

# Operations per topic for a word that a document visits, and for a word in what is done to tables of words.
_VISIT_COST = 1.0
_TABLE_COST = 30.0
# Leaps beyond the summary leave each count at least this share of itself.
_LEAST_SHARE = 0.5


class _Factors(NamedTuple):
    """Statistics of a block's words in factors: ratio * theta * words."""

    block: object
    theta: np.ndarray  # (n, K8)
    ratios: np.ndarray  # (nnz,)
    messages: Messages


class _State(NamedTuple):
    """What a block keeps between visits."""

    gamma: np.ndarray  # (n, K8)
    visits: int


class _Inferred(NamedTuple):
    """Posteriors of a block's documents."""

    gamma: np.ndarray  # (n, K8)
    theta: np.ndarray  # (n, K8)
    ratios: np.ndarray  # (nnz,)
    bounds: np.ndarray  # (n,)
    logs: np.ndarray  # (n, K8)


class TopicModel(ConjugateModel):
    """Documents whose words are drawn from topics, mixed in proportions of the document's own.

    The joints have a factor "topics", Dirichlets over words; that of the prior also has "documents", the
    Dirichlet of the proportions, whose concentrations may be learned as those of the topics may.

    For the first visits documents start afresh and take few steps; later they go on where they were. Documents
    that settle early under topics that are not yet any good keep these topics as they are.

    Parameters
    ----------
    n_topics, n_words : int
    fresh_visits : int
        Visits of a document that begin from equal topics.
    fresh_steps, warm_steps, final_steps : int
        Largest numbers of steps in a fresh visit, a later one, and the last one of a fit.
    tol : float
        Mean change of a document's concentrations below which it has settled.
    learn : dict
        How to learn the concentrations of "documents" and of "topics": "auto" for equal ones or
        "auto-asymmetric"; those that are not named stay as they are.
    n_jobs : int
        Number of threads of global steps; it changes no bit.
    """

    iterative = True
    #: priors learned from topics that have not yet parted would keep them together
    settling_sweeps = 5
    #: leaps no further than this: topics compete, and beyond twice a step they swing
    largest_rate = 1.8
    #: nothing is kept to undo a leap: tables are large
    checks_leaps = True

    def __init__(self, n_topics, n_words, *, fresh_visits, fresh_steps, warm_steps, final_steps, tol, learn, n_jobs=1):
        self.n_topics = n_topics
        self.n_words = n_words
        self.columns = padded(n_topics, LANES)
        self.fresh_visits = fresh_visits
        self.fresh_steps = fresh_steps
        self.warm_steps = warm_steps
        self.final_steps = final_steps
        self.tol = tol
        self.learn = learn
        self.n_jobs = n_jobs

    def blocks(self, data):
        # A task has its part of the words and of where they occur. It looks through all documents for them: few tasks.
        occurrences = data.occurrences()
        costs = self.columns * (_VISIT_COST * occurrences + _TABLE_COST * np.arange(len(occurrences)))
        word_ranges = cut_by_cost(costs, costs[-1])
        return self.blocks_to_infer(data, word_ranges)

    def blocks_to_infer(self, data, word_ranges=()):
        """Blocks whose documents are looked at by themselves: no statistics are taken of their words."""
        return data.slices(cut_by_cost(data.indptr, self.fresh_steps * self._visit_cost(data)), word_ranges)

    def _visit_cost(self, data):
        return _VISIT_COST * self.columns * data.n_counts

    def messages(self, posterior, prior, n_jobs=1):
        """What a local step hears of topics: for itself alone, since a total writes over it."""
        heard = self._heard(posterior.topics, prior.topics, n_jobs)
        del vars(posterior.topics)["heard"]
        return self._messages(heard, prior)

    def lasting_messages(self, posterior, prior, n_jobs=1):
        """The same for documents that are looked at by themselves; the topics keep it."""
        kept = vars(posterior.topics)
        if "read" not in kept:
            kept["read"] = hear(posterior.topics, prior.topics, n_jobs)
        return self._messages(kept["read"], prior)

    def _messages(self, heard, prior):
        documents = prior.documents
        return Messages(*heard[:5], self._padded(documents.concentration), documents.log_normalizer(), heard.prior)

    def _heard(self, topics, prior, n_jobs):
        """What topics say, made once: who needs something of it before the next local step leaves it for that."""
        kept = vars(topics)
        if "heard" not in kept:
            kept["heard"] = hear(topics, prior, n_jobs)
        return kept["heard"]

    def _padded(self, concentration):
        alpha = np.full(self.columns, PADDING)
        alpha[: self.n_topics] = concentration
        return alpha

    def infer(self, block, messages, gamma=None, steps=None):
        """Posteriors of a block's documents: from equal topics to their end, or some steps from gamma."""
        n = block.n_rows
        inferred = _Inferred(
            aligned(n, self.columns),
            aligned(n, self.columns),
            np.empty(block.n_counts),
            np.empty(n),
            aligned(n, self.columns),
        )
        if gamma is not None:
            inferred.gamma[:] = gamma
        self._infer(block, messages, gamma is None, self.final_steps if steps is None else steps, inferred)
        return inferred

    def concentrations(self, block, messages):
        """Concentrations of the posteriors of a block's documents, and nothing else: from equal topics to their end."""
        gamma, nothing = aligned(block.n_rows, self.columns), np.empty((0, self.columns))
        outputs = _Inferred(gamma, nothing, nothing[:, 0], nothing[:, 0], nothing)
        self._infer(block, messages, True, self.final_steps, outputs)
        return gamma[:, : self.n_topics]

    def bounds(self, block, messages):
        """Bounds of a block's documents (nats), from equal topics to their end."""
        return self.infer(block, messages).bounds

    def _infer(self, block, messages, fresh, steps, outputs):
        infer_documents(
            block.data,
            block.indices,
            block.indptr,
            messages.words,
            messages.offsets,
            messages.evens,
            messages.alpha,
            self.n_topics,
            fresh,
            steps,
            self.tol,
            *outputs,
        )

    def local_step(self, block, messages, state):
        visits = 0 if state is None else state.visits
        if visits < self.fresh_visits:
            inferred = self.infer(block, messages, None, self.fresh_steps)
        else:
            inferred = self.infer(block, messages, state.gamma, self.warm_steps)
        return self._summary(block, messages, inferred), _State(inferred.gamma, visits + 1)

    def conclusive(self, state):
        return state.visits > self.fresh_visits

    def final_step(self, block, messages, state):
        """Documents keep the better of where they were and a fresh start that is taken to its end."""
        inferred = self.infer(block, messages)
        if state is not None:
            warm = self.infer(block, messages, state.gamma, self.warm_steps)
            inferred = _better(block, warm, inferred)
        return self._summary(block, messages, inferred), _State(inferred.gamma, self.fresh_visits)

    def _summary(self, block, messages, inferred):
        factors = _Factors(block, inferred.theta, inferred.ratios, messages)
        k = self.n_topics
        logs = block.weights @ inferred.logs[:, :k]
        statistics = {"topics": factors, "documents": logs}
        # Less the part of the prior over proportions, which is added where the bound is taken.
        own = messages.alpha[:k] @ logs - block.weight * messages.log_normalizer
        return Summary(statistics, float(block.weights @ inferred.bounds - own), block.weight)

    def total(self, summaries, n_jobs=1):
        if not isinstance(summaries[0].statistics["topics"], _Factors):
            return super().total(summaries)
        factors = [summary.statistics["topics"] for summary in summaries]
        messages = factors[0].messages
        ranges = factors[0].block.word_ranges
        tasks = [lambda v=edges: _sum_words(factors, messages, *v) for edges in ranges]
        energy = sum(_threads.run(tasks, n_jobs))
        origin = Origin(messages.topics, messages.prior, energy, messages.gain)
        statistics = {
            "topics": WordStatistics(messages.words, self.n_topics, self.n_words, origin=origin),
            "documents": reduce(add, [summary.statistics["documents"] for summary in summaries]),
        }
        value = sum(summary.entropy for summary in summaries)
        return Summary(statistics, value - energy, sum(summary.weight for summary in summaries))

    def kept(self, summary):
        return _with_topics(summary, summary.statistics["topics"].compressed())

    def lasting(self, summary, posterior):
        return _with_topics(summary, replace(summary.statistics["topics"], origin=None))

    def global_step(self, prior, summary, posterior=None):
        counts = summary.statistics["topics"].dense().values
        before = prior.topics.concentration.T
        return self._made_of(lambda v, own: add_prior(before[v], counts[v], own))

    def step_towards(self, posterior, prior, summary, rate):
        """Blend concentrations; leaps beyond leave each count at least a share of itself."""
        counts, factor = summary.statistics["topics"].scaled()
        earlier, before = words_first(posterior.topics.concentration), prior.topics.concentration.T
        return self._made_of(
            lambda v, own: blend_words(earlier[v], before[v], counts[v], factor, rate, _LEAST_SHARE, own)
        )

    def _made_of(self, fill):
        """The posterior whose concentrations, in rows of one word each, a function fills range by range."""
        # As large as tables with padding: what one leaves free then has room for another.
        n = self.n_words * self.n_topics
        concentration = aligned(self.n_words, self.columns).ravel()[:n].reshape(self.n_words, self.n_topics)
        tasks = [lambda v=slice(*edges): fill(v, concentration[v]) for edges in self._table_ranges()]
        _threads.run(tasks, self.n_jobs)
        return Joint(topics=Dirichlet(concentration.T))

    def _table_ranges(self):
        return cut(self.n_words, _TABLE_COST * self.n_topics, 0.0)

    def bound(self, prior, summary, posterior, n_jobs=1):
        """Evidence lower bound (nats): as `evidence_bound`, with the sum over words shared among threads."""
        p, q = prior.topics, posterior.topics
        gain = self._gain(p, q, summary.statistics["topics"], n_jobs) + q.log_normalizer() - p.log_normalizer()
        documents = prior.documents
        own = documents.concentration @ summary.statistics["documents"] - summary.weight * documents.log_normalizer()
        return float(summary.entropy + own + gain)

    def _gain(self, p, q, statistics, n_jobs):
        """Sum over words of E[log beta] times prior + counts - concentration."""
        origin = statistics.origin
        if origin is not None and origin.prior is p and origin.topics is vars(q).get("token"):
            return statistics.factor * origin.energy + origin.gain
        if not q.remembers:
            self._heard(q, p, n_jobs)
        counts, factor = statistics.scaled()
        before, after, digammas = p.concentration.T, words_first(q.concentration), psi(q.mass)
        tasks = [
            lambda v=slice(*edges): expected_gain(after[v], digammas, before[v], counts[v], factor)
            for edges in self._table_ranges()
        ]
        return sum(_threads.run(tasks, n_jobs))

    def learned(self, prior, summary, posterior, rate=1.0):
        factors = dict(prior.items())
        for name, kind in self.learn.items():
            logs, weight = self._evidence_of(name, summary, posterior, prior)
            old = prior[name].concentration
            if name == "topics":
                old = old[0]
            best = fitted_concentration(old, logs, weight, kind == "auto")
            new = old * (best / old) ** rate
            factors[name] = Dirichlet(np.broadcast_to(new, prior[name].concentration.shape))
        return Joint(**factors) if self.learn else prior

    def _evidence_of(self, name, summary, posterior, prior):
        """Sums of expected logarithms that the concentrations of a factor of the prior are learned from."""
        if name == "documents":
            return summary.statistics["documents"], summary.weight
        return self._heard(posterior.topics, prior.topics, self.n_jobs).log_sums, float(self.n_topics)

    def order_by_mass(self, summary):
        return falling(summary.statistics["topics"].dense().values[:, : self.n_topics].sum(axis=0))

    def order_by_posterior_mass(self, posterior, prior):
        return falling((posterior.topics.concentration - prior.topics.concentration).sum(axis=1))

    def permuted_summary(self, summary, order):
        statistics = {
            "topics": summary.statistics["topics"].permuted(order),
            "documents": summary.statistics["documents"][order],
        }
        return Summary(statistics, summary.entropy, summary.weight)

    def permuted_posterior(self, posterior, order, prior):
        return Joint(topics=Dirichlet(posterior.topics.concentration[order]))

    def permuted_prior(self, prior, order):
        documents = Dirichlet(prior.documents.concentration[order])
        return Joint(topics=prior.topics, documents=documents)

    def permuted_state(self, state, order):
        gamma = state.gamma.copy()
        gamma[:, : self.n_topics] = state.gamma[:, order]
        return _State(gamma, state.visits)


def _with_topics(summary, topics):
    return Summary({**summary.statistics, "topics": topics}, summary.entropy, summary.weight)


def _better(block, first, second):
    """Of each document the posterior with the larger bound."""
    rows = first.bounds > second.bounds
    words = np.repeat(rows, np.diff(block.indptr))
    masks = {"ratios": words, "bounds": rows}
    pairs = zip(_Inferred._fields, first, second, strict=True)
    return _Inferred(*[np.where(masks.get(name, rows[:, None]), a, b) for name, a, b in pairs])


def _sum_words(factors, messages, start, stop):
    """Sum the factors over a range of words, in place of its words; return the sum of products with E[log beta]."""
    counts = aligned(stop - start, messages.words.shape[1])
    counts[:] = 0.0
    for block, theta, ratios, _ in factors:
        add_words(block.indices, block.indptr, block.weights, theta, ratios, start, counts)
    return finish_words(counts, messages.offsets[start:stop], messages.words[start:stop])
