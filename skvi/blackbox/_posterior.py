"""The posterior of an estimator that approximates it by a distribution of free numbers."""

from sklearn.utils import check_random_state

from skvi.families.draws import Draws, JointDraws


class ApproximatePosterior(JointDraws):
    """Draws of an approximation by parameter, in the parameters' own (constrained) space, and the approximation.

    Moments and intervals are those of the draws, whose free numbers have exactly the approximation's moments.

    Parameters
    ----------
    approximation : object
        The distribution of the free numbers.
    layout : Layout
        Of the parameters.
    entropy : float
        Entropy (nats) in the parameters' own space.
    z : ndarray of shape (T, P)
        Draws of the free numbers.
    """

    def __init__(self, approximation, layout, entropy, z):
        super().__init__(entropy, **{name: Draws(values) for name, values in layout.constrain(z).items()})
        self._approximation = approximation
        self._layout = layout

    @property
    def covariance(self):
        """Covariance of all numbers of the parameters, in the order of the estimator's `parameter_names_`."""
        values = self._layout.flatten(self.draws)
        centred = values - values.mean(axis=0)
        return centred.T @ centred / len(values)

    def log_prob(self, theta):
        """Log density (nats) at parameters, a dictionary of arrays with draws in front: shape (T,)."""
        z = self._layout.free(theta)
        return self._approximation.log_density(z) - self._layout.log_jacobian(z)

    def sample(self, n=1, random_state=None):
        """Draw n new values of all parameters together."""
        rng = check_random_state(random_state)
        noise = rng.standard_normal((n, self._approximation.n_noise))
        return self._layout.constrain(self._approximation.draw(noise).z)


class ResampledPosterior(ApproximatePosterior):
    """Draws of an approximation that have been chosen by their importance: there are no others than these."""

    def log_prob(self, theta):
        raise AttributeError("draws chosen by importance have no density: set importance_resample=False")

    sample = JointDraws.sample
