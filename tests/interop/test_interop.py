"""Densities of other libraries: against stand-ins here, against the libraries where they are installed."""

import pickle
import sys
import types

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

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


def test_real_jax():
    jax = pytest.importorskip("jax")
    data = np.array([0.5, 1.5, -2.0])

    def log_density(vector):
        return -0.5 * jax.numpy.sum((data - vector) ** 2) - jax.numpy.log1p(jax.numpy.exp(vector[0]))

    model = from_jax(log_density, 3)
    check_model(model)
    check_model(pickle.loads(pickle.dumps(from_jax(quartic, 3))))
    expected = -0.5 * np.sum((data - DRAWS) ** 2, axis=1) - np.log1p(np.exp(DRAWS[:, 0]))
    assert_allclose(model.log_prior({"theta": DRAWS}), expected, rtol=1e-13)


# PyMC


def test_pymc_models_become_densities(monkeypatch):
    pm_model = FakePymcModel()
    use(monkeypatch, fake_pymc(pm_model))
    model = from_pymc(pm_model, scale=0.5)
    check_model(clone(model))
    (parameter,) = model.parameters()
    assert_allclose(parameter.start, [1.0, -1.0, 0.25])
    assert_allclose(model.log_prior({"theta": DRAWS}), [pm_model.log_density(draw) for draw in DRAWS])
    assert_allclose(model.grad_log_prior({"theta": DRAWS})["theta"], [pm_model.gradient(draw) for draw in DRAWS])


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


@pytest.mark.filterwarnings("ignore")
def test_real_pymc():
    pymc = pytest.importorskip("pymc")
    with pymc.Model() as pm_model:
        mu = pymc.Normal("mu", 0.0, 2.0, shape=2)
        sigma = pymc.HalfNormal("sigma", 1.0)
        pymc.Normal("y", mu.sum(), sigma, observed=FakePymcModel.y)
    model = from_pymc(pm_model)
    check_model(clone(model))
    compiled = pm_model.compile_logp()
    expected = [compiled({"mu": draw[:2], "sigma_log__": draw[2]}) for draw in DRAWS]
    assert_allclose(model.log_prior({"theta": DRAWS}), expected, rtol=1e-10)


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
    draws = DRAWS[:, :2]
    assert_allclose(
        model.log_prior({"theta": draws}), -0.5 * np.sum(draws**2, axis=1) - np.log(2.0 * np.pi), rtol=1e-14
    )
    assert_allclose(model.grad_log_prior({"theta": draws})["theta"], -draws)


@pytest.mark.parametrize(("threads", "n_jobs"), [(True, 3), (False, 1)])
def test_stan_runs_in_threads_only_where_it_may(threads, n_jobs, bridgestan):
    assert from_bridgestan(FakeStanModel(threads), n_jobs=3).log_density.n_jobs == n_jobs


def test_draws_that_stan_rejects_have_density_zero(bridgestan):
    model = from_bridgestan(FakeStanModel())
    theta = {"theta": np.array([[0.0, 0.0], [6.0, 0.0]])}
    assert model.log_prior(theta)[1] == -np.inf
    assert np.isnan(model.grad_log_prior(theta)["theta"][1]).all()
    assert np.isfinite(model.grad_log_prior(theta)["theta"][0]).all()


def test_stan_models_that_do_not_fit_are_explained(bridgestan):
    with pytest.raises(TypeError, match=r"stan_model is a str: give a bridgestan\.StanModel"):
        from_bridgestan("model.stan")
    with pytest.raises(ValueError, match="no parameters"):
        from_bridgestan(FakeStanModel(n_parameters=0))


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
    assert_allclose(model.log_prior({"theta": DRAWS[:, :2]}), expected, rtol=1e-10)
