"""Normalising flows: a normal distribution whose noise goes through invertible layers first."""

from functools import cached_property

import numpy as np

from skvi.gradient.coupling import Coupling
from skvi.gradient.normals import Drawn, standard_log_density
from skvi.gradient.planar import Planar


class Flow:
    """z = mean + C f(u) with standard normal u and layers f; it has the methods of a `NormalApproximation`.

    Its entropy is not known in closed form.

    Parameters
    ----------
    normal : MeanField or FullRank
        It gives mean and C.
    layers : sequence of Bijection
        In the order in which the noise passes them.
    """

    entropy = None
    entropy_slope = None

    def __init__(self, normal, layers):
        if normal.n_noise != normal.width:
            raise ValueError(
                f"normal={normal!r} takes {normal.n_noise} numbers of noise for {normal.width} free numbers; "
                "give a flow a MeanField or FullRank normal, of which the map from noise can be inverted"
            )
        self.normal = normal
        self.layers = tuple(layers)

    @property
    def width(self):
        """Number of free numbers, P."""
        return self.normal.width

    @property
    def n_noise(self):
        """Standard normal numbers that a draw takes, P."""
        return self.normal.n_noise

    @property
    def parameters(self):
        """All numbers in one vector, the normal's first."""
        return np.concatenate([self.normal.parameters, *(layer.parameters for layer in self.layers)])

    @cached_property
    def _n_normal(self):
        return self.normal.parameters.size

    def with_parameters(self, parameters):
        """The flow of the same kind with these numbers."""
        layers, begin = [], self._n_normal
        for layer in self.layers:
            end = begin + layer.parameters.size
            layers.append(layer.with_parameters(parameters[begin:end]))
            begin = end
        return Flow(self.normal.with_parameters(parameters[: self._n_normal]), layers)

    @property
    def diagonal(self):
        """Places in `parameters` of the normal's diagonal, whose summed logarithms are a part of the entropy."""
        return self.normal.diagonal

    def draw(self, noise):
        """Draws at noise of shape (T, n_noise)."""
        return _DrawnFlow(self, noise)

    def whiten(self, z):
        """The noise of places z, both (T, P)."""
        x = self.normal.whiten(z).T
        for layer in reversed(self.layers):
            x = layer.inverse(x)
        return x.T

    def log_density(self, z):
        """log q (nats) at any z, (T, P) -> (T,)."""
        return self.draw(self.whiten(z)).log_density

    def __repr__(self):
        kinds = sorted({type(layer).__name__ for layer in self.layers})
        return f"Flow({self.normal!r}, {len(self.layers)} x {'/'.join(kinds)})"


class _DrawnFlow(Drawn):
    def __init__(self, flow, noise):
        self._flow = flow
        self._noise = noise
        self._passages = []
        x, log_density = noise.T, standard_log_density(noise) - 0.5 * flow.normal.log_det
        for layer in flow.layers:
            passage = layer.forward(x)
            x = passage.y
            log_density -= passage.log_det
            self._passages.append(passage)
        # The normal's own draws, at noise that the layers have moved.
        self._placed = flow.normal.draw(x.T)
        self.z = self._placed.z
        self.log_density = log_density

    @cached_property
    def score(self):
        score = -self._noise.T
        for passage in self._passages:
            score = passage.push_score(score)
        return self._flow.normal.from_noise(score.T)

    def pull_back_each(self, slopes, weights):
        gradients = [self._placed.pull_back_each(slopes, weights)]
        return np.concatenate(gradients + self._through_layers("pull_back_each", slopes, weights), axis=1)

    def pull_back(self, slopes, weights):
        gradients = [self._placed.pull_back(slopes, weights)]
        return np.concatenate(gradients + self._through_layers("pull_back", slopes, weights))

    def _through_layers(self, pull_back, slopes, weights):
        """Gradients in the parameters of each layer, in order."""
        slopes, gradients = self._flow.normal.to_noise(slopes).T, []
        for passage in reversed(self._passages):
            slopes, gradient = getattr(passage, pull_back)(slopes, -weights)
            gradients.append(gradient)
        return gradients[::-1]


def planar_flow(normal, rng, n_layers=16):
    """A flow of planar layers that starts at a normal distribution.

    Every layer is the identity at first. Its plane is random, and the gradient in what moves draws across the plane
    is not zero.

    Parameters
    ----------
    normal : MeanField or FullRank
    rng : RandomState
    n_layers : int, default=16

    Returns
    -------
    Flow
    """
    return Flow(normal, [Planar.identity(normal.width, rng) for _ in range(n_layers)])


def coupling_flow(normal, rng, n_layers=8, n_hidden=32):
    """A flow of RealNVP's coupling layers that starts at a normal distribution.

    Every layer is the identity at first. Its hidden units are random, and the gradient in the weights of what they
    give is not zero. Layers come in pairs in which each half of the coordinates moves the other: even and odd ones,
    then the first and the last.

    Parameters
    ----------
    normal : MeanField or FullRank
    rng : RandomState
    n_layers : int, default=8
    n_hidden : int, default=32
        Hidden units of each layer's network.

    Returns
    -------
    Flow

    Raises
    ------
    ValueError
        Where there is one free number only.
    """
    width = normal.width
    if width < 2:
        raise ValueError(
            "a RealNVP flow (coupling layers) needs at least two free numbers, of which some move the others; "
            f"got {width}: take a planar flow or a normal approximation"
        )
    return Flow(
        normal, [Coupling.identity(width, *_partition(width, layer), n_hidden, rng) for layer in range(n_layers)]
    )


def _partition(width, layer):
    """What the layer of a coupling flow keeps and what it moves."""
    halves = (slice(0, None, 2), slice(1, None, 2))
    if layer // 2 % 2:
        halves = (slice(0, width // 2), slice(width // 2, width))
    return halves[:: -1 if layer % 2 else 1]
