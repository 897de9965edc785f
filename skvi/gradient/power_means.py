"""Power means of positive numbers given by their logarithms."""

import numpy as np


def log_power_mean(logs, power):
    """log(mean(x^power)) / power along the last axis for x = exp(logs), and the share of each x in its gradient.

    Where power is zero the mean of the logarithms, the limit. Entries of -inf are zeros, which a power above zero
    counts; below they are left out, as they are from the mean of logarithms.

    Parameters
    ----------
    logs : ndarray of shape (..., K)
        At least one of each K is finite.
    power : float

    Returns
    -------
    means : ndarray of shape (...)
    shares : ndarray of shape (..., K)
        x_k^power over the sum of all: the derivatives of the mean in the logarithms.
    """
    present = np.isfinite(logs)
    counts = np.full(logs.shape[:-1], logs.shape[-1]) if power > 0.0 else present.sum(axis=-1)
    # The reference is the largest power, so that none overflows.
    extreme = np.max(np.where(present, logs, -np.inf), axis=-1)
    if power < 0.0:
        extreme = np.min(np.where(present, logs, np.inf), axis=-1)
    gaps = np.where(present, logs - extreme[..., None], 0.0)
    powers = np.where(present, np.exp(power * gaps), 0.0)
    shares = powers / powers.sum(axis=-1, keepdims=True)
    if power == 0.0:
        return extreme + gaps.sum(axis=-1) / counts, shares
    # Differences from one keep their digits while the power is small.
    rise = np.where(present, np.expm1(power * gaps), -1.0 if power > 0.0 else 0.0).sum(axis=-1) / counts
    return extreme + np.log1p(rise) / power, shares
