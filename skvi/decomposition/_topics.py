"""The topic model."""

from copy import deepcopy
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from skvi import _threads
from skvi.base import ConjugateEstimator, check_same_n_components, restores_on_error
from skvi.decomposition._topic_parameters import make_prior, make_starts, priors_to_learn
from skvi.decomposition._topic_reports import TopicReports, perplexity_of
from skvi.families import Joint
from skvi.models.documents import Documents
from skvi.models.topics import TopicModel


class MeanFieldTopicModel(TopicReports, ClassNamePrefixFeaturesOutMixin, TransformerMixin, ConjugateEstimator):
    """Topics of documents by latent Dirichlet allocation with mean-field variational inference.

    A drop-in for scikit-learn's `LatentDirichletAllocation` with an exact evidence lower bound, a test of
    convergence, learned priors and threads. Each topic is a distribution over words, each document a mixture of
    topics, each word drawn from one of them; the posterior is q(topics) q(proportions) q(assignments).

    Parameters
    ----------
    n_components : int, default=10
        Number of topics, K.
    doc_topic_prior : float, array-like of shape (n_components,), "auto" or "auto-asymmetric", default=None
        Concentrations of the documents' proportions, positive. None is 1 / n_components. "auto" learns one number for
        all topics and "auto-asymmetric" one for each, from 1 / n_components on.
    topic_word_prior : float, array-like of shape (n_features,), "auto" or "auto-asymmetric", default=None
        Concentrations of the topics' words, alike; the asymmetric ones are those of the words.
    tol : float, default=1e-2
        A sweep that gains less than `tol` nats per document means convergence. A document is worth hundreds of
        nats, and topics converge slowly: this is larger than the default of other models.
    max_iter : int, default=500
        Largest number of sweeps over the documents. scikit-learn's default is 10, without a test of convergence.
    n_init : int, default=1
        Number of starts; the best bound is kept. One is all there is where `init_params` is an array.
    init_params : {"seeded", "random"} or array-like of shape (n_components, n_features), default="seeded"
        Where topics start: at the corpus with a tenth of one document each; at random, as in scikit-learn; or at
        the given concentrations, whose order they then keep.
    prior : Joint, default=None
        Prior in place of the two parameters above, with a factor `topics`, `documents` or both, such as `posterior_`
        of an earlier fit.
    learning_method : {"batch", "online", "memoized"}, default="batch"
        All documents before each update of the topics; stochastic steps from mini-batches; or exact incremental
        updates after each mini-batch, which need fewer sweeps.
    batch_size : int, default=None
        Documents in a mini-batch of "online" (None: 1024) and "memoized" (None: a twentieth, at least 1024).
    learning_decay : float, default=0.7
        Exponent of the online step size (t + learning_offset)^-learning_decay, in (0.5, 1].
    learning_offset : float, default=10.0
        Delay of the online step size: larger values make early steps smaller.
    total_samples : float, default=None
        Number of documents that calls of `partial_fit` are a sample of. None adds each call's documents exactly.
        scikit-learn takes a million where nothing is said.
    mean_change_tol : float, default=1e-3
        Mean change of a document's concentrations below which it has settled.
    max_doc_update_iter : int, default=100
        Largest number of steps for a document in `transform` and `score`, and at the end of a fit.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts and of mini-batches.
    warm_start : bool, default=False
        Whether `fit` starts from the last posterior, where it has the right shape.
    n_jobs : int, default=None
        Number of threads: None is all cores (one inside a joblib worker). It changes no bit of the result.
    verbose : int, default=0
        1 prints the bound of every `verbose_interval` sweeps, 2 its last gain too.
    verbose_interval : int, default=10
        Sweeps between two messages.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Concentrations of the topics' posterior: expected counts plus the prior's.
    doc_topic_prior_, topic_word_prior_ : float or ndarray
        Concentrations of the priors, learned ones included.
    posterior_ : Joint
        Posterior, with the factor `topics`: mean, var, interval, sample, kl.
    prior_ : Joint
        Prior, with the factors `topics` and `documents`.
    elbo_ : float
        Evidence lower bound of the training data in nats, with all constants. Words are taken as a sequence:
        the multinomial coefficient of the counts is not in it, here or in any other figure.
    elbo_history_ : list of float
        Bound after each sweep; the last is `elbo_`. After "online" the others are means over a lap.
    restart_elbos_ : ndarray of shape (n_starts,)
        Bounds that the starts reached.
    bound_ : float
        Perplexity of the training data, under the name that scikit-learn gives it.
    n_iter_ : int
        Sweeps of the best start.
    n_batch_iter_ : int
        Stochastic steps of the best start online, its sweeps otherwise.
    converged_ : bool
        Whether the best start converged.
    n_features_in_ : int
        Number of words seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the words, where X has string names.

    Notes
    -----
    At the first fifteen visits documents start afresh from equal topics and take eight steps; afterwards they go on
    where they were, and the bound never falls. Documents that settle early, under topics that are not yet any good,
    would keep these topics as they are: on two corpora of newswire and blogs with 50 topics this order ends one to
    two per cent above fits whose documents go on from the first visit. Online they always start afresh, and take
    ten steps, but twenty at the start of the fit.

    At the end each document keeps the better of its posterior and of the one that `transform` finds, so that
    `elbo_` is at least n * score(X) - posterior_.kl(prior_), n being the sum of weights.

    References
    ----------
    Blei, Ng & Jordan (2003), Latent Dirichlet allocation.
    Hoffman, Blei & Bach (2010), Online learning for latent Dirichlet allocation.
    Minka (2000), Estimating a Dirichlet distribution.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from skvi import MeanFieldTopicModel
    >>> texts = ["the cat and the dog", "dog eats cat food", "stocks and bonds fell", "bonds rose, stocks fell"]
    >>> X = CountVectorizer(stop_words="english").fit_transform(texts)
    >>> model = MeanFieldTopicModel(2, random_state=0).fit(X)
    >>> proportions = model.transform(X)
    >>> proportions.shape
    (4, 2)
    >>> bool((proportions[:2].argmax(axis=1) != proportions[2:].argmax(axis=1)).all())
    True
    """

    _parameter_constraints = {
        **ConjugateEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "doc_topic_prior": [
            None,
            StrOptions({"auto", "auto-asymmetric"}),
            Interval(Real, 0.0, None, closed="neither"),
            "array-like",
        ],
        "topic_word_prior": [
            None,
            StrOptions({"auto", "auto-asymmetric"}),
            Interval(Real, 0.0, None, closed="neither"),
            "array-like",
        ],
        "init_params": [StrOptions({"seeded", "random"}), "array-like"],
        "prior": [None, Joint],
        "mean_change_tol": [Interval(Real, 0.0, None, closed="left")],
        "max_doc_update_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=10,
        *,
        doc_topic_prior=None,
        topic_word_prior=None,
        tol=1e-2,
        max_iter=500,
        n_init=1,
        init_params="seeded",
        prior=None,
        learning_method="batch",
        batch_size=None,
        learning_decay=0.7,
        learning_offset=10.0,
        total_samples=None,
        mean_change_tol=1e-3,
        max_doc_update_iter=100,
        random_state=None,
        warm_start=False,
        n_jobs=None,
        verbose=0,
        verbose_interval=10,
    ):
        self.n_components = n_components
        self.doc_topic_prior = doc_topic_prior
        self.topic_word_prior = topic_word_prior
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.prior = prior
        self.learning_method = learning_method
        self.batch_size = batch_size
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.total_samples = total_samples
        self.mean_change_tol = mean_change_tol
        self.max_doc_update_iter = max_doc_update_iter
        self.random_state = random_state
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the posterior of the topics.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative counts or weights of words. Empty documents are legal and keep the prior.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights: w counts as w equal documents, zero as absence.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For negative counts, NaN, infinity, shapes or parameters that do not fit, and weights that are negative or
            all zero.
        """
        warm = self.warm_start and hasattr(self, "posterior_")
        X, documents = self._validate_documents(X, reset=True, sample_weight=sample_weight)
        random_state = check_random_state(self.random_state)
        with _threads.single_threaded_blas():
            prior = make_prior(self, X.shape[1])
            warm = warm and self.components_.shape == prior.topics.concentration.shape
            starts, labelled = (
                ([deepcopy(self.posterior_)], True) if warm else make_starts(self, prior, documents, random_state)
            )
            schedule = self._make_schedule(
                self._model(self.learning_method == "online"), prior, documents, random_state, reorder=False
            )
            return self._keep(schedule, self._run(schedule, starts, X, sort=not labelled))

    @restores_on_error
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take in more documents, with the posteriors of earlier ones as they were.

        The first call chooses the prior and the start. Each call sweeps over its documents until they converge, so
        that `elbo_` is a lower bound for all documents seen. With `total_samples` it takes one stochastic step
        instead. Topics are never sorted.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        first = not hasattr(self, "posterior_")
        X, documents = self._validate_documents(X, reset=first, sample_weight=sample_weight)
        with _threads.single_threaded_blas():
            if first:
                prior = make_prior(self, X.shape[1])
                starts, _ = make_starts(self, prior, documents, check_random_state(self.random_state))
            else:
                prior, starts = self.prior_, [deepcopy(self.posterior_)]
                check_same_n_components(self, len(self.components_))
            return self._stream(self._model(self.total_samples is not None), prior, documents, starts, X, first)

    def _validate_documents(self, X, *, reset, sample_weight=None):
        """Check X; return it as a sparse matrix with sorted indices, and as documents."""
        X = validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=[np.float64, np.float32], accept_large_sparse=True
        )
        check_non_negative(X, type(self).__name__)
        weights = self._validate_weights(sample_weight, X)
        X = sp.csr_array(X)
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        return X, Documents.of(X, weights)

    def _model(self, online=False):
        return TopicModel(
            self.n_components,
            self.n_features_in_,
            fresh_visits=_FRESH_SWEEPS,
            steps=[int(min(n, self.max_doc_update_iter)) for n in (_ONLINE_STEPS if online else _BATCH_STEPS)],
            tol=self.mean_change_tol,
            learn=priors_to_learn(self),
            n_jobs=self._n_threads(),
        )

    def _attributes(self, schedule, restart):
        topics, documents = restart.posterior.topics, restart.prior.documents
        counts = restart.summary.statistics["topics"].dense().values.sum()
        return {
            "components_": topics.concentration,
            "doc_topic_prior_": _common(documents.concentration),
            "topic_word_prior_": _common(_common_row(restart.prior.topics.concentration)),
            "bound_": perplexity_of(restart.bound, counts),
            "n_batch_iter_": restart.steps or len(restart.monitor.bounds),
        }

    @property
    def exp_dirichlet_component_(self):
        """exp(E[log topics]), shape (n_components, n_features)."""
        check_is_fitted(self)
        return np.exp(self.posterior_.topics.expected_log)

    def _infer(self, X, what):
        """What a method of the model says of each document, from its deterministic start; and X, checked."""
        check_is_fitted(self)
        X, documents = self._validate_documents(X, reset=False)
        model = self._model()
        with _threads.single_threaded_blas():
            n_jobs = self._n_threads()
            messages = model.lasting_messages(self.posterior_, self.prior_, n_jobs)
            tasks = [lambda b=block: what(model, b, messages) for block in model.blocks_to_infer(documents)]
            return X, np.concatenate(_threads.run(tasks, n_jobs))

    def transform(self, X, *, normalize=True):
        """Return each document's expected proportions of topics, shape (n_samples, n_components); rows sum to one.

        The topics stay as they are. A document starts from equal topics and takes up to `max_doc_update_iter` steps,
        so that its result depends on no other document. Without `normalize`: its concentrations.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        normalize : bool, default=True
        """
        X, gamma = self._infer(X, TopicModel.concentrations)
        if normalize:
            gamma /= gamma.sum(axis=1, keepdims=True)
        return gamma.astype(X.dtype, copy=False)

    def fit_transform(self, X, y=None, *, normalize=True, sample_weight=None):
        """Fit, then return the documents' proportions of topics."""
        return self.fit(X, sample_weight=sample_weight).transform(X, normalize=normalize)

    def score(self, X, y=None, sample_weight=None):
        """Return the mean evidence lower bound of a document, in nats.

        The posterior over topics stays as it is and is averaged over; held-out documents are not charged for it, as
        they are in scikit-learn. It bounds the mean log predictive density from below and is what cross-validation
        compares.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
        """
        X, bounds = self._infer(X, TopicModel.bounds)
        return float(np.average(bounds, weights=self._validate_weights(sample_weight, X)))

    def score_samples(self, X):
        """Return each document's evidence lower bound (nats), shape (n_samples,).

        The log predictive density of a document has no closed form; this bounds it from below, and `score` is the mean.
        """
        return self._infer(X, TopicModel.bounds)[1]

    @property
    def _n_features_out(self):
        return self.components_.shape[0]


_FRESH_SWEEPS = 15
# Steps of documents at the start, in fresh and in later visits, and in the end.
_BATCH_STEPS = (8, 8, 5, np.inf)
_ONLINE_STEPS = (20, 10, 5, np.inf)


def _common(values):
    """The value that all share, or all values where they differ."""
    return float(values.flat[0]) if (values == values.flat[0]).all() else np.array(values)


def _common_row(table):
    """The row that all share, or the table where they differ."""
    return table[0] if table.strides[0] == 0 or (table == table[0]).all() else table
