"""Rows and targets of the regressions, made of the data as they were published."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.posteriors.models import NormalRegression
from benchmarks.posteriors.models._priors import Normal, StudentT, half_cauchy, half_normal


def _columns(*names):
    """Columns of the data by their names."""
    return lambda data: np.column_stack([data[name] for name in names])


def _with_product(first, second):
    """Two columns and their product."""
    return lambda data: np.column_stack([data[first], data[second], data[first] * data[second]])


def _log_height(data):
    return np.column_stack([np.log(data["height"]), data["male"]])


def _centred(data):
    first, second = data["mom_hs"] - data["mom_hs"].mean(), data["mom_iq"] - data["mom_iq"].mean()
    return np.column_stack([first, second, first * second])


_SIZES = ("diam1", "diam2", "canopy_height", "total_height", "density")


def _log_sizes(data):
    return np.column_stack([*(np.log(data[name]) for name in _SIZES), data["group"]])


def _log_volumes(data):
    first, second, canopy, height, density = (np.log(data[name]) for name in _SIZES)
    area = first + second
    return np.column_stack([area + canopy, area, first - second, height, density, data["group"]])


def _voters(data):
    ages = [data["age_discrete"] == age for age in (2, 3, 4)]
    before, after = ("real_ideo", "race_adj"), ("educ1", "gender", "income")
    return np.column_stack([*(data[name] for name in before), *ages, *(data[name] for name in after)]).astype(float)


def _centred_diamonds(data):
    X = data["X"][:, 1:]
    return X - X.mean(axis=0)


def _lags(data):
    """The values before each value from the sixth on, the latest first."""
    y, order = data["y"], int(data["K"])
    return np.column_stack([y[order - lag : len(y) - lag] for lag in range(1, order + 1)])


def _after_first(data):
    return data["y"][int(data["K"]) :]


@dataclass(frozen=True)
class Regression:
    """How a regression is made of the data.

    Parameters
    ----------
    rows : callable
        Table of columns, without one of ones.
    target : str or callable
    priors : dict or callable
        Arguments of `NormalRegression`, maybe as a function of the data.
    intercept_last : bool, default=False
        Whether the reference names the intercept after the weights.
    """

    rows: Callable
    target: str | Callable
    priors: dict | Callable = field(default_factory=dict)
    intercept_last: bool = False

    def problem(self, data):
        """Model, X and y."""
        priors = self.priors(data) if callable(self.priors) else self.priors
        y = self.target(data) if callable(self.target) else data[self.target]
        return NormalRegression(**priors), self.rows(data), y


def _mountain_priors(data):
    return {
        "intercept": Normal(float(data["pmualpha"]), float(data["psalpha"])),
        "weights": Normal(float(data["pmubeta"]), float(data["psbeta"])),
    }


def _log(name):
    return lambda data: np.log(data[name])


_CAUCHY = {"sigma": half_cauchy(2.5)}

REGRESSIONS = {
    "earnings-earn_height": Regression(_columns("height"), "earn"),
    "earnings-logearn_interaction": Regression(_with_product("height", "male"), _log("earn")),
    "earnings-logearn_logheight_male": Regression(_log_height, _log("earn")),
    "kidiq-kidscore_momhs": Regression(_columns("mom_hs"), "kid_score", _CAUCHY),
    "kidiq-kidscore_momhsiq": Regression(_columns("mom_hs", "mom_iq"), "kid_score", _CAUCHY),
    "kidiq-kidscore_interaction": Regression(_with_product("mom_hs", "mom_iq"), "kid_score", _CAUCHY),
    "kidiq_with_mom_work-kidscore_interaction_c": Regression(_centred, "kid_score"),
    "mesquite-mesquite": Regression(_columns(*_SIZES, "group"), "weight"),
    "mesquite-logmesquite": Regression(_log_sizes, _log("weight")),
    "mesquite-logmesquite_logvas": Regression(_log_volumes, _log("weight")),
    "nes1980-nes": Regression(_voters, "partyid7"),
    "nes1992-nes": Regression(_voters, "partyid7"),
    "nes2000-nes": Regression(_voters, "partyid7"),
    "kilpisjarvi_mod-kilpisjarvi": Regression(_columns("x"), "y", _mountain_priors),
    "sblrc-blr": Regression(
        lambda data: data["X"], "y", {"intercept": None, "weights": Normal(0.0, 10.0), "sigma": half_normal(10.0)}
    ),
    "diamonds-diamonds": Regression(
        _centred_diamonds,
        "Y",
        {
            "intercept": StudentT(3.0, 8.0, 10.0),
            "weights": Normal(0.0, 1.0),
            "sigma": StudentT(3.0, 0.0, 10.0, half=True),
        },
        intercept_last=True,
    ),
    "arK-arK": Regression(
        _lags,
        _after_first,
        {"intercept": Normal(0.0, 10.0), "weights": Normal(0.0, 10.0), "sigma": half_cauchy(2.5)},
    ),
}
