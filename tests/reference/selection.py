"""Twins of `skvi.kernels.selection`: each coefficient from the definition, nothing carried along."""

import numpy as np
from scipy.special import expit


def _coordinate(j, pull, precision, log_odds, slab_mean, inclusion):
    slab_mean[j] = pull / precision[j]
    inclusion[j] = expit(log_odds + 0.5 * (pull * slab_mean[j] - np.log(precision[j])))


def select_by_gram(order, gram, cross, noise, precision, log_odds, slab_mean, inclusion, fitted):
    for j in order:
        others = inclusion * slab_mean
        others[j] = 0.0
        _coordinate(j, noise * (cross[j] - gram[j] @ others), precision, log_odds, slab_mean, inclusion)
    fitted[:] = gram @ (inclusion * slab_mean)


def select_by_rows(order, columns, squares, noise, precision, log_odds, slab_mean, inclusion, residual):
    targets = residual + (inclusion * slab_mean) @ columns
    for j in order:
        others = inclusion * slab_mean
        others[j] = 0.0
        pull = noise * (columns[j] @ (targets - others @ columns))
        _coordinate(j, pull, precision, log_odds, slab_mean, inclusion)
    residual[:] = targets - (inclusion * slab_mean) @ columns
