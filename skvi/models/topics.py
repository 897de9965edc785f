"""Topics: latent Dirichlet allocation (Blei, Ng & Jordan 2003) with one posterior over topics per document.

The statistics of topics are a table of words by topics, too large for one copy per task. Local steps therefore
return factors, one row per document, and their sum is taken over ranges of words, each of which one task owns: memory
and bits do not depend on the number of threads. A fit holds two such tables and writes over them: the concentrations
of the topics, and what documents hear of them, which a total turns into what the documents say.
"""

from dataclasses import replace
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
from scipy.special import psi

from skvi import _threads
from skvi.engine.blocks import cut, cut_by_cost
from skvi.engine.summary import Summary
from skvi.families import Dirichlet, Joint
from skvi.kernels.arrays import aligned
from skvi.kernels.blocks import padded
from skvi.kernels.document_steps import PADDING
from skvi.kernels.documents import infer_documents, workspace
from skvi.kernels.simd import LANES
from skvi.kernels.topics import add_prior, blend_words, expected_gains
from skvi.models.base import ConjugateModel, falling
from skvi.models.concentrations import fitted_concentration
from skvi.models.heard import Messages, hear, words_first
from skvi.models.visits import Factors, Inferred, State, keep_better, sum_words
from skvi.models.word_statistics import Origin, WordStatistics, permute_columns

# Operations per topic for a word that a document visits, and for a word in what is done to tables of words.
_VISIT_COST = 1.0
_TABLE_COST = 30.0
# Leaps beyond the summary leave each count at least this share of itself.
_LEAST_SHARE = 0.5


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
    steps : tuple of four int
        Largest numbers of steps in the first visit, a fresh one, a later one, and the last one of a fit.
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

    def __init__(self, n_topics, n_words, *, fresh_visits, steps, tol, learn, n_jobs=1):
        self.n_topics = n_topics
        self.n_words = n_words
        self.columns = padded(n_topics, LANES)
        self.fresh_visits = fresh_visits
        self.start_steps, self.fresh_steps, self.warm_steps, self.final_steps = steps
        self.tol = tol
        self.learn = learn
        self.n_jobs = n_jobs
        self._spare_tables = []

    def blocks(self, data):
        # A task has its part of the words and of where they occur. It looks through all documents for them: few tasks.
        occurrences = data.occurrences()
        costs = self.columns * (_VISIT_COST * occurrences + _TABLE_COST * np.arange(len(occurrences)))
        word_ranges = cut_by_cost(costs, costs[-1])
        return self.blocks_to_infer(replace(data, word_ranges=tuple(word_ranges)))

    def blocks_to_infer(self, data):
        """Blocks whose documents are looked at by themselves: no statistics are taken of their words."""
        return data.slices(cut_by_cost(data.indptr, self.fresh_steps * self._visit_cost(data)))

    def _visit_cost(self, data):
        return _VISIT_COST * self.columns * data.n_counts

    def messages(self, posterior, prior, n_jobs=1):
        """What a local step hears of topics: for itself alone, since a total writes over it."""
        heard = self._heard(posterior.topics, n_jobs)
        del vars(posterior.topics)["heard"]
        return self._messages(heard, prior)

    def lasting_messages(self, posterior, prior, n_jobs=1):
        """The same for documents that are looked at by themselves; the topics keep it."""
        kept = vars(posterior.topics)
        if "read" not in kept:
            kept["read"] = hear(posterior.topics, n_jobs)
        return self._messages(kept["read"], prior)

    def _messages(self, heard, prior):
        documents = prior.documents
        alpha = self._padded(documents.concentration)
        return Messages(*heard[:4], alpha, documents.log_normalizer(), prior.topics)

    def _heard(self, topics, n_jobs):
        """What topics say, made once: who needs something of it before the next local step leaves it for that."""
        kept = vars(topics)
        if "heard" not in kept:
            table = self._spare_tables.pop() if self._spare_tables else None
            kept["heard"] = hear(topics, n_jobs, table)
        return kept["heard"]

    def release(self, summary):
        table = summary.statistics["topics"].values
        if table.shape == (self.n_words, self.n_topics):
            self._spare_tables.append(table)

    def _padded(self, concentration):
        alpha = np.full(self.columns, PADDING)
        alpha[: self.n_topics] = concentration
        return alpha

    def infer(self, block, messages, state=None, fresh=True, steps=None):
        """Posteriors of a block's documents, written over its state: some steps on from there or from equal topics."""
        shape = block.n_rows, self.columns
        if state is None:
            inferred = Inferred(aligned(*shape), np.empty(block.n_rows), aligned(*shape))
        else:
            inferred = Inferred(state.theta, np.empty(block.n_rows), _threads.scratch("logs", shape))
        steps = self.final_steps if steps is None else steps
        self._infer(block, messages, fresh, steps, _threads.scratch("gamma", shape), inferred)
        return inferred

    def first_states(self, blocks):
        edges = np.cumsum([0, *(block.n_rows for block in blocks)])
        whole = aligned(edges[-1], self.columns)
        return [State(whole[start:stop], whole, 0) for start, stop in pairwise(edges)]

    def concentrations(self, block, messages):
        """Concentrations of the posteriors of a block's documents, and nothing else: from equal topics to their end."""
        gamma, nothing = aligned(block.n_rows, self.columns), np.empty((0, self.columns))
        outputs = Inferred(nothing, nothing[:, 0], nothing)
        self._infer(block, messages, True, self.final_steps, gamma, outputs)
        return gamma[:, : self.n_topics]

    def bounds(self, block, messages):
        """Bounds of a block's documents (nats), from equal topics to their end."""
        return self.infer(block, messages).bounds

    def _infer(self, block, messages, fresh, steps, gamma, outputs):
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
            gamma,
            *outputs,
            workspace(np.diff(block.indptr).max(initial=0), self.n_topics, _threads.scratch),
        )

    def local_step(self, block, messages, state):
        fresh = state.visits < self.fresh_visits
        inferred = self.infer(block, messages, state, fresh, self.fresh_steps if fresh else self.warm_steps)
        return self._summary(block, messages, inferred, state), state._replace(visits=state.visits + 1)

    def first_step(self, block, messages, state):
        inferred = self.infer(block, messages, state, steps=self.start_steps)
        return self._summary(block, messages, inferred, state), state._replace(visits=state.visits + 1)

    def conclusive(self, state):
        return state.visits > self.fresh_visits

    def final_step(self, block, messages, state):
        """Documents keep the better of where they were and a fresh start that is taken to its end."""
        if state.visits:
            fresh = self.infer(block, messages)
            inferred = self.infer(block, messages, state, False, self.warm_steps)
            keep_better(inferred, fresh)
        else:
            inferred = self.infer(block, messages, state)
        return self._summary(block, messages, inferred, state), state._replace(visits=self.fresh_visits)

    def _summary(self, block, messages, inferred, state):
        factors = Factors(block.whole, state.whole, messages)
        k = self.n_topics
        logs = block.weights @ inferred.logs[:, :k]
        statistics = {"topics": factors, "documents": logs}
        # Less the part of the prior over proportions, which is added where the bound is taken.
        own = messages.alpha[:k] @ logs - block.weight * messages.log_normalizer
        return Summary(statistics, float(block.weights @ inferred.bounds - own), block.weight)

    def total(self, summaries, n_jobs=1):
        factors = summaries[0].statistics["topics"]
        if not isinstance(factors, Factors):
            return super().total(summaries)
        messages = factors.messages
        tasks = [lambda v=edges: sum_words(*factors, *v) for edges in factors.documents.word_ranges]
        energy = sum(_threads.run(tasks, n_jobs))
        origin = Origin(messages.topics, energy)
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
        table = np.empty((self.n_words, self.n_topics)) if posterior is None else self._own_table(posterior)
        return self._filled(table, lambda v, mass: add_prior(before[v], counts[v], table[v], mass))

    def step_towards(self, posterior, prior, summary, rate):
        """Blend concentrations; leaps beyond leave each count at least a share of itself."""
        counts, factor = summary.statistics["topics"].scaled()
        before, table = prior.topics.concentration.T, self._own_table(posterior)
        limits = rate, _LEAST_SHARE
        return self._filled(table, lambda v, mass: blend_words(before[v], counts[v], factor, *limits, table[v], mass))

    @staticmethod
    def _own_table(posterior):
        """Concentrations of a posterior that is not needed any more, in rows of one word each, to be written over."""
        return words_first(posterior.topics.concentration)

    def _filled(self, table, fill):
        """The posterior with a table of concentrations that a function fills, and sums, range by range."""
        ranges = self._table_ranges()
        masses = np.zeros((len(ranges), self.n_topics))
        tasks = [lambda v=slice(*edges), m=mass: fill(v, m) for edges, mass in zip(ranges, masses, strict=True)]
        _threads.run(tasks, self.n_jobs)
        topics = Dirichlet(table.T)
        topics.mass = masses.sum(axis=0)
        return Joint(topics=topics)

    def _table_ranges(self):
        return cut(self.n_words, _TABLE_COST * self.n_topics, 0.0)

    def bound(self, prior, summary, posterior, n_jobs=1):
        """Evidence lower bound (nats): as `evidence_bound`, with the sum over words shared among threads."""
        p, q = prior.topics, posterior.topics
        gain = self._gain(p, q, summary.statistics["topics"], n_jobs) + q.log_normalizer() - p.log_normalizer()
        return float(self._documents_bound(prior, summary) + gain)

    def _gain(self, p, q, statistics, n_jobs):
        """Sum over words of E[log beta] times prior + counts - concentration."""
        if not self._heard_by(q, statistics):
            return sum(self._gains(p, q, *statistics.scaled(), n_jobs))
        return self._own_gain(p, q, n_jobs) + statistics.factor * statistics.origin.energy

    @staticmethod
    def _heard_by(q, statistics):
        """Whether statistics are those of a local step that heard these very topics."""
        return statistics.origin is not None and statistics.origin.topics is vars(q).get("token")

    def _own_gain(self, p, q, n_jobs):
        """Sum over words of E[log beta] times prior - concentration."""
        kept = vars(q)
        if kept.get("gain", (None,))[0] is not p:
            self._gains(p, q, words_first(q.concentration), 0.0, n_jobs)
        return kept["gain"][1]

    def _gains(self, p, q, counts, factor, n_jobs):
        """Sums over words of E[log beta] times prior - concentration, and times counts; topics keep the first."""
        before, after, digammas = p.concentration.T, words_first(q.concentration), psi(q.mass)
        tasks = [
            lambda v=slice(*edges): expected_gains(after[v], digammas, before[v], counts[v], factor)
            for edges in self._table_ranges()
        ]
        sum_log_gamma, gain, energy = np.sum(_threads.run(tasks, n_jobs), axis=0)
        q.remember(sum_log_gamma)
        vars(q)["gain"] = p, gain
        return gain, energy

    def divergence(self, prior, posterior, n_jobs=1):
        p, q = prior.topics, posterior.topics
        gain = self._own_gain(p, q, n_jobs)
        return float(p.log_normalizer() - q.log_normalizer() - gain)

    def local_bound(self, prior, summary, posterior, n_jobs=1):
        statistics = summary.statistics["topics"]
        if not self._heard_by(posterior.topics, statistics):
            return super().local_bound(prior, summary, posterior, n_jobs)
        return float(self._documents_bound(prior, summary) + statistics.factor * statistics.origin.energy)

    @staticmethod
    def _documents_bound(prior, summary):
        documents = prior.documents
        own = documents.concentration @ summary.statistics["documents"] - summary.weight * documents.log_normalizer()
        return summary.entropy + own

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
        return self._heard(posterior.topics, self.n_jobs).log_sums, float(self.n_topics)

    def order_by_mass(self, summary):
        return falling(summary.statistics["topics"].dense().values[:, : self.n_topics].sum(axis=0))

    def order_by_posterior_mass(self, posterior, prior):
        return falling(posterior.topics.mass - prior.topics.mass)

    def permuted_summary(self, summary, order):
        statistics = {
            "topics": summary.statistics["topics"].permuted(order),
            "documents": summary.statistics["documents"][order],
        }
        return Summary(statistics, summary.entropy, summary.weight)

    def permuted_posterior(self, posterior, order, prior):
        return Joint(topics=Dirichlet(permute_columns(self._own_table(posterior), order).T))

    def permuted_prior(self, prior, order):
        documents = Dirichlet(prior.documents.concentration[order])
        return Joint(topics=prior.topics, documents=documents)

    def permuted_state(self, state, order):
        permute_columns(state.theta[:, : self.n_topics], order)
        return state


def _with_topics(summary, topics):
    return Summary({**summary.statistics, "topics": topics}, summary.entropy, summary.weight)
