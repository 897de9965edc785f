"""Stein variational gradient descent as the literature runs it, in plain numpy: the peer.

Written from the equations of Liu & Wang (2016): kernel exp(-d^2 / h) with h = median(d^2) / log(n + 1) over all n^2
pairs, steps over the root of a moving mean of squares, gradients of mini-batches scaled up to all rows, which come in
one shuffled order again and again. Particles lie side by side in one array (n, P), precisions by their logarithms.
"""

import numpy as np

_DECAY = 0.9
_FLOOR = 1e-6


def direction(particles, gradients):
    """The direction of all particles (eq. 8 there) with the median rule."""
    squares = np.sum(particles**2, axis=1)
    distances = np.maximum(squares[:, None] + squares - 2.0 * particles @ particles.T, 0.0)
    width = np.median(distances) / np.log(len(particles) + 1.0)
    kernel = np.exp(-distances / width)
    repulsion = (2.0 / width) * (particles * kernel.sum(axis=1)[:, None] - kernel @ particles)
    return (kernel @ gradients + repulsion) / len(particles)


def descend(gradient, particles, n_rows, batch_size, n_steps, step_size):
    """Particles after so many steps; gradient(particles, rows) is of all rows' density, estimated from a slice."""
    history = None
    size = min(batch_size, n_rows)
    for step in range(n_steps):
        rows = np.arange(step * size, (step + 1) * size) % n_rows
        phi = direction(particles, gradient(particles, rows))
        history = phi**2 if history is None else _DECAY * history + (1.0 - _DECAY) * phi**2
        particles = particles + step_size * phi / (_FLOOR + np.sqrt(history))
    return particles


class Network:
    """One hidden layer of rectifiers; all weights ~ Normal(0, 1/lambda), noise 1/gamma, both precisions ~ Gamma.

    Parameters
    ----------
    X, y : ndarray
        Training rows in a random order.
    n_hidden : int
    one_by_one : bool
        Whether gradients are taken particle by particle, as the code of the paper does, or of all at once.
    """

    shape, rate = 1.0, 0.1

    def __init__(self, X, y, n_hidden=50, one_by_one=False):
        self.X, self.y, self.n_hidden, self.one_by_one = X, y, n_hidden, one_by_one
        width = X.shape[1] * n_hidden
        self._ends = np.cumsum([width, n_hidden, n_hidden, 1])

    def start(self, n_particles, rng):
        """First particles: weights by the widths of the layers, biases zero, noise from the residuals."""
        n_columns, particles = self.X.shape[1], np.zeros((n_particles, self._ends[-1] + 2))
        first, biases, second, _ = self._ends
        particles[:, :first] = rng.standard_normal((n_particles, first)) / np.sqrt(n_columns + 1.0)
        particles[:, biases:second] = rng.standard_normal((n_particles, self.n_hidden)) / np.sqrt(self.n_hidden + 1.0)
        particles[:, -1] = np.log(rng.gamma(self.shape, 1.0 / self.rate, n_particles))
        particles[:, -2] = -np.log(np.mean((self.predict(particles, self.X[:1000]) - self.y[:1000]) ** 2, axis=1))
        return particles

    def _layers(self, particles):
        first, biases, second, last, _ = np.split(particles, self._ends, axis=1)
        return first.reshape(len(particles), -1, self.n_hidden), biases[:, None, :], second[:, :, None], last

    def _forward(self, particles, X):
        first, biases, second, last = self._layers(particles)
        hidden = np.maximum(X @ first + biases, 0.0)
        return hidden, (hidden @ second)[:, :, 0] + last

    def predict(self, particles, X):
        """Mean of y at each row, shape (n, N)."""
        return self._forward(particles, X)[1]

    def gradient(self, particles, rows):
        """Gradient of the log posterior, its likelihood estimated from some rows."""
        X, y = self.X[rows], self.y[rows]
        if self.one_by_one:
            return np.concatenate([self._gradient(particle[None], X, y) for particle in particles])
        return self._gradient(particles, X, y)

    def _gradient(self, particles, X, y):
        n_rows, scale = len(self.y), len(self.y) / len(y)
        gamma, precision = np.exp(particles[:, -2:].T)
        hidden, means = self._forward(particles, X)
        residuals = y - means
        slopes = (scale * gamma)[:, None] * residuals
        outward = (slopes[:, None, :] @ hidden)[:, 0]
        second = self._layers(particles)[2]
        inward = slopes[:, :, None] * second.transpose(0, 2, 1) * (hidden > 0.0)
        weights = particles[:, :-2]
        parts = [(X.T @ inward).reshape(len(particles), -1), inward.sum(axis=1), outward]
        gradient = np.concatenate([*parts, slopes.sum(axis=1, keepdims=True)], axis=1) - precision[:, None] * weights
        squares = scale * np.sum(residuals**2, axis=1)
        of_gamma = 0.5 * (n_rows - gamma * squares) + self.shape - self.rate * gamma
        of_precision = 0.5 * (weights.shape[1] - precision * np.sum(weights**2, axis=1))
        of_precision += self.shape - self.rate * precision
        return np.column_stack([gradient, of_gamma, of_precision])

    def log_density(self, particles, X, y):
        """Log density of each y under each particle, shape (n, N)."""
        log_gamma = particles[:, -2:-1]
        return 0.5 * (log_gamma - np.log(2.0 * np.pi) - np.exp(log_gamma) * (y - self.predict(particles, X)) ** 2)


class Logistic:
    """Logistic regression of 0 and 1 with weights ~ Normal(0, 1/alpha), alpha ~ Gamma(1, rate 0.01).

    Parameters
    ----------
    X, y : ndarray
        Training rows in a random order; a column of ones is an intercept like any weight.
    """

    shape, rate = 1.0, 0.01

    def __init__(self, X, y):
        self.X, self.y = X, y

    def start(self, n_particles, rng):
        """First particles, from the prior."""
        alpha = rng.gamma(self.shape, 1.0 / self.rate, n_particles)
        weights = rng.standard_normal((n_particles, self.X.shape[1])) / np.sqrt(alpha)[:, None]
        return np.column_stack([weights, np.log(alpha)])

    def gradient(self, particles, rows):
        """Gradient of the log posterior, its likelihood estimated from some rows."""
        X, y = self.X[rows], self.y[rows]
        weights, alpha = particles[:, :-1], np.exp(particles[:, -1])
        slopes = y - self.predict(particles, X)
        of_weights = (len(self.y) / len(y)) * (slopes @ X) - alpha[:, None] * weights
        of_alpha = 0.5 * (weights.shape[1] - alpha * np.sum(weights**2, axis=1)) + self.shape - self.rate * alpha
        return np.column_stack([of_weights, of_alpha])

    def predict(self, particles, X):
        """Probability of 1 at each row, shape (n, N)."""
        return 1.0 / (1.0 + np.exp(-particles[:, :-1] @ X.T))
