"""The affine coupling layer of RealNVP (Dinh, Sohl-Dickstein, Bengio 2017)."""

from functools import cached_property

import numpy as np

from skvi.gradient.bijections import Bijection, Passage

# A layer stretches by at most exp(2); the limit is soft (log stretch = 2 tanh(raw / 2)).
_LARGEST = 2.0


class Coupling(Bijection):
    """Some coordinates are kept, and stretch and shift the others: y = x exp(s(kept)) + t(kept).

    A network with one hidden layer of tanh gives s and t. Its output weights are multiplied by 1 / sqrt(H): steps of
    one length in each number, such as Adam's first, would otherwise move a wide network's output further than a
    narrow one's, and throw a flow of several layers into a point.

    Parameters
    ----------
    parameters : ndarray of shape (n,)
        Weights of the hidden layer, (H, K + 1), then of the output, (2 M, H + 1), both with the biases in the last
        column: H hidden units, K coordinates kept, M moved.
    kept, moved : slice
        A partition of the coordinates. Slices, so that no pass has to copy them.
    n_kept, n_moved : int
    """

    def __init__(self, parameters, kept, moved, n_kept, n_moved):
        self.parameters = parameters
        self.kept, self.moved = kept, moved
        self.n_kept, self.n_moved = n_kept, n_moved
        # n = H (K + 1) + 2 M (H + 1)
        self.n_hidden = (parameters.size - 2 * n_moved) // (n_kept + 1 + 2 * n_moved)
        split = self.n_hidden * (n_kept + 1)
        self.hidden_weights = parameters[:split].reshape(self.n_hidden, n_kept + 1)
        self._gain = self.n_hidden**-0.5
        self.output_weights = self._gain * parameters[split:].reshape(2 * n_moved, self.n_hidden + 1)

    @classmethod
    def identity(cls, width, kept, moved, n_hidden, rng):
        """A layer that changes nothing: random hidden units, of whose output nothing is used yet."""
        n_kept, n_moved = (len(range(*places.indices(width))) for places in (kept, moved))
        hidden = rng.standard_normal((n_hidden, n_kept + 1))
        hidden[:, :-1] /= np.sqrt(n_kept)
        parameters = np.concatenate([hidden.ravel(), np.zeros(2 * n_moved * (n_hidden + 1))])
        return cls(parameters, kept, moved, n_kept, n_moved)

    def with_parameters(self, parameters):
        return Coupling(parameters, self.kept, self.moved, self.n_kept, self.n_moved)

    def network(self, kept):
        """Inputs and hidden units, each with a row of ones for the biases, and s / limit and t."""
        inputs = np.empty((self.n_kept + 1, kept.shape[1]))
        inputs[:-1], inputs[-1] = kept, 1.0
        hidden = np.empty((self.n_hidden + 1, kept.shape[1]))
        np.matmul(self.hidden_weights, inputs, out=hidden[:-1])
        np.tanh(hidden[:-1], out=hidden[:-1])
        hidden[-1] = 1.0
        output = self.output_weights @ hidden
        log_stretch, shift = output[: self.n_moved], output[self.n_moved :]
        log_stretch *= 1.0 / _LARGEST
        np.tanh(log_stretch, out=log_stretch)
        return inputs, hidden, log_stretch, shift

    def forward(self, x):
        return _Coupled(self, x)

    def inverse(self, y):
        _, _, log_stretch, shift = self.network(y[self.kept])
        x = np.empty(y.shape)
        x[self.kept] = y[self.kept]
        x[self.moved] = (y[self.moved] - shift) * np.exp(-_LARGEST * log_stretch)
        return x


class _Coupled(Passage):
    def __init__(self, layer, x):
        self._layer = layer
        self._inputs, self._hidden, self._squashed, shift = layer.network(x[layer.kept])
        log_stretch = _LARGEST * self._squashed
        self.log_det = np.add.reduce(log_stretch, axis=0)
        self._stretch = np.exp(log_stretch, out=log_stretch)
        self._stretched = x[layer.moved] * self._stretch
        self.y = np.empty(x.shape)
        self.y[layer.kept] = x[layer.kept]
        np.add(self._stretched, shift, out=self.y[layer.moved])

    @cached_property
    def _steepness(self):
        """Derivative of the hidden units in what they are the tanh of, (H, T)."""
        squares = self._hidden[:-1] * self._hidden[:-1]
        return np.subtract(1.0, squares, out=squares)

    def _through_network(self, log_stretch, shift):
        """From slopes in s and t, (M, T) each: slopes in the network's outputs, its hidden sums, and what was kept."""
        layer, n_moved = self._layer, self._layer.n_moved
        outputs = np.empty((2 * n_moved, shift.shape[1]))
        np.multiply(1.0 - self._squashed * self._squashed, log_stretch, out=outputs[:n_moved])
        outputs[n_moved:] = shift
        sums = layer.output_weights[:, :-1].T @ outputs
        sums *= self._steepness
        return outputs, sums, layer.hidden_weights[:, :-1].T @ sums

    def push_score(self, score):
        # J' is block triangular: the coordinates that are moved come first.
        layer = self._layer
        moved = score[layer.moved] / self._stretch
        _, _, through = self._through_network(moved * self._stretched + 1.0, moved)
        pushed = np.empty(score.shape)
        np.subtract(score[layer.kept], through, out=pushed[layer.kept])
        pushed[layer.moved] = moved
        return pushed

    def _pull_to_network(self, slopes, weights):
        layer, moved = self._layer, slopes[self._layer.moved]
        outputs, sums, through = self._through_network(moved * self._stretched + weights, moved)
        pulled = np.empty(slopes.shape)
        np.add(slopes[layer.kept], through, out=pulled[layer.kept])
        np.multiply(moved, self._stretch, out=pulled[layer.moved])
        return pulled, outputs, sums

    def pull_back(self, slopes, weights):
        pulled, outputs, sums = self._pull_to_network(slopes, weights)
        gradient = np.empty(self._layer.parameters.size)
        split = self._layer.hidden_weights.size
        np.matmul(sums, self._inputs.T, out=gradient[:split].reshape(self._layer.hidden_weights.shape))
        np.matmul(outputs, self._hidden.T, out=gradient[split:].reshape(self._layer.output_weights.shape))
        gradient[split:] *= self._layer._gain
        return pulled, gradient

    def pull_back_each(self, slopes, weights):
        pulled, outputs, sums = self._pull_to_network(slopes, weights)
        n_draws = slopes.shape[1]
        hidden = np.einsum("ht,kt->thk", sums, self._inputs).reshape(n_draws, -1)
        output = np.einsum("mt,ht->tmh", self._layer._gain * outputs, self._hidden).reshape(n_draws, -1)
        return pulled, np.concatenate([hidden, output], axis=1)
