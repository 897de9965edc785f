"""What users read of fitted topics: words, coherence, and how well they predict documents."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skvi.base import check_count
from skvi.decomposition._topic_tables import coherence, mean_log_probability, split_tokens, top_words_table
from skvi.models.topics import TopicModel

_LARGEST_LOG = 709.0


def perplexity_of(bound, counts):
    """exp(- bound per word), finite however little the counts; one where there are no words."""
    return float(np.exp(min(-bound / counts, _LARGEST_LOG))) if counts > 0.0 else 1.0


class TopicReports:
    """Methods of a fitted topic model that change nothing."""

    def perplexity(self, X):
        """Return exp(- bound per word) of documents under the topics as they are: less is better."""
        X, bounds = self._infer(X, TopicModel.bounds)
        return perplexity_of(bounds.sum(), X.sum())

    def document_completion(self, X, random_state=None):
        """Return the mean log predictive probability of a word, in nats, given the other half of its document.

        Each document's words are split at random; proportions are found from one half, and the other is scored under
        them and the expected topics. Documents of one word say nothing. The honest figure to compare numbers of
        topics by, on documents that were not fitted.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        random_state : int, RandomState instance or None, default=None
        """
        check_is_fitted(self)
        X, _ = self._validate_documents(X, reset=False)
        seen, held_out = split_tokens(X, check_random_state(random_state))
        if not held_out.sum() > 0.0:
            raise ValueError("document_completion needs documents of two words or more: X has none")
        return mean_log_probability(held_out, self.transform(seen), self.posterior_.topics.mean)

    def top_words(self, feature_names=None, n=10, level=0.9):
        """Return the most probable words of each topic as a DataFrame, with credible intervals.

        Parameters
        ----------
        feature_names : array-like of shape (n_features,), default=None
            Words, as `get_feature_names_out` of a vectoriser gives them. None takes those of the DataFrame that was
            fitted, or else numbers.
        n : int, default=10
        level : float, default=0.9
            Of the central interval of each probability.

        Returns
        -------
        DataFrame with columns topic, rank, word, probability, lower, upper
        """
        check_is_fitted(self)
        check_count("n", n)
        return top_words_table(self, feature_names, n, level)

    def topic_coherence(self, X, measure="u_mass", n=10):
        """Return how often the top words of each topic occur together in documents, shape (n_components,).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        measure : {"u_mass", "npmi"}, default="u_mass"
            Mean over pairs of log((D(a, b) + 1) / D(a)), a the more probable word (Mimno et al. 2011), or of the
            normalised pointwise mutual information in [-1, 1] (Bouma 2009), D counting documents.
        n : int, default=10
            Number of top words.
        """
        check_is_fitted(self)
        check_count("n", n)
        X, _ = self._validate_documents(X, reset=False)
        return coherence(self.components_, X, measure, n)

    def sample(self, n_samples=1, n_words=100, random_state=None):
        """Draw documents from the posterior predictive distribution.

        Parameters
        ----------
        n_samples : int, default=1
        n_words : int, default=100
            Words in each document.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        csr_array of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        check_count("n_words", n_words)
        rng = check_random_state(random_state)
        proportions = self.prior_.documents.sample(n_samples, rng)
        topics = self.posterior_.topics.mean
        draws = [rng.multinomial(n_words, p / p.sum()) for p in proportions @ topics]
        return sp.csr_array(np.array(draws))
