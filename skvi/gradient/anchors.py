"""Gradients of mini-batches, corrected by their error at a place where that of all rows is known.

Near the anchor rows err alike at both places (Johnson, Zhang 2013), so that little is left of the noise that the
choice of rows makes; the mean over batches stays what it is.
"""

import numpy as np


class Anchor:
    """A place, and the gradient of all rows there.

    Parameters
    ----------
    target : CountedTarget
    z : ndarray of shape (1, P)
    """

    def __init__(self, target, z):
        self.z = z
        self.gradient = target.gradient(z)

    def hold(self, batch):
        """The target of a mini-batch with corrected gradients; the batch itself where the correction is not finite."""
        error = self.gradient - batch.gradient(self.z)
        return AnchoredTarget(batch, error) if np.isfinite(error).all() else batch


class AnchoredTarget:
    """The target of a mini-batch, whose gradients are moved by a constant.

    Parameters
    ----------
    batch : CountedTarget
    shift : ndarray of shape (1, P)
    """

    def __init__(self, batch, shift):
        self.batch = batch
        self.shift = shift

    def gradient(self, z):
        """Corrected gradients, (T, P)."""
        return self.batch.gradient(z) + self.shift
