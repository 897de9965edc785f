"""What the posterior of a linear model says, in words of its features."""

import numpy as np
import pandas as pd
from scipy.special import ndtr
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skvi.base import check_count


class LinearReports:
    """Summaries and draws of the coefficients of a model with a `posterior_` of weights and intercept."""

    def summary(self, level=0.9):
        """Return a table of the coefficients and the intercept at x = 0.

        Parameters
        ----------
        level : float, default=0.9
            Probability of the central intervals.

        Returns
        -------
        DataFrame
            A row for each feature and the intercept, named; of several outputs, with the output first. Columns:
            mean, sd, lower, upper, and probability_of_sign, the posterior probability that the coefficient has the
            sign of its mean.
        """
        check_is_fitted(self)
        q = self.posterior_.weights
        names = list(_check_feature_names_in(self))
        mean, sd, interval = q.mean, np.sqrt(q.var), q.interval(level)
        if "intercept" in self.posterior_:
            names.append("intercept")
            at_zero = self._intercept_at_zero(level)
            mean, sd, interval = (
                np.concatenate([old, new], axis=self._feature_axis)
                for old, new in zip((mean, sd, interval), at_zero, strict=True)
            )
        columns = {
            "mean": mean,
            "sd": sd,
            "lower": interval[..., 0],
            "upper": interval[..., 1],
            "probability_of_sign": ndtr(np.abs(mean) / sd),
        }
        index = pd.Index(names, name="feature")
        if mean.ndim > 1:
            index = pd.MultiIndex.from_product([range(len(mean)), names], names=["output", "feature"])
        return pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index)

    @property
    def _feature_axis(self):
        return self.posterior_.weights.mean.ndim - 1

    def _intercept_at_zero(self, level):
        """Mean, deviation and interval of the prediction at x = 0, with an axis for the features."""
        var = self.posterior_.weights.quadratic(self.X_offset_[None])[..., 0] + self.posterior_.intercept.var
        mean, sd = np.expand_dims(self.intercept_, -1), np.expand_dims(np.sqrt(var), -1)
        half = self.posterior_.intercept.interval(level)
        half = np.expand_dims((half[..., 1] - half[..., 0]) * 0.5 * np.sqrt(var / self.posterior_.intercept.var), -1)
        return mean, sd, np.stack([mean - half, mean + half], axis=-1)

    def sample_posterior(self, n_samples=1, random_state=None):
        """Draw from the posterior.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
            None draws anew at each call.

        Returns
        -------
        dict
            Arrays with the draws in their first axis: "coef", "intercept" (at x = 0), and "alpha" and "lambda" where
            the precisions are learned.
        """
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        drawn = self.posterior_.sample(n_samples, random_state)
        draws = {"coef": drawn["weights"]}
        at_center = drawn.get("intercept", 0.0)
        draws["intercept"] = at_center - drawn["weights"] @ self.X_offset_
        names = {"noise_precision": "alpha", "weight_precision": "lambda"}
        return draws | {name: drawn[factor] for factor, name in names.items() if factor in drawn}
