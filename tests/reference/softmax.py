"""Twin of `skvi.kernels.softmax`."""

import numpy as np

# A grid so fine and wide that nothing is left to say of its errors.
_STEP, _REACH = 0.1, 9.0


def softmax_moments(mean, deviation, origin, plan, gauss, inner, grid, value, slope, curvature):
    rules = np.repeat(plan[:, 0], mean.shape[1] // len(plan))
    for n in range(mean.shape[1]):
        m, s = mean[:, n], deviation[:, n]
        u = np.arange((m - _REACH * s).max() - 4.0, (m + _REACH * s).max() + 35.0, _STEP)
        cdf, pdf = np.stack([_noisy(u, *one) for one in zip(m, s, strict=True)], axis=1)
        product, hazard = cdf.prod(axis=0), pdf / np.maximum(cdf, 1e-280)
        share = _STEP * product * hazard
        expected = u[0] - 0.5 * _STEP + _STEP * (1.0 - product).sum() - np.euler_gamma
        # Of a grid the kernel's value is relative to an origin that goes with its step.
        on_grid = rules[n] == len(gauss[0]) - 1
        value[0, n] = expected + (origin + np.euler_gamma + 0.5 * grid[0] if on_grid else 0.0)
        slope[:, n] = share.sum(axis=1)
        curvature[:, n] = (share * (hazard.sum(axis=0) - hazard)).sum(axis=1)


def _noisy(u, mean, deviation):
    """Distribution function and density of a normal variable plus a Gumbel one."""
    step = min(0.5, 0.15 / max(deviation, 1e-9))
    t = step * np.arange(-int(_REACH / step), int(_REACH / step) + 1)
    mass = np.exp(-0.5 * t**2)
    rate = np.exp(np.clip(mean + deviation * t[:, None] - u, -700.0, 690.0))
    part = mass[:, None] / mass.sum() * np.exp(-rate)
    return part.sum(axis=0), (rate * part).sum(axis=0)
