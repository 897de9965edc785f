"""The kernels of topics, and what of special functions and vectors they need; also runs without compilation."""

import functools
from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import psi

from skvi.kernels import documents as inference
from skvi.kernels import simd, special, topics
from skvi.kernels.blocks import padded
from skvi.kernels.document_steps import PADDING
from tests.reference import documents as plain_inference
from tests.reference import special as plain_special
from tests.reference import topics as plain_topics

# Special functions


@functools.cache
def elementwise(function, n_outputs=1):
    """A function of arrays that applies a kernel's helper to each number."""

    @numba.njit
    def one(x, out):
        for i in range(len(x)):
            out[i, 0] = function(x[i])

    @numba.njit
    def three(x, out):
        for i in range(len(x)):
            out[i, 0], out[i, 1], out[i, 2] = function(x[i])

    def applied(x):
        out = np.empty((len(x), n_outputs))
        (one if n_outputs == 1 else three)(x, out)
        return out.T

    return applied


ROOT_OF_DIGAMMA = 1.4616321449683623
GAMMA_POINTS = {
    "whole range": 10.0 ** np.linspace(-300.0, 15.0, 1501),
    "up to where series hold": np.linspace(1e-3, 9.0, 1501),
    "around integers": np.nextafter(np.arange(1.0, 20.0)[:, None], [0.0, np.inf]).ravel(),
    "around the root of digamma": ROOT_OF_DIGAMMA + 1e-8 * np.linspace(-1.0, 1.0, 101),
}
LARGE_POINTS = {
    "whole range": 10.0 ** np.linspace(np.log10(8.0), 15.0, 1501),
    "at the shift": 8.0 + np.linspace(0.0, 8.0, 801),
}
# log Gamma of small numbers is a difference of two logarithms near 15.
GAMMA_ERRORS = [("digamma", GAMMA_POINTS, 2.5e-15), ("log_gamma", GAMMA_POINTS, 8e-15)]
TAIL_ERRORS = [("digamma_tail", LARGE_POINTS, 2e-15), ("log_gamma_tail", LARGE_POINTS, 8e-16)]
GAMMA_TABLE = [
    pytest.param(name, points[key], error, id=f"{name} {key}")
    for name, points, error in [*GAMMA_ERRORS, *TAIL_ERRORS]
    for key in points
]


@pytest.mark.parametrize(("name", "points", "error"), GAMMA_TABLE)
def test_gamma_functions_are_accurate(name, points, error):
    got, expected = elementwise(getattr(special, name))(points)[0], getattr(plain_special, name)(points)
    if name == "digamma_tail":
        # scipy's digamma loses the tail's own digits to the logarithm.
        expected, got = psi(points), got + np.log(points)
    assert np.max(np.abs(got - expected) / np.maximum(1.0, np.abs(expected))) < error


def test_digamma_tail_of_large_numbers_is_the_leading_term():
    y = 10.0 ** np.arange(8.0, 300.0)
    got = elementwise(special.digamma_tail)(y)[0]
    assert_allclose(got, -0.5 / y, rtol=1e-8)


@pytest.mark.parametrize("points", GAMMA_POINTS.values(), ids=GAMMA_POINTS)
def test_gamma_parts_carry_by_eight(points):
    got = elementwise(special.gamma_parts, 3)(points)
    expected = np.transpose([plain_special.gamma_parts(x) for x in points])
    for one, other in zip(got, expected, strict=True):
        assert_allclose(one, other, rtol=4e-15)


@pytest.mark.parametrize("x", [1e-300, 1e-17, 0.1, 1.0, 7.999999, 8.0, 123.0, 1e15])
def test_digamma_is_the_slope_of_log_gamma(x):
    step = 1e-5 * x
    digamma, log_gamma = elementwise(special.digamma), elementwise(special.log_gamma)
    low, high = log_gamma(np.array([x - step, x + step]))[0]
    rounding = 1e-14 * max(1.0, abs(high)) / step
    assert_allclose((high - low) / (2.0 * step), digamma(np.array([x]))[0, 0], rtol=1e-8, atol=rounding)


# Vectors


@functools.cache
def lanewise(function):
    @numba.njit
    def apply(x, y, out):
        simd.store(out, 0, 0, function(simd.load(x, 0, 0), simd.load(y, 0, 0)))

    return apply


VECTORS = {
    "numbers": np.array([[1.5, -2.0, 0.0, 1e300, 1e-300, 3.0, -0.0, 7.0]]),
    "others": np.array([[0.1, 3.0, -5.0, 1e300, 1e300, -3.0, 2.0, 1.0 / 3.0]]),
    "special": np.array([[np.nan, np.inf, -np.inf, 0.0, 1.0, -np.inf, 5e-324, np.inf]]),
}
OPERATIONS = {"plus": np.add, "minus": np.subtract, "times": np.multiply, "over": np.divide}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("first", VECTORS)
@pytest.mark.parametrize("second", VECTORS)
def test_arithmetic_of_vectors_is_numpys(name, first, second):
    x, y = VECTORS[first], VECTORS[second]
    out = np.empty((1, simd.LANES))
    with np.errstate(all="ignore"):
        lanewise(getattr(simd, name))(x, y, out)
        assert_array_equal(out, OPERATIONS[name](x, y))


@numba.njit
def apply_any_above(x, bound):
    return simd.any_above(simd.load(x, 0, 0), simd.splat(bound))


ABOVE = {
    "one lane": (np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5]), 7.0, True),
    "the first lane": (np.array([7.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0]), 7.0, True),
    "equal is not above": (np.full(8, 7.0), 7.0, False),
    "below": (np.arange(8.0), 8.0, False),
    "NaN": (np.array([0.0, 0.0, np.nan, 0.0, 0.0, 0.0, 0.0, 0.0]), 7.0, True),
    "NaN as bound": (np.zeros(8), np.nan, True),
    "infinity": (np.full(8, -np.inf), -np.inf, False),
}


@pytest.mark.parametrize(("x", "bound", "expected"), ABOVE.values(), ids=ABOVE)
def test_any_above(x, bound, expected):
    assert apply_any_above(x[None], bound) == expected


@numba.njit
def apply_totals(x, out):
    rows = simd.totals(
        simd.load(x, 0, 0),
        simd.load(x, 1, 0),
        simd.load(x, 2, 0),
        simd.load(x, 3, 0),
        simd.load(x, 4, 0),
        simd.load(x, 5, 0),
        simd.load(x, 6, 0),
        simd.load(x, 7, 0),
    )
    simd.store(out, 0, 0, rows)


@numba.njit
def apply_total(x):
    return simd.total(simd.load(x, 0, 0))


def test_totals_are_the_sums_of_their_own_vectors():
    # Powers of two: any lane of any vector in a wrong sum shows, and no sum rounds.
    powers = 2.0 ** np.arange(64.0).reshape(8, 8)
    out = np.empty((1, 8))
    for x in (powers, np.random.default_rng(0).normal(size=(8, 8))):
        apply_totals(x, out)
        assert_allclose(out[0], x.sum(axis=1), rtol=1e-14)
        assert_allclose([apply_total(row[None]) for row in x], x.sum(axis=1), rtol=1e-14)


@numba.njit
def apply_highest(x):
    return simd.highest(simd.load(x, 0, 0))


def test_highest_is_the_largest_lane():
    for lane in range(8):
        assert apply_highest(np.where(np.arange(8) == lane, 2.0, -np.arange(8.0))[None]) == 2.0
    assert apply_highest(np.full((1, 8), -np.inf)) == -np.inf


@numba.njit
def apply_load_part(x, i, b, out):
    simd.store(out, 0, 0, simd.load_part(x, i, b))


def test_parts_of_rows_are_filled_up_with_zeros():
    x = np.arange(1.0, 31.0).reshape(3, 10)
    x[:, 5] = np.nan
    for i in range(3):
        for b in range(11):
            out = np.full((1, 8), -1.0)
            apply_load_part(x, i, b, out)
            assert_array_equal(out[0], np.concatenate([x[i, b : b + 8], np.zeros(max(0, b - 2))]))


def test_totals_keep_infinity_and_nan_in_their_lane():
    x = np.ones((8, 8))
    x[2, 5], x[6, 0] = np.inf, np.nan
    out = np.empty((1, 8))
    apply_totals(x, out)
    assert_array_equal(out[0], [8.0, 8.0, np.inf, 8.0, 8.0, 8.0, np.nan, 8.0])


# Topics

TOPICS = [1, 3, 8, 9, 50]
N_WORDS = 1200
LENGTHS = [0, 1, 2, 7, 8, 9, 0, 1000, 30, 1, 0]


class Documents(NamedTuple):
    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray

    def slice(self, start, stop):
        return self._replace(indptr=self.indptr[start : stop + 1])


def make_documents(lengths=LENGTHS, dtype=np.float64, index_dtype=np.int32, first=0):
    """Documents of so many different words; what stands before the first must not be read."""
    rng = np.random.default_rng(len(lengths))
    words = [np.sort(rng.permutation(N_WORDS)[:n]) for n in lengths]
    before = np.full(first, 2**31 - 1)
    counts = np.concatenate([np.full(first, np.nan), rng.gamma(2.0, 1.5, size=sum(lengths))])
    return Documents(
        counts.astype(dtype),
        np.concatenate([before, *words]).astype(index_dtype),
        (first + np.cumsum([0, *lengths])).astype(index_dtype),
    )


class Messages(NamedTuple):
    words: np.ndarray
    offsets: np.ndarray
    evens: np.ndarray
    log_sums: np.ndarray


def expected(kernels, concentration):
    """What `expect_words` leaves behind."""
    v, k = concentration.shape
    messages = Messages(*[np.full(shape, np.nan) for shape in ((v, k), v, v, v)])
    kernels.expect_words(concentration, psi(concentration.sum(axis=0)), *messages)
    return messages


def word_concentrations(n_topics, low=-1.0, high=2.0, n_words=N_WORDS):
    rng = np.random.default_rng(n_topics)
    return 10.0 ** rng.uniform(low, high, size=(n_words, n_topics))


def padded_alpha(n_topics, low, high):
    alpha = np.full(padded(n_topics, simd.LANES), PADDING)
    alpha[:n_topics] = 10.0 ** np.random.default_rng(n_topics).uniform(low, high, size=n_topics)
    return alpha


class Inferred(NamedTuple):
    gamma: np.ndarray
    theta: np.ndarray
    bounds: np.ndarray
    logs: np.ndarray


def infer(kernels, documents, messages, alpha, n_topics, fresh=True, max_steps=1, tol=0.0, gamma=None):
    n = len(documents.indptr) - 1
    shapes = (n, len(alpha)), (n, len(alpha)), n, (n, len(alpha))
    inferred = Inferred(*[np.full(shape, np.nan) for shape in shapes])
    if gamma is not None:
        logs = psi(gamma)
        inferred.theta[:] = plain_special.exp_nonpositive(logs - logs.max(axis=1, keepdims=True))
    settings = alpha, n_topics, fresh, max_steps, tol
    heard = messages.words, messages.offsets, messages.evens
    longest = np.diff(documents.indptr).max(initial=0)
    work = inference.workspace(longest, n_topics, lambda name, shape, dtype: np.zeros(shape, dtype))
    kernels.infer_documents(*documents, *heard, *settings, *inferred, work)
    return inferred


def assert_same_posteriors(got, expected, rtol=1e-10):
    """Compare posteriors; theta is known up to a factor of each document."""
    assert_allclose(got.gamma, expected.gamma, rtol=rtol, atol=1e-290)
    assert_allclose(got.logs, expected.logs, rtol=rtol, atol=rtol)
    shares = [inferred.theta / inferred.theta.sum(axis=1, keepdims=True) for inferred in (got, expected)]
    assert_allclose(*shares, rtol=rtol, atol=1e-290)
    # Log-normalisers of large concentrations cancel in the bound.
    size = 1.0 + np.abs(expected.bounds) + np.abs(expected.gamma * np.log(expected.gamma)).sum(axis=1)
    assert (np.abs(got.bounds - expected.bounds) < 1e-13 * size + rtol * np.abs(expected.bounds)).all()


@pytest.mark.parametrize(("fresh", "max_steps"), [(True, 0), (True, 1), (True, 10), (False, 1), (False, 10)])
@pytest.mark.parametrize("n_topics", TOPICS)
def test_infer_documents(n_topics, fresh, max_steps):
    documents = make_documents()
    messages = expected(plain_topics, word_concentrations(n_topics))
    alpha = padded_alpha(n_topics, -1.0, 0.5)
    gamma = None if fresh else alpha * np.random.default_rng(0).gamma(2.0, 3.0, size=(len(LENGTHS), 1))
    got, twin = (
        infer(kernels, documents, messages, alpha, n_topics, fresh, max_steps, gamma=gamma)
        for kernels in (inference, plain_inference)
    )
    assert_same_posteriors(got, twin)


@pytest.mark.parametrize("first", [0, 13])
@pytest.mark.parametrize(
    ("dtype", "index_dtype"), [(np.float32, np.int32), (np.float64, np.int32), (np.float64, np.int64)]
)
def test_infer_documents_takes_any_matrix(dtype, index_dtype, first):
    documents = make_documents(LENGTHS[:6], dtype, index_dtype, first)
    messages = expected(plain_topics, word_concentrations(3))
    alpha = padded_alpha(3, -1.0, 0.0)
    got, twin = (infer(kernels, documents, messages, alpha, 3, max_steps=4) for kernels in (inference, plain_inference))
    assert_same_posteriors(got, twin)


@pytest.mark.parametrize("words", [(-8.0, -7.0), (-8.0, 8.0), (7.0, 8.0)], ids=["sparse", "any", "dense"])
@pytest.mark.parametrize("documents", [(-8.0, -7.0), (-8.0, 8.0), (7.0, 8.0)], ids=["sparse", "any", "dense"])
@pytest.mark.parametrize("n_topics", [1, 9])
def test_infer_documents_of_extreme_priors(n_topics, documents, words):
    messages = expected(plain_topics, word_concentrations(n_topics, *words))
    alpha = padded_alpha(n_topics, *documents)
    corpus = make_documents()
    got, twin = (
        infer(kernels, corpus, messages, alpha, n_topics, max_steps=5) for kernels in (inference, plain_inference)
    )
    assert np.isfinite(got.bounds).all()
    assert_same_posteriors(got, twin, rtol=1e-7)


@pytest.mark.parametrize("n_topics", [3, 9])
def test_infer_documents_stops_where_documents_have_settled(n_topics):
    documents = make_documents()
    messages = expected(plain_topics, word_concentrations(n_topics))
    alpha = padded_alpha(n_topics, -1.0, 0.0)
    for tol in (1e-1, 1e-6):
        got, twin = (
            infer(kernels, documents, messages, alpha, n_topics, max_steps=1000, tol=tol)
            for kernels in (inference, plain_inference)
        )
        assert_same_posteriors(got, twin)
    # More steps of settled documents change little; nor does one more step of few.
    again = infer(inference, documents, messages, alpha, n_topics, False, 1, gamma=got.gamma)
    assert (np.abs(again.gamma - got.gamma).sum(axis=1) < 1e-6 * n_topics).all()


@pytest.mark.parametrize("n_topics", [1, 3, 8])
def test_empty_documents_keep_the_prior(n_topics):
    messages = expected(topics, word_concentrations(n_topics))
    alpha = padded_alpha(n_topics, -8.0, 8.0)
    inferred = infer(inference, make_documents([0, 0]), messages, alpha, n_topics, max_steps=3)
    assert_array_equal(inferred.gamma, [alpha, alpha])
    assert_allclose(inferred.bounds, 0.0, atol=1e-14 * np.abs(alpha * np.log(alpha)).sum())


def test_no_documents_are_no_work():
    messages = expected(topics, word_concentrations(3))
    assert infer(inference, make_documents([]), messages, padded_alpha(3, -1.0, 1.0), 3).gamma.shape == (0, 8)


def test_documents_do_not_depend_on_their_neighbours():
    documents = make_documents(first=5)
    messages = expected(topics, word_concentrations(9))
    alpha = padded_alpha(9, -1.0, 0.0)
    whole = infer(inference, documents, messages, alpha, 9, max_steps=20, tol=1e-3)
    for d in range(len(LENGTHS)):
        alone = infer(inference, documents.slice(d, d + 1), messages, alpha, 9, max_steps=20, tol=1e-3)
        for name in ("gamma", "theta", "bounds", "logs"):
            assert_array_equal(getattr(alone, name)[0], getattr(whole, name)[d])


def sparse_topics(n_topics):
    """Words that most topics do not have, and documents of few topics."""
    messages = expected(plain_topics, word_concentrations(n_topics, -4.0, 1.0))
    return messages, padded_alpha(n_topics, -2.0, -1.0)


def test_bounds_of_documents_that_go_on_rise_with_every_step():
    documents = make_documents()
    messages, alpha = sparse_topics(50)
    gamma = infer(inference, documents, messages, alpha, 50, max_steps=2).gamma
    bounds = [infer(inference, documents, messages, alpha, 50, False, n, gamma=gamma).bounds for n in range(1, 12)]
    assert (np.diff(bounds, axis=0) >= -1e-11 * np.abs(bounds[0])).all()
    assert (bounds[-1] > bounds[0] + 1e-6).any()


@pytest.mark.parametrize("n_topics", [9, 50])
def test_topics_that_are_left_out_change_nothing(n_topics, monkeypatch):
    documents = make_documents()
    messages, alpha = sparse_topics(n_topics)
    gamma = infer(plain_inference, documents, messages, alpha, n_topics, max_steps=3).gamma
    settings = documents, messages, alpha, n_topics, False, 30
    got, few = (infer(kernels, *settings, gamma=gamma) for kernels in (inference, plain_inference))
    assert_same_posteriors(got, few)
    monkeypatch.setattr(plain_inference, "LEAST_SHARE", 0.0)
    whole = infer(plain_inference, *settings, gamma=gamma)
    assert (np.abs(got.gamma - whole.gamma).max(axis=1) <= 1e-7 * whole.gamma.sum(axis=1)).all()
    assert_allclose(got.bounds, whole.bounds, rtol=1e-9, atol=1e-12)
    # The middle one of thirty words or so has a few topics of many.
    assert n_topics == 9 or 0.5 < (got.gamma <= alpha * (1.0 + 1e-9))[5, :n_topics].mean() < 1.0


@pytest.mark.parametrize("tol", [1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("n_topics", [9, 50])
def test_documents_of_few_topics_settle_as_plain_steps_with_all_topics_do(n_topics, tol, monkeypatch):
    documents = make_documents()
    messages, alpha = sparse_topics(n_topics)
    got = infer(inference, documents, messages, alpha, n_topics, max_steps=1000, tol=tol)
    monkeypatch.setattr(plain_inference, "LEAST_SHARE", 0.0)
    again = infer(plain_inference, documents, messages, alpha, n_topics, False, 1, gamma=got.gamma)
    assert (np.abs(again.gamma - got.gamma).sum(axis=1) < tol * n_topics).all()
    # Some have left topics out.
    assert n_topics == 9 or (got.gamma == alpha).any(axis=1).sum() > 5


def test_fresh_documents_settle_where_plain_steps_stay():
    documents = make_documents()
    messages = expected(topics, word_concentrations(9))
    alpha = padded_alpha(9, -1.0, 0.0)
    settled = dict(max_steps=1000, tol=1e-8)
    fresh = infer(inference, documents, messages, alpha, 9, **settled)
    again = infer(inference, documents, messages, alpha, 9, False, gamma=fresh.gamma, **settled)
    assert_allclose(again.gamma, fresh.gamma, rtol=1e-5)
    assert_allclose(again.bounds, fresh.bounds, rtol=1e-12)


@pytest.mark.parametrize("scale", [(-8.0, -7.0), (-1.0, 2.0), (-8.0, 8.0), (7.0, 8.0)])
@pytest.mark.parametrize("n_topics", TOPICS)
def test_expect_words(n_topics, scale):
    concentration = word_concentrations(n_topics, *scale, n_words=50)
    got, twin = (expected(kernels, concentration) for kernels in (topics, plain_topics))
    assert_allclose(got.log_sums, twin.log_sums, rtol=1e-14, atol=1e-12)
    assert_allclose(got.offsets, twin.offsets, rtol=1e-14, atol=1e-13)
    assert_allclose(got.evens, twin.evens, rtol=1e-12)
    # An error of the exponent is a relative one of the exponential.
    assert_allclose(got.words, twin.words, rtol=1e-12, atol=1e-300)
    assert_array_equal(got.words.max(axis=1), 1.0)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("first", [0, 13])
@pytest.mark.parametrize("n_topics", TOPICS)
def test_add_words_adds_the_words_of_a_range(n_topics, first, index_dtype):
    documents = make_documents(index_dtype=index_dtype, first=first)
    rng = np.random.default_rng(0)
    theta = np.zeros((len(LENGTHS), padded(n_topics, simd.LANES)))
    theta[:, :n_topics] = rng.uniform(size=(len(LENGTHS), n_topics))
    words = rng.uniform(size=(N_WORDS, n_topics))
    weights = rng.integers(0, 3, size=len(LENGTHS)).astype(float)
    start = rng.normal(size=(N_WORDS, theta.shape[1]))

    def added(kernels, edges):
        positions, statistics = np.full(len(LENGTHS), -1), start.copy()
        kernels.find_words(*documents[1:], edges[0], positions)
        for low, high in pairwise(edges):
            kernels.add_words(*documents, weights, theta, words[low:high], low, positions, statistics[low:high])
        return statistics, positions

    whole, twin = (added(kernels, [0, N_WORDS])[0] for kernels in (topics, plain_topics))
    assert_allclose(whole, twin, rtol=1e-13, atol=1e-14)
    parts, ends = added(topics, [0, 1, 2, 700, 700, 1199, N_WORDS])
    assert_array_equal(parts, whole)
    assert_array_equal(ends, documents.indptr[1:])
    later, _ = added(topics, [700, 1199])
    assert_array_equal(later[700:1199], whole[700:1199])
    assert_array_equal(later[:700], start[:700])


@pytest.mark.parametrize("n_topics", TOPICS)
def test_finish_words(n_topics):
    messages = expected(plain_topics, word_concentrations(n_topics))
    counts = np.random.default_rng(0).uniform(size=(N_WORDS, padded(n_topics, simd.LANES)))
    got, twin = messages.words.copy(), messages.words.copy()
    value = topics.finish_words(counts, messages.offsets, got)
    assert_allclose(value, plain_topics.finish_words(counts, messages.offsets, twin), rtol=1e-12)
    assert_array_equal(got, twin)


@pytest.mark.parametrize("n_topics", TOPICS)
def test_finished_words_know_their_expected_logarithms(n_topics):
    """Words whose exponential is cut off have no counts: what is made of logarithms again is all of the product."""
    concentration = word_concentrations(n_topics, low=-4.0)
    messages = expected(topics, concentration)
    statistics = messages.words.copy()
    value = topics.finish_words(np.ones((N_WORDS, padded(n_topics, simd.LANES))), messages.offsets, statistics)
    expected_log = psi(concentration) - psi(concentration.sum(axis=0))
    assert_allclose(value, (statistics * expected_log).sum(), rtol=1e-12)


@pytest.mark.parametrize("n_topics", TOPICS)
def test_expected_gains(n_topics):
    concentration = word_concentrations(n_topics)
    rng = np.random.default_rng(0)
    statistics = rng.uniform(size=concentration.shape)
    digammas = psi(concentration.sum(axis=0))
    for prior in (rng.uniform(size=concentration.shape), np.broadcast_to(0.1, concentration.shape)):
        arguments = concentration, digammas, prior, statistics, 2.5
        assert_allclose(topics.expected_gains(*arguments), plain_topics.expected_gains(*arguments), rtol=1e-12)


@pytest.mark.parametrize("n_topics", [3, 9])
def test_factors_of_documents_make_their_responsibilities(n_topics):
    """A document's words, summed over the corpus, are its counts: no count is lost on the way to the topics."""
    documents = make_documents(LENGTHS[:9])
    messages = expected(topics, word_concentrations(n_topics))
    inferred = infer(inference, documents, messages, padded_alpha(n_topics, -1.0, 0.0), n_topics, max_steps=20)
    statistics, positions = np.zeros((N_WORDS, inferred.theta.shape[1])), documents.indptr[:-1].astype(np.intp)
    weights = np.arange(9.0)
    topics.add_words(*documents, weights, inferred.theta, messages.words, 0, positions, statistics)
    topics.finish_words(statistics, messages.offsets, messages.words)
    counts = np.repeat(weights, LENGTHS[:9]) * documents.data
    assert_allclose(messages.words.sum(axis=1), np.bincount(documents.indices, counts, N_WORDS), rtol=1e-12)


@pytest.mark.parametrize("n_topics", TOPICS)
def test_updates_of_words(n_topics):
    rng = np.random.default_rng(0)
    concentration = word_concentrations(n_topics)
    statistics = rng.uniform(size=concentration.shape)
    for prior in (rng.uniform(size=concentration.shape), np.broadcast_to(0.1, concentration.shape)):
        got, twin = np.full((2, *concentration.shape), np.nan)
        masses = np.full((2, n_topics), 7.0)
        topics.add_prior(prior, statistics, got, masses[0])
        plain_topics.add_prior(prior, statistics, twin, masses[1])
        assert_array_equal(got, twin)
        assert_allclose(*masses, rtol=1e-13)
        for rate in (0.3, 1.8):
            got, twin = concentration.copy(), concentration.copy()
            topics.blend_words(prior, statistics, 2.5, rate, 0.5, got, masses[0])
            plain_topics.blend_words(prior, statistics, 2.5, rate, 0.5, twin, masses[1])
            assert_allclose(got, twin, rtol=1e-14)
            assert_allclose(*masses, rtol=1e-13)
        assert (got == prior + 0.5 * 2.5 * statistics).any()
