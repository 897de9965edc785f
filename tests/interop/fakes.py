"""Stand-ins for libraries that are not installed, with the parts of their documented interfaces that are used."""

import contextlib
import types

import numpy as np


class Switch:
    """A setting of JAX: it is called to make a context, and has no truth value."""

    def __init__(self, context):
        self.context = context

    def __call__(self, enabled):
        return self.context(enabled)

    def __bool__(self):
        raise TypeError("bool() not supported for instances of type 'State'")


class FakeJax(types.ModuleType):
    """`jax` in numpy: a function of one draw is mapped over draws, and differentiated by differences."""

    def __init__(self, new=True):
        super().__init__("jax")
        self.bits = 32
        self.compiled = 0
        if new:
            self.enable_x64 = Switch(self._enable_x64)
        self.experimental = types.ModuleType("jax.experimental")
        self.experimental.enable_x64 = self._enable_x64

    @contextlib.contextmanager
    def _enable_x64(self, enabled=True):
        before, self.bits = self.bits, 64 if enabled else 32
        yield
        self.bits = before

    def jit(self, function):
        self.compiled += 1

        def run(*arguments):
            dtype = np.float64 if self.bits == 64 else np.float32
            result = np.asarray(function(*[np.asarray(argument, dtype=dtype) for argument in arguments]), dtype=dtype)
            result.flags.writeable = False
            return result

        return run

    def vmap(self, function):
        return lambda draws: np.stack([function(draw) for draw in draws])

    def grad(self, function, step=1e-6):
        def gradient(draw):
            shifts = step * np.eye(len(draw))
            return np.array([(function(draw + shift) - function(draw - shift)) / (2.0 * step) for shift in shifts])

        return gradient


class Variable:
    """A value variable, or an expression of the vector of all of them."""

    def __init__(self, name=None, evaluate=None, dtype="float64"):
        self.name = name
        self.evaluate = evaluate
        self.dtype = dtype


class FakePymcModel:
    """mu ~ N(0, 1) in two dimensions, sigma ~ Exponential(1) known by its logarithm, y ~ N(mu_1 + mu_2, sigma)."""

    y = np.array([0.5, -1.0, 2.0])

    def __init__(self, discrete=()):
        self.value_vars = [Variable("mu"), Variable("sigma_log__")]
        self.discrete_value_vars = [Variable(name) for name in discrete]

    def initial_point(self):
        return {"sigma_log__": np.array(0.25), "mu": np.array([1.0, -1.0])}

    def logp(self):
        return Variable(evaluate=self.log_density)

    def log_density(self, vector):
        mean, log_sigma = vector[:2].sum(), vector[2]
        prior = -0.5 * vector[:2] @ vector[:2] - np.exp(log_sigma) + log_sigma
        return prior + np.sum(-0.5 * ((self.y - mean) / np.exp(log_sigma)) ** 2 - log_sigma)

    def gradient(self, vector):
        mean, sigma = vector[:2].sum(), np.exp(vector[2])
        residuals = self.y - mean
        by_mean = residuals.sum() / sigma**2
        by_log_sigma = 1.0 - sigma + np.sum((residuals / sigma) ** 2 - 1.0)
        return np.array([by_mean - vector[0], by_mean - vector[1], by_log_sigma])


def fake_pymc(model):
    """`pymc` and `pytensor` that know one model."""
    pymc, pytensor = types.ModuleType("pymc"), types.ModuleType("pytensor")
    pymc.Model = FakePymcModel
    pymc.pytensorf = types.ModuleType("pymc.pytensorf")

    def join_nonshared_inputs(point, outputs, inputs):
        assert set(point) == {variable.name for variable in inputs}
        return outputs, Variable("joined_inputs")

    def compile_function(inputs, outputs):
        assert [variable.name for variable in inputs] == ["joined_inputs"]
        return lambda vector: np.asarray(outputs.evaluate(vector))

    pymc.pytensorf.join_nonshared_inputs = join_nonshared_inputs
    pymc.pytensorf.compile = compile_function
    pytensor.grad = lambda cost, wrt: Variable(evaluate=model.gradient)
    return {"pymc": pymc, "pytensor": pytensor}


class FakeStanModel:
    """A normal density in two unconstrained parameters that Stan rejects beyond 5; it cannot be copied."""

    def __init__(self, threads=True, n_parameters=2):
        self.threads = threads
        self.n_parameters = n_parameters
        self.running = self.most_running = 0

    def __deepcopy__(self, memo):
        raise TypeError("ctypes objects containing pointers cannot be pickled")

    def model_info(self):
        return f"BridgeStan version: 2.6.1\nStan C++ Defines:\n\tSTAN_THREADS={str(self.threads).lower()}\n"

    def param_unc_num(self):
        return self.n_parameters

    def param_unc_names(self):
        return ["mu", *(f"beta.{i}" for i in range(1, self.n_parameters))]

    def log_density(self, theta_unc, *, propto=True, jacobian=True):
        return self.log_density_gradient(theta_unc, propto=propto, jacobian=jacobian)[0]

    def log_density_gradient(self, theta_unc, *, propto=True, jacobian=True):
        assert theta_unc.flags.c_contiguous
        assert theta_unc.dtype == np.float64
        if np.any(np.abs(theta_unc) > 5.0):
            raise RuntimeError("Exception: normal_lpdf: Scale parameter is -1, but must be positive!")
        constant = 0.0 if propto else -0.5 * np.log(2.0 * np.pi) * len(theta_unc)
        return constant - 0.5 * theta_unc @ theta_unc, -theta_unc
