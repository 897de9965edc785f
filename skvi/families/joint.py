"""Products of named factors: what `posterior_` and `prior_` of an estimator are."""

from sklearn.utils import check_random_state

from skvi.families.base import Family


class Joint:
    """Factors under names, each an exponential family; independent, or stated given another one.

    A factor is an attribute (`posterior_.weights`) and an item (`posterior_["weights"]`). All figures are in
    nats.

    Parameters
    ----------
    **factors : Family
    """

    def __init__(self, **factors):
        for name, factor in factors.items():
            if not isinstance(factor, Family):
                raise TypeError(f"factor {name!r} is a {type(factor).__name__}: give a member of skvi.families")
        self._factors = factors

    @classmethod
    def _of(cls, factors):
        """A joint of what are members of families for certain."""
        joint = cls()
        joint._factors = factors
        return joint

    def __getattr__(self, name):
        factors = self.__dict__.get("_factors", {})
        if name in factors:
            return factors[name]
        raise AttributeError(f"no factor named {name!r}; there are {', '.join(factors)}")

    def __getitem__(self, name):
        return self._factors[name]

    def __iter__(self):
        return iter(self._factors)

    def __len__(self):
        return len(self._factors)

    def get(self, name):
        """The factor of a name, or None."""
        return self._factors.get(name)

    def keys(self):
        """Names of the factors."""
        return self._factors.keys()

    def items(self):
        """Pairs of name and factor."""
        return self._factors.items()

    def kl(self, other):
        """KL(self || other) in nats: the sum over factors, in expectation over those that other's depend on."""
        return sum(other[name].divergence_from(factor, self) for name, factor in self.items())

    def entropy(self):
        """Entropy in nats: the sum over factors."""
        return sum(factor.entropy() for factor in self._factors.values())

    @property
    def proper(self):
        """Whether all factors are inside their families' domains."""
        return all(factor.proper for factor in self._factors.values())

    @property
    def mean(self):
        """Posterior means by factor."""
        return {name: factor.mean for name, factor in self.items()}

    @property
    def var(self):
        """Posterior variances by factor."""
        return {name: factor.var for name, factor in self.items()}

    def interval(self, level=0.9):
        """Central posterior intervals by factor, each with a last axis of two."""
        return {name: factor.interval(level) for name, factor in self.items()}

    def sample(self, n=1, random_state=None):
        """Draw n values of every factor, independent but where one is stated given another."""
        rng = check_random_state(random_state)
        drawn = {}
        for name in sorted(self, key=lambda name: self[name].parent_name is not None):
            drawn[name] = self[name].sample_given(drawn, n, rng)
        return {name: drawn[name] for name in self}

    def updated(self, statistics):
        """Conjugate posterior: each factor updated with the statistics of its name."""
        return Joint._of({name: factor.updated(statistics[name]) for name, factor in self._factors.items()})

    def blended(self, other, rate):
        """Natural-gradient step of every factor towards another joint."""
        return Joint(**{name: factor.blended(other[name], rate) for name, factor in self.items()})

    def __repr__(self):
        lines = [f"  {name}: {factor!r}" for name, factor in self.items()]
        return "\n".join(["Joint of", *lines])
