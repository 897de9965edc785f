"""Each draw of a model's parameters as a feature of rows."""

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skvi.blackbox._predictions import has


class DrawFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Transformers of estimators with `DrawPredictions`."""

    def transform(self, X):
        """Return what each draw says of each row, shape (n_samples, n_draws).

        That is its prediction, the probability of the second class, or the log-likelihood (nats) where the model does
        not predict. With more than two classes the probabilities of all stand side by side, draw by draw.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        has("log_likelihood")(self)
        if self._kind() == "density":
            return self.pointwise_log_likelihood(X).T
        predicted = self._predicted(X)
        if predicted.ndim == 2:
            return predicted.T
        if predicted.shape[2] == 2:
            return predicted[:, :, 1].T
        return predicted.transpose(1, 0, 2).reshape(predicted.shape[1], -1)

    @property
    def _n_features_out(self):
        n_classes = len(self.classes_) if self._kind() == "classifier" else 2
        return len(next(iter(self._draws().values()))) * (n_classes if n_classes > 2 else 1)
