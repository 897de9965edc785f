"""Predictions of a linear regression: means, deviations, intervals, densities and bounds."""

import numpy as np
from scipy import sparse
from scipy.special import ndtri
from sklearn.utils.validation import check_is_fitted, validate_data

from skvi import _threads
from skvi.base import check_magnitude
from skvi.engine.blocks import cut
from skvi.families.base import tail_probabilities
from skvi.models.predictive import half_width, log_density

_LOG_TWO_PI = np.log(2.0 * np.pi)
_BLOCK_DOUBLES = 2**17
_TABLE = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}


class LinearPredictions:
    """What a regression with a `posterior_` and `X_offset_` says of rows.

    Arrays over rows have the outputs first inside, shape (T, N), and as users gave them outside.
    """

    def _validate_rows(self, X, *, reset):
        """Check rows; sparse ones become CSR."""
        X = validate_data(self, X, reset=reset, **_TABLE)
        check_magnitude("X", X)
        return X

    def _validate_pairs(self, X, y, *, reset):
        """Check rows and their targets, which become float64."""
        X, y = validate_data(self, X, y, reset=reset, multi_output=True, y_numeric=True, **_TABLE)
        y = np.asarray(y, dtype=np.float64)
        check_magnitude("X", X)
        check_magnitude("y", y)
        return X, y

    def _blocks(self, X):
        """Ranges of rows, each with the rows about the centre, filled in and in float64."""
        size = max(1, _BLOCK_DOUBLES // X.shape[1])
        for start in range(0, X.shape[0], size):
            rows = X[start : start + size]
            rows = rows.toarray() if sparse.issparse(rows) else rows
            yield slice(start, start + len(rows)), rows - self.X_offset_

    def _over_rows(self, X, *methods):
        """Apply methods of centred rows to all rows in parallel; the results are joined along their last axis."""

        def task(start, stop):
            parts = [[method(rows) for method in methods] for _, rows in self._blocks(X[start:stop])]
            return [np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)]

        cost = X.shape[1] * (X.shape[1] if self._spread_of_rows in methods else 10)
        with _threads.single_threaded_blas():
            ranges = cut(X.shape[0], cost, 0.0)
            parts = _threads.run([lambda e=edges: task(*e) for edges in ranges], self._n_threads())
        return [np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)]

    def _mean_of_rows(self, rows):
        """Predictive means of centred rows, shape (T, N)."""
        posterior = self.posterior_
        mean = np.atleast_2d(posterior.weights.mean) @ rows.T
        return mean + np.reshape(posterior.intercept.mean, (-1, 1)) if "intercept" in posterior else mean

    def _spread_of_rows(self, rows):
        """Variances of the linear predictor of centred rows, shape (T, N)."""
        posterior = self.posterior_
        spread = np.atleast_2d(posterior.weights.quadratic(rows))
        return spread + np.reshape(posterior.intercept.var, (-1, 1)) if "intercept" in posterior else spread

    @property
    def _single(self):
        return self.coef_.ndim == 1

    @property
    def _n_outputs(self):
        return 1 if self._single else len(self.coef_)

    def _outside(self, array):
        """From shape (T, N, ...) to that of y: (N, ...), or (N, T, ...)."""
        return array[0] if self._single else np.moveaxis(array, 0, 1)

    def _noise(self):
        """Shapes and rates of the noise precision's posterior by output; None where it is known."""
        if "noise_precision" not in self.posterior_:
            return None
        factor = self.posterior_.noise_precision
        return [np.broadcast_to(values, self._n_outputs) for values in (factor.shape, factor.rate)]

    def _noise_variance(self):
        """E[1 / alpha] by output."""
        noise = self._noise()
        if noise is None:
            return np.full(self._n_outputs, 1.0 / self.alpha_)
        shape, rate = noise
        if (shape <= 1.0).any():
            raise ValueError(
                f"the predictive variance is infinite: the noise precision's posterior has shape {shape.min():.3g}, "
                "which must be above 1; raise alpha_1, give more rows, or take predict_interval"
            )
        return rate / (shape - 1.0)

    def predict(self, X, return_std=False, return_cov=False):
        """Return the posterior predictive mean of each row, and what else is asked for.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return standard deviations: of coefficients, intercept and noise together.
        return_cov : bool, default=False
            Whether to return the covariance between the rows' targets.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        y_std : ndarray of the same shape
            With `return_std`.
        y_cov : ndarray of shape (n_samples, n_samples) or (n_outputs, n_samples, n_samples)
            With `return_cov`.
        """
        check_is_fitted(self)
        if return_std and return_cov:
            raise ValueError("return_std=True and return_cov=True: ask for one of them")
        X = self._validate_rows(X, reset=False)
        if return_cov:
            return self._outside(self._over_rows(X, self._mean_of_rows)[0]), self._covariance_of_rows(X)
        if not return_std:
            return self._outside(self._over_rows(X, self._mean_of_rows)[0])
        noise = self._noise_variance()[:, None]
        mean, spread = self._over_rows(X, self._mean_of_rows, self._spread_of_rows)
        return self._outside(mean), self._outside(np.sqrt(spread + noise))

    def _covariance_of_rows(self, X):
        noise = self._noise_variance()
        rows = np.concatenate([rows for _, rows in self._blocks(X)])
        covariance = np.reshape(self.posterior_.weights.covariance, (-1, *[X.shape[1]] * 2))
        cov = rows @ covariance @ rows.T
        if "intercept" in self.posterior_:
            cov += np.reshape(self.posterior_.intercept.var, (-1, 1, 1))
        cov[:, np.arange(len(rows)), np.arange(len(rows))] += noise[:, None]
        return cov[0] if self._single else cov

    def predict_interval(self, X, level=0.9):
        """Return central predictive intervals: each holds a new target of its row with probability `level`.

        All uncertainty is integrated out, that of the noise precision included.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        level : float, default=0.9
            Strictly between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
        """
        check_is_fitted(self)
        upper = tail_probabilities(level)[1]
        mean, spread = self._over_rows(self._validate_rows(X, reset=False), self._mean_of_rows, self._spread_of_rows)
        noise = self._noise()
        if noise is None:
            half = ndtri(upper) * np.sqrt(spread + 1.0 / self.alpha_)
        else:
            half = np.stack([half_width(v, level, a, b) for v, a, b in zip(spread, *noise, strict=True)])
        return self._outside(np.stack([mean - half, mean + half], axis=-1))

    def score(self, X, y, sample_weight=None):
        """Return the mean evidence lower bound of a row, in nats: E_q[log p(y | x, w, b, alpha)].

        The posterior stays as it is and is averaged over. It bounds the mean log predictive density from below and
        is what cross-validation compares; it is not the mean of `log_predictive_density`, which averages the density
        itself, nor R^2, which `scoring="r2"` gives.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        """
        residuals, spread, X = self._residuals(X, y)
        noise = self._noise()
        if noise is None:
            log_noise, mean = np.log(self.alpha_), np.full(self._n_outputs, self.alpha_)
        else:
            factor = self.posterior_.noise_precision
            log_noise, mean = np.reshape(factor.expected_log, (-1, 1)), np.broadcast_to(factor.mean, self._n_outputs)
        bounds = 0.5 * (log_noise - _LOG_TWO_PI - mean[:, None] * (residuals**2 + spread))
        return float(np.average(bounds.sum(axis=0), weights=self._validate_weights(sample_weight, X)))

    def log_predictive_density(self, X, y):
        """Return the log posterior predictive density of each row's target (nats), shape (n_samples,).

        Coefficients and intercept are integrated out in closed form, the noise precision by quadrature; outputs that
        share a noise precision are dependent.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        """
        residuals, spread, _ = self._residuals(X, y)
        noise = self._noise()
        if noise is None:
            variance = spread + 1.0 / self.alpha_
            return -0.5 * (np.log(variance) + _LOG_TWO_PI + residuals**2 / variance).sum(axis=0)
        if self.posterior_.noise_precision.mean.ndim == 0:
            return log_density(residuals, spread, noise[0][0], noise[1][0])
        parts = zip(residuals[:, None], spread[:, None], *noise, strict=True)
        return sum(log_density(r, v, a, b) for r, v, a, b in parts)

    def _residuals(self, X, y):
        """Deviations from the predictive means and variances of the linear predictor, shapes (T, N), and X."""
        check_is_fitted(self)
        X, y = self._validate_pairs(X, y, reset=False)
        if y.shape[1:] != (() if self._single else (self._n_outputs,)):
            raise ValueError(f"y has shape {y.shape}: the model has {self._n_outputs} output(s) of its own shape")
        mean, spread = self._over_rows(X, self._mean_of_rows, self._spread_of_rows)
        return np.reshape(y, (len(y), -1)).T - mean, spread, X
