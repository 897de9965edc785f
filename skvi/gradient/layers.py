"""A hidden layer between rows and outputs, for many draws of its weights: what comes out, and gradients."""

import numpy as np

from skvi import _threads
from skvi.kernels import networks


def _padded(n):
    return -(-n // networks.TILE) * networks.TILE


class HiddenLayer:
    """Draws of a network of one hidden layer, whose rows come a block at a time.

    Parameters
    ----------
    weights, biases : ndarray of shape (T, H, D) and (T, H)
        Of the hidden units.
    output_weights, output_biases : ndarray of shape (T, K, H) and (T, K)
    rectified : bool
        Whether activations are max(x, 0); else they are tanh.
    """

    def __init__(self, weights, biases, output_weights, output_biases, rectified):
        self._layers = np.concatenate([weights, biases[:, :, None]], axis=2)
        self._weights = np.ascontiguousarray(output_weights)
        self._biases = output_biases[:, :, None]
        self._rectified = rectified

    def outputs(self, rows):
        """Outputs of a block of rows (N, D), shape (T, K, N); the layer remembers the block."""
        n, width = rows.shape
        inputs = np.zeros((width + 1, _padded(n)))
        inputs[:-1, :n], inputs[-1, :n] = rows.T, 1.0
        hidden = _threads.scratch("hidden units", (*self._layers.shape[:2], inputs.shape[1]))
        networks.activate(self._layers, inputs, 0.0 if self._rectified else -np.inf, hidden)
        if not self._rectified:
            np.tanh(hidden, out=hidden)
        outputs = np.empty((*self._weights.shape[:2], inputs.shape[1]))
        networks.combine(self._weights, hidden, outputs)
        self._inputs, self._hidden, self._n_rows = inputs, hidden, n
        outputs += self._biases
        return outputs[:, :, :n]

    def pull_back(self, slopes):
        """Gradients from derivatives (T, K, N) in the outputs of the last block.

        Once for each block, and before the outputs of another in the same thread: activations are written over.

        Returns
        -------
        weights, biases, output_weights, output_biases : ndarray
        """
        width, n_padded = self._inputs.shape
        rows = np.zeros((n_padded, _padded(width)))
        rows[:, :width] = self._inputs.T
        padded = np.zeros((*slopes.shape[:2], n_padded))
        padded[:, :, : self._n_rows] = slopes
        n_draws, n_hidden = self._layers.shape[:2]
        own, layer, biases = (
            np.empty_like(self._weights),
            np.empty((n_draws, n_hidden, width - 1)),
            np.empty((n_draws, n_hidden)),
        )
        networks.pull_back(self._weights, padded, rows, self._rectified, self._hidden, own, layer, biases)
        return layer, biases, own, slopes.sum(axis=2)
