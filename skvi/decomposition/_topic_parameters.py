"""From the topic model's parameters to a prior and to starts."""

import numpy as np
from sklearn.utils.validation import check_array

from skvi.families import Dirichlet, Joint
from skvi.models.topic_starts import STARTS, given

_PARAMETERS = {"documents": "doc_topic_prior", "topics": "topic_word_prior"}


def priors_to_learn(estimator):
    """Which concentrations of the prior are learned, and how."""
    given = () if estimator.prior is None else estimator.prior.keys()
    asked = {factor: getattr(estimator, name) for factor, name in _PARAMETERS.items() if factor not in given}
    return {factor: value for factor, value in asked.items() if isinstance(value, str)}


def _concentration(estimator, name, size):
    value = getattr(estimator, name)
    if value is None or isinstance(value, str):
        value = 1.0 / estimator.n_components
    array = np.array(value, dtype=np.float64)
    if array.shape not in ((), (size,)):
        raise ValueError(f"{name} has shape {array.shape}: give a number, or an array of shape {(size,)}")
    if not ((array > 0.0) & (array < 1e100)).all():
        raise ValueError(f"{name}={value!r}: concentrations must be positive and finite")
    return np.broadcast_to(array, (size,)).copy()


def make_prior(estimator, n_words):
    """The user's prior, or that of the estimator's parameters."""
    k = estimator.n_components
    factors = {} if estimator.prior is None else _checked(estimator.prior, k, n_words)
    if len(factors) == len(_PARAMETERS):
        return estimator.prior
    if "topics" not in factors:
        words = _concentration(estimator, "topic_word_prior", n_words)
        factors["topics"] = Dirichlet(np.broadcast_to(words, (k, n_words)))
    if "documents" not in factors:
        factors["documents"] = Dirichlet(_concentration(estimator, "doc_topic_prior", k))
    return Joint(**factors)


def _checked(prior, k, n_words):
    shapes = {"topics": (k, n_words), "documents": (k,)}
    if not set(prior) <= set(shapes):
        raise ValueError(f"prior has factors {sorted(prior)}: it may have 'documents' and 'topics'")
    for name in prior:
        shape = shapes[name]
        if type(prior[name]) is not Dirichlet:
            raise ValueError(f"prior.{name} is a {type(prior[name]).__name__}: it must be a Dirichlet")
        if prior[name].concentration.shape != shape:
            raise ValueError(
                f"prior.{name} has concentrations of shape {prior[name].concentration.shape}: n_components={k} and X "
                f"need {shape}"
            )
        if not ((prior[name].concentration > 0.0) & (prior[name].concentration < 1e100)).all():
            raise ValueError(f"prior.{name} has concentrations that are not positive and finite")
    return dict(prior.items())


def make_starts(estimator, prior, documents, random_state):
    """Starts, one per restart, and whether the topics' labels mean something to the user."""
    init = estimator.init_params
    if not isinstance(init, str):
        array = check_array(init, dtype=np.float64, input_name="init_params", copy=True)
        if array.shape != prior.topics.concentration.shape or not (array > 0.0).all():
            raise ValueError(
                f"init_params has shape {array.shape}: give positive concentrations of shape "
                f"{prior.topics.concentration.shape}, or one of 'seeded', 'random'"
            )
        return [given(array)], True
    if _distinguishes_topics(prior.topics):
        return [given(np.array(prior.topics.concentration))], True
    seeds = random_state.randint(np.iinfo(np.int32).max, size=estimator.n_init)
    starts = [STARTS[init](prior, documents, np.random.RandomState(seed)) for seed in seeds]
    asymmetric = (prior.documents.concentration != prior.documents.concentration[0]).any()
    return starts, bool(asymmetric)


def _distinguishes_topics(topics):
    # A prior of equal rows is stored once, which is quick to see.
    concentration = topics.concentration
    return concentration.strides[0] != 0 and bool((concentration != concentration[:1]).any())
