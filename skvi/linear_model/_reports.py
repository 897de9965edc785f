"""What the posterior of a linear model says, in words of its features."""

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skvi.base import check_count
from skvi.families.base import tail_probabilities


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
            A row for each feature and the intercept, named; of several outputs or classes, with these first. Columns:
            mean, sd, lower, upper, and probability_of_sign, the posterior probability that the coefficient has the
            sign of its mean; of a spike-and-slab prior also inclusion_probability.
        """
        check_is_fitted(self)
        q = self.posterior_.weights
        names = list(_check_feature_names_in(self))
        interval = q.interval(level)
        columns = {
            "mean": q.mean,
            "sd": np.sqrt(q.var),
            "lower": interval[..., 0],
            "upper": interval[..., 1],
            "probability_of_sign": q.sign_probability,
        }
        if hasattr(self, "inclusion_probability_"):
            columns["inclusion_probability"] = self.inclusion_probability_
        if "intercept" in self.posterior_:
            names.append("intercept")
            last = self._intercept_at_zero(level)
            columns = {name: np.concatenate([old, last[name][..., None]], axis=-1) for name, old in columns.items()}
        index = pd.Index(names, name="feature")
        if q.mean.ndim > 1:
            first, labels = self._axis_of_outputs(len(q.mean))
            index = pd.MultiIndex.from_product([labels, names], names=[first, "feature"])
        return pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index)

    def _axis_of_outputs(self, n_outputs):
        """Name of the axis of several linear predictors, and their labels."""
        return "output", range(n_outputs)

    def _intercept_at_zero(self, level):
        """The row of the prediction at x = 0, each entry with the shape of the outputs."""
        mean = np.asarray(self.intercept_)
        var = self.posterior_.weights.quadratic(self.X_offset_[None])[..., 0] + self.posterior_.intercept.var
        sd = np.sqrt(var)
        half = sd * ndtri(tail_probabilities(level)[1])
        row = {"mean": mean, "sd": sd, "lower": mean - half, "upper": mean + half}
        return row | {"probability_of_sign": ndtr(np.abs(mean) / sd), "inclusion_probability": np.ones_like(mean)}

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
