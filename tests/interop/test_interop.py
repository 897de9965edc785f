"""Densities of other libraries: against stand-ins here, against the libraries where they are installed."""

import os
import pickle
import shutil
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone

from skvi import SVGDSampler
from skvi.blackbox import check_model
from skvi.interop import from_bridgestan, from_jax, from_pymc
from tests.interop.fakes import FakeJax, FakePymcModel, FakeStanModel, fake_pymc

DRAWS = np.random.default_rng(0).standard_normal((7, 3))
LIBRARIES = {"jax": from_jax, "pymc": from_pymc, "bridgestan": from_bridgestan}


def use(monkeypatch, modules):
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(("library", "adapter"), LIBRARIES.items(), ids=LIBRARIES)
def test_missing_libraries_are_named_with_what_to_install(library, adapter, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    arguments = (quartic, 2) if library == "jax" else (object(),)
    with pytest.raises(ImportError, match=rf"from_{library} needs {library} .*pip install 'skvi\[{library}\]'"):
        adapter(*arguments)


# JAX


def quartic(draw):
    return -0.25 * (draw**4).sum() - draw[0] * draw[1]


@pytest.mark.parametrize("new", [True, False])
def test_jax_functions_become_models_in_64_bits(new, monkeypatch):
    jax = FakeJax(new)
    use(monkeypatch, {"jax": jax, "jax.experimental": jax.experimental})
    model = from_jax(quartic, 3)
    check_model(model)
    values = model.log_prior({"theta": DRAWS})
    assert values.dtype == np.float64
    assert_allclose(values, [quartic(draw) for draw in DRAWS], rtol=1e-14)
    values += 1.0
    assert jax.bits == 32


def test_jax_compiles_once_and_copies_share_it(monkeypatch):
    jax = FakeJax()
    use(monkeypatch, {"jax": jax})
    model = from_jax(quartic, 3)
    for one in (model, model, clone(model)):
        one.log_prior({"theta": DRAWS})
    assert jax.compiled == 1
    again = pickle.loads(pickle.dumps(model))
    assert_allclose(again.log_prior({"theta": DRAWS}), model.log_prior({"theta": DRAWS}))


@pytest.mark.parametrize("new", [True, False])
def test_jax_functions_may_take_named_parameters(new, monkeypatch):
    jax = FakeJax(new)
    use(monkeypatch, {"jax": jax, "jax.experimental": jax.experimental})
    model = from_jax(plane, shapes=SHAPES, start=[1.0, 2.0, 3.0])
    check_model(clone(model))
    assert [(parameter.name, parameter.shape) for parameter in model.parameters()] == [("slopes", (2,)), ("noise", ())]
    assert_allclose(model.log_prior(named(DRAWS)), [plane(named(draw)) for draw in DRAWS], rtol=1e-14)


SHAPES = {"slopes": 2, "noise": ()}


def named(draws):
    return {"slopes": draws[..., :2], "noise": draws[..., 2]}


def plane(theta):
    return -0.5 * (theta["slopes"] ** 2).sum() - (theta["noise"] - theta["slopes"][0]) ** 2


def plane_gradient(theta):
    gap = theta["noise"] - theta["slopes"][:, 0]
    return {"slopes": -theta["slopes"] + np.column_stack([2.0 * gap, np.zeros(len(gap))]), "noise": -2.0 * gap}


def logistic_data(jax):
    """Rows with a cluster of columns, labels, and the log posterior of their logistic regression in JAX."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3)) + 0.1
    y = (X @ [1.0, -1.0, 0.5] + rng.logistic(size=60) > 0.0).astype(np.float64)

    def log_density(w):
        eta = X @ w
        return jax.numpy.sum(y * eta - jax.numpy.logaddexp(0.0, eta)) - 0.5 * w @ w

    return X, y, log_density


def test_real_jax_gives_the_densities_and_gradients_written_by_hand():
    X, y, log_density = logistic_data(pytest.importorskip("jax"))
    model = from_jax(log_density, 3)
    check_model(model)
    eta = DRAWS @ X.T
    values = (y * eta - np.logaddexp(0.0, eta)).sum(axis=1) - 0.5 * (DRAWS**2).sum(axis=1)
    assert_allclose(model.log_prior({"theta": DRAWS}), values, rtol=1e-13)
    gradient = (y - expit(eta)) @ X - DRAWS
    assert_allclose(model.grad_log_prior({"theta": DRAWS})["theta"], gradient, rtol=1e-12, atol=1e-12)


def test_real_jax_computes_in_64_bits_and_leaves_its_default_alone():
    jax = pytest.importorskip("jax")
    far = 1e8

    def log_density(vector):
        return -0.5 * jax.numpy.sum((vector - far) ** 2)

    model = from_jax(log_density, 3, start=np.full(3, far))
    assert_allclose(model.log_prior({"theta": far + DRAWS}), -0.5 * (DRAWS**2).sum(axis=1), rtol=1e-6)
    assert jax.numpy.ones(1).dtype == np.float32
    check_model(model)


def test_real_jax_keeps_names_and_can_be_pickled():
    pytest.importorskip("jax")
    model = pickle.loads(pickle.dumps(from_jax(plane, shapes=SHAPES)))
    check_model(model)
    gradients = model.grad_log_prior(named(DRAWS))
    for name, expected in plane_gradient(named(DRAWS)).items():
        assert_allclose(gradients[name], expected, rtol=1e-13)


def test_real_jax_is_fitted():
    X, y, log_density = logistic_data(pytest.importorskip("jax"))
    sampler = SVGDSampler(from_jax(log_density, 3), n_particles=50, max_iter=500, random_state=0).fit(None)
    best = minimize(lambda w: -float(np.sum(y * (X @ w) - np.logaddexp(0.0, X @ w)) - 0.5 * w @ w), np.zeros(3)).x
    weight = expit(X @ best) * expit(-X @ best)
    deviations = np.sqrt(np.diag(np.linalg.inv((X * weight[:, None]).T @ X + np.eye(3))))
    assert_allclose(sampler.particles_.mean(axis=0), best, atol=0.3 * deviations.min())
    assert_allclose(sampler.particles_.std(axis=0), deviations, rtol=0.3)


# PyMC


def test_pymc_models_become_densities(monkeypatch):
    pm_model = FakePymcModel()
    use(monkeypatch, fake_pymc(pm_model))
    model = from_pymc(pm_model, scale=0.5)
    check_model(clone(model))
    mu, sigma = model.parameters()
    assert (mu.name, mu.shape, sigma.name, sigma.shape) == ("mu", (2,), "sigma_log__", ())
    assert_allclose(mu.start, [1.0, -1.0])
    assert_allclose(sigma.start, 0.25)
    assert_allclose(model.log_prior(pymc_draws()), [pm_model.log_density(draw) for draw in DRAWS])
    assert_allclose(joined_gradients(model), [pm_model.gradient(draw) for draw in DRAWS])


def pymc_draws():
    return {"mu": DRAWS[:, :2], "sigma_log__": DRAWS[:, 2]}


def joined_gradients(model):
    gradients = model.grad_log_prior(pymc_draws())
    return np.column_stack([gradients["mu"], gradients["sigma_log__"]])


def test_pymc_models_that_do_not_fit_are_explained(monkeypatch):
    use(monkeypatch, fake_pymc(FakePymcModel()))
    with pytest.raises(TypeError, match=r"pm_model is a object: give a pymc\.Model"):
        from_pymc(object())
    with pytest.raises(ValueError, match=r"discrete variables \(z\), which have no gradient: sum them out"):
        from_pymc(FakePymcModel(discrete=["z"]))
    empty = FakePymcModel()
    empty.value_vars = []
    with pytest.raises(ValueError, match="no free variable"):
        from_pymc(empty)


@pytest.fixture(scope="module")
def real_pymc_model():
    """The model of the stand-in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pymc = pytest.importorskip("pymc")
        with pymc.Model() as pm_model:
            mu = pymc.Normal("mu", 0.0, 1.0, shape=2)
            sigma = pymc.Exponential("sigma", 1.0)
            pymc.Normal("y", mu.sum(), sigma, observed=FakePymcModel.y)
    return pm_model


@pytest.mark.filterwarnings("ignore")
def test_real_pymc_gives_the_densities_and_gradients_written_by_hand(real_pymc_model):
    model = from_pymc(real_pymc_model)
    check_model(clone(model))
    expected = [FakePymcModel().log_density(draw) - 2.5 * np.log(2.0 * np.pi) for draw in DRAWS]
    assert_allclose(model.log_prior(pymc_draws()), expected, rtol=1e-12)
    assert_allclose(joined_gradients(model), [FakePymcModel().gradient(draw) for draw in DRAWS], rtol=1e-10)
    assert [parameter.name for parameter in model.parameters()] == ["mu", "sigma_log__"]


@pytest.mark.filterwarnings("ignore")
def test_real_pymc_is_fitted(real_pymc_model):
    sampler = SVGDSampler(from_pymc(real_pymc_model), n_particles=30, max_iter=300, random_state=0).fit(None)
    assert list(sampler.parameter_names_) == ["mu[0]", "mu[1]", "sigma_log__"]
    # What the model says of mu_1 - mu_2 is the prior: its data know the sum alone.
    gap = sampler.particles_[:, 0] - sampler.particles_[:, 1]
    assert abs(gap.mean()) < 0.3
    assert 1.0 < gap.std() < 1.8


# BridgeStan


@pytest.fixture
def bridgestan(monkeypatch):
    module = types.ModuleType("bridgestan")
    module.StanModel = FakeStanModel
    use(monkeypatch, {"bridgestan": module})
    return module


@pytest.mark.parametrize("threads", [True, False])
def test_stan_models_become_densities(threads, bridgestan):
    model = from_bridgestan(FakeStanModel(threads))
    check_model(clone(model))
    theta = {"mu": DRAWS[:, 0], "beta": DRAWS[:, 1:2]}
    expected = -0.5 * np.sum(DRAWS[:, :2] ** 2, axis=1) - np.log(2.0 * np.pi)
    assert_allclose(model.log_prior(theta), expected, rtol=1e-14)
    gradients = model.grad_log_prior(theta)
    assert_allclose(gradients["mu"], -theta["mu"])
    assert_allclose(gradients["beta"], -theta["beta"])


@pytest.mark.parametrize(("threads", "n_jobs"), [(True, 3), (False, 1)])
def test_stan_runs_in_threads_only_where_it_may(threads, n_jobs, bridgestan):
    assert from_bridgestan(FakeStanModel(threads), n_jobs=3).log_density.n_jobs == n_jobs


def test_draws_that_stan_rejects_have_density_zero(bridgestan):
    model = from_bridgestan(FakeStanModel())
    theta = {"mu": np.array([0.0, 6.0]), "beta": np.zeros((2, 1))}
    assert model.log_prior(theta)[1] == -np.inf
    gradients = model.grad_log_prior(theta)
    for name in theta:
        assert np.isfinite(gradients[name][0]).all()
        assert np.isnan(gradients[name][1]).all()


def test_stan_models_that_do_not_fit_are_explained(bridgestan):
    with pytest.raises(TypeError, match=r"stan_model is a str: give a bridgestan\.StanModel"):
        from_bridgestan("model.stan")
    with pytest.raises(ValueError, match="no parameters"):
        from_bridgestan(FakeStanModel(n_parameters=0))


@pytest.fixture
def library_by_hand(tmp_path):
    """A Stan model for the real class, which needs no Stan."""
    bridgestan, compiler = pytest.importorskip("bridgestan"), shutil.which("cc")
    if compiler is None:
        pytest.skip("no compiler of C")
    path, source = tmp_path / "by_hand_model.so", Path(__file__).with_name("stan_model.c")
    numbers = zip(("MAJOR", "MINOR", "PATCH"), bridgestan.__version__.split("."), strict=True)
    versions = [f"-D{name}={number}" for name, number in numbers]
    subprocess.run([compiler, "-shared", "-fPIC", *versions, "-o", path, source, "-lm"], check=True)
    return path


def test_real_class_of_bridgestan(library_by_hand):
    bridgestan = pytest.importorskip("bridgestan")
    model = from_bridgestan(bridgestan.StanModel(library_by_hand))
    check_model(clone(model))
    theta = {"mu": np.array([0.5, 6.0]), "sigma": np.array([0.1, 0.1]), "beta": np.zeros((2, 2))}
    expected = -0.125 - np.exp(0.1) + 0.1 - 1.5 * np.log(2.0 * np.pi)
    assert_allclose(model.log_prior(theta), [expected, -np.inf], rtol=1e-14)
    gradients = model.grad_log_prior(theta)
    assert_allclose(gradients["mu"], [-0.5, np.nan])
    assert_allclose(gradients["sigma"], [1.0 - np.exp(0.1), np.nan])


@pytest.mark.skipif("BRIDGESTAN" not in os.environ, reason="BRIDGESTAN does not name a folder of BridgeStan's source")
def test_real_bridgestan(tmp_path):
    bridgestan = pytest.importorskip("bridgestan")
    program = tmp_path / "normal.stan"
    program.write_text(
        "parameters { real mu; real<lower=0> sigma; } model { mu ~ normal(0, 2); sigma ~ normal(0, 1); }"
    )
    stan_model = bridgestan.StanModel(str(program), make_args=["STAN_THREADS=true"])
    model = from_bridgestan(stan_model)
    check_model(clone(model))
    mu, log_sigma = DRAWS[:, 0], DRAWS[:, 1]
    expected = -0.5 * (mu / 2.0) ** 2 - np.log(2.0) - 0.5 * np.exp(2.0 * log_sigma) + log_sigma - np.log(2.0 * np.pi)
    assert_allclose(model.log_prior({"mu": mu, "sigma": log_sigma}), expected, rtol=1e-10)
