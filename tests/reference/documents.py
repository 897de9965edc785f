"""Twins of `skvi.kernels.documents`."""

import numpy as np
from scipy.special import gammaln, psi

from skvi.kernels.document_steps import FRESH_PACE, IDLE_SHARE, LEAST_SHARE, MOST_FEW
from tests.reference.special import exp_nonpositive


def _log_density(concentration, expected_log):
    """Expected log density of a Dirichlet."""
    return gammaln(concentration.sum()) - gammaln(concentration).sum() + (concentration - 1.0) @ expected_log


def _settle(gamma, theta, alpha, n_topics, rows, counts, shares, max_steps, tol):
    whole = np.arange(len(gamma))
    topics, earlier, fresh = whole, np.zeros(len(gamma)), shares is not None
    for number in range(max_steps):
        own = gamma[topics]
        if number == 0:
            mixing, top = np.ones(len(own)) if fresh else theta, 0.0
        else:
            y = np.where(own < 8.0, own + 8.0, own)
            top = (psi(own) - np.log(y)).max()
            mixing = exp_nonpositive(psi(own) - np.log(y) - top) * y
        if number > 0 or not fresh:
            if shares is not None and number + 1 < max_steps:
                following = mixing * shares
                lasting = following >= LEAST_SHARE * following.sum()
                if lasting.sum() <= MOST_FEW * n_topics and not lasting.all():
                    gamma[topics[~lasting]] = alpha[topics[~lasting]]
                    topics, own, mixing, earlier = (x[lasting] for x in (topics, own, mixing, earlier))
            ratios = counts / (rows[:, topics] @ mixing)
            shares = ratios @ rows[:, topics]
        step = alpha[topics] + mixing * shares - own
        pace = FRESH_PACE if fresh and step @ earlier >= 0.0 else 1.0
        gamma[topics] = np.maximum(own + pace * step, alpha[topics] + 0.5 * mixing * shares)
        earlier = step
        if np.abs(step).sum() < tol * n_topics:
            if len(topics) == len(whole):
                break
            # The words of topics are at most one, and a topic without counts has the theta of its prior.
            if np.exp(min(psi(alpha.max()) - top, 0.0)) * ratios.sum() < IDLE_SHARE * tol * n_topics / len(gamma):
                break
            topics, earlier, shares = whole, np.zeros(len(gamma)), None


def infer_documents(
    data,
    indices,
    indptr,
    words,
    offsets,
    evens,
    alpha,
    n_topics,
    fresh,
    max_steps,
    tol,
    gamma,
    theta,
    bounds,
    logs,
    work,
):
    k = n_topics
    for d in range(len(gamma)):
        part = slice(indptr[d], indptr[d + 1])
        counts, rows = data[part].astype(float), np.zeros((part.stop - part.start, len(alpha)))
        rows[:, :k] = words[indices[part]]
        gamma[d] = alpha
        if fresh:
            gamma[d, :k] += counts.sum() / k
        shares = (counts * evens[indices[part]]) @ rows if fresh else None
        _settle(gamma[d], theta[d] if len(theta) else None, alpha, k, rows, counts, shares, max_steps, tol)
        if not len(bounds):
            continue
        logs[d] = psi(gamma[d]) - psi(gamma[d, :k].sum())
        theta[d] = exp_nonpositive(logs[d] - logs[d].max())
        norms = rows @ theta[d]
        likelihood = counts @ (np.log(norms) + logs[d].max() + offsets[indices[part]])
        prior, posterior = (_log_density(a[:k], logs[d, :k]) for a in (alpha, gamma[d]))
        bounds[d] = likelihood + prior - posterior
