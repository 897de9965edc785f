"""Sums over rows that a Gaussian learns from, taken about a reference per component."""

from dataclasses import dataclass, fields

import numpy as np

from skvi.families.base import lazy
from skvi.kernels.conjugate import combine_moments


@dataclass(eq=False)
class Moments:
    """Weighted sums over rows of 1, d and d d' with d = x - reference, per component.

    Expanded squares about one origin lose all digits where clusters lie far apart beside their widths;
    about a reference inside each cluster they keep them. Moments about other references are re-based by the
    parallel-axis rule when they are added.

    Parameters
    ----------
    form : Form
        How the second moments are kept (see `skvi.families.forms`).
    reference : ndarray of shape (n_components, n_features)
    count : ndarray of shape (n_components,)
    first : ndarray of shape (n_components, n_features)
    second : ndarray in the form's shape
    """

    form: object
    reference: np.ndarray
    count: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def about(self, origin):
        """Return the same sums about another origin per component."""
        if origin is self.reference:
            return self
        shift = origin - self.reference
        moved = self.count[:, None] * shift
        first = self.first - moved
        # sum (d - s)(d - s)' = sum d d' - s (sum d - n s / 2)' - (sum d - n s / 2) s'
        second = self.form.plus_cross(self.second, 0.5 * moved - self.first, shift)
        return Moments(self.form, origin, self.count, first, second)

    @lazy
    def stacked(self):
        """Reference, count, first and second moments as kernels take them."""
        return self.reference, self.count, self.first, self.form.stacked(self.second)

    def __getstate__(self):
        # What kernels take is made again after loading.
        return {field.name: vars(self)[field.name] for field in fields(self)}

    def combined(self, rate, other, other_rate, about_mean=False):
        """Return rate times these moments plus other_rate times others, about these references or the sum's means."""
        reference, first = np.empty(self.first.shape), np.empty(self.first.shape)
        count, second = np.empty(self.count.shape), np.empty(self.second.shape)
        out = reference, count, first, self.form.stacked(second)
        combine_moments(float(rate), self.stacked, float(other_rate), other.stacked, about_mean, out)
        moments = Moments(self.form, reference if about_mean else self.reference, count, first, second)
        moments.stacked = out
        return moments

    def __add__(self, other):
        return self.combined(1.0, other, 1.0)

    def __sub__(self, other):
        return self.combined(1.0, other, -1.0)

    def __rmul__(self, factor):
        return Moments(self.form, self.reference, factor * self.count, factor * self.first, factor * self.second)

    def permuted(self, order):
        """Return the moments with their components in another order."""
        return Moments(
            self.form,
            self.reference[order],
            self.count[order],
            self.first[order],
            self.form.permuted(self.second, order),
        )
