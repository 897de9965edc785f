"""The verdict on posteriors that none of its thresholds was set on: how often it is right, and how often silent."""

import warnings
from collections import Counter
from statistics import median

import numpy as np

from benchmarks._tables import print_table
from benchmarks.posteriors._long_chains import long_run
from benchmarks.posteriors._shapes import shapes
from benchmarks.posteriors._unseen import unseen_posteriors
from skvi.blackbox import BlackBoxVI
from skvi.gradient.parameters import Layout
from skvi.gradient.targets import Target

_NEAR = 0.1
_SEEDS, _QUICK = (0, 1, 2), 7
_DRAWS = 20_000
#: a reference counts where its chains agree, and its errors are small against what is asked
_LARGEST_RHAT, _LARGEST_ERROR = 1.02, 0.05
_VERDICTS = ("near, trusted", "near, doubted", "off, doubted", "SILENT")
#: exact shapes that the chains are tried on
_KNOWN = ("skewed normal of slant 10, 2 numbers", "funnel of depth 0.6, 3 numbers", "gamma of shape 2, 2 numbers")


def unseen(options):
    """Print the verdicts on all of them."""
    rows, unsettled, counts = [], [], {"looked at": Counter(), "not looked at": Counter()}
    for i, posterior in enumerate(unseen_posteriors()):
        if options.quick and i % _QUICK:
            continue
        reference = posterior.refer()
        if reference.rhat > _LARGEST_RHAT or max(reference.mean_se, reference.log_sd_se) > _LARGEST_ERROR:
            unsettled.append(posterior.name)
            continue
        half = "looked at" if i % 2 == 0 else "not looked at"
        fits = [_figures(posterior, reference, seed) for seed in _SEEDS]
        counts[half].update(fit["verdict"] for fit in fits)
        rows.append([posterior.name, half, *_line(fits), reference.mean_se, reference.log_sd_se])
    print_table(
        "unseen: posteriors that the verdict was not tuned on, default settings",
        [
            *("posterior", "half", "free\nnumbers", "error of\nmean, sd", "log sd\nratio", "k-hat", "gradients"),
            *("verdicts", "reference:\nse of mean", "se of\nlog sd"),
        ],
        rows,
        [
            f"error, ratio, k-hat and gradients: medians of {len(_SEEDS)} seeds",
            f"near: both at most {_NEAR:g} and twice the error of the reference or of the {_DRAWS} draws compared",
            "halves: of one silent fits were looked into, of the other none was",
            "references: 200 000 exact draws, known deviations where tails are heavy, or chains for tables of rows",
            *([f"left out, as chains did not settle: {', '.join(unsettled)}"] if unsettled else []),
            *_checks(),
        ],
    )
    print_table(
        "unseen: fits by verdict",
        ["half", *_VERDICTS, "silent"],
        [_total(name, count) for name, count in (*counts.items(), ("all", sum(counts.values(), Counter())))],
    )


def _total(name, count):
    share = count["SILENT"] / max(1, sum(count.values()))
    return [name, *(count[verdict] for verdict in _VERDICTS), f"{share:.1%}"]


def _figures(posterior, reference, seed):
    estimator = BlackBoxVI(posterior.model, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(posterior.X, posterior.y)
    theta = estimator.posterior_.sample(_DRAWS, random_state=0)
    values = np.concatenate([np.reshape(theta[name], (_DRAWS, -1)) for name in theta], axis=1)
    with np.errstate(all="ignore"):
        # Where the deviation is infinite, so is the error of any other.
        error = np.max(np.abs(values.mean(axis=0) - reference.mean) / reference.sd)
        spread = np.max(np.abs(np.log(values.std(axis=0) / reference.sd)))
        # The draws have an error of their own, which is large where tails are heavy.
        kurtosis = np.mean((values - values.mean(axis=0)) ** 4, axis=0) / values.var(axis=0) ** 2
        noise = 0.5 * np.sqrt(np.max(kurtosis) / _DRAWS)
    near = error <= _NEAR + 2.0 * reference.mean_se and spread <= _NEAR + 2.0 * max(reference.log_sd_se, noise)
    if estimator.trusted_:
        verdict = "near, trusted" if near else "SILENT"
    else:
        verdict = "near, doubted" if near else "off, doubted"
    figures = error, spread, estimator.khat_, estimator.n_grad_evals_
    return {"width": estimator.approximation_.width, "figures": figures, "verdict": verdict}


def _line(fits):
    error, spread, khat, gradients = (median(values) for values in zip(*(fit["figures"] for fit in fits), strict=True))
    verdicts = Counter(fit["verdict"] for fit in fits)
    words = "; ".join(f"{n} {verdict}" if len(verdicts) > 1 else verdict for verdict, n in verdicts.items())
    return [fits[0]["width"], f"{error:.3f}", f"{spread:.3f}", f"{khat:.2f}", int(gradients), words]


def _checks():
    """What chains make of shapes that are known."""
    for shape in shapes():
        if shape.name in _KNOWN:
            layout = Layout(shape.model.parameters())
            target = Target(shape.model, layout, None, None, None)
            found = long_run(target, lambda z, own=layout: own.flatten(own.constrain(z)), np.random.default_rng(0))
            exact = shape.draw(200_000, np.random.default_rng(0))
            error = np.max(np.abs(found.mean - exact.mean(axis=0)) / exact.std(axis=0))
            ratio = np.max(np.abs(np.log(found.sd / exact.std(axis=0))))
            yield f"chains on {shape.name}: errors {error:.4f} sd and {ratio:.4f}"
