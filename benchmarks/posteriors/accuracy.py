"""How near each contestant comes to the reference, how sure it is of that, and what it takes."""

import time
import warnings
from statistics import median

import numpy as np

from benchmarks._tables import print_table
from benchmarks.posteriors._contestants import Moments, ours
from benchmarks.posteriors._data import absent, at_hand
from benchmarks.posteriors.peers import LIBRARIES, peers

#: what counts as near: errors of means in standard deviations, and log ratios of standard deviations
_NEAR = 0.1
_QUICK = 4
#: later fits take turns no longer than this in all
_SECONDS = 1.0
_MOST_FITS = 5


def accuracy(options):
    """Compare skvi's methods with each other."""
    _compare(options, "accuracy: from the starts and scales that models declare", [[Moments()], *ours()])


def beside_peers(options):
    """Compare skvi's default with peers."""
    contestants = peers()
    if not contestants:
        print("\npeers: skipped, for want of", ", ".join(LIBRARIES))
        return
    title = "peers: all at the same densities, from the same starts and in the same units"
    _compare(options, title, [[Moments()], ours()[0], *contestants])


def unaided(options):
    """Compare skvi's own with models that say nothing of where to start."""
    _compare(options, "unaided: models declare no starts and no scales", ours(), lambda one: one.without_starts())


def _compare(options, title, contestants, form=lambda posterior: posterior):
    posteriors = [form(posterior) for posterior in at_hand(options)]
    if options.quick:
        posteriors = posteriors[::_QUICK]
    if not posteriors:
        print(f"\n{title.partition(':')[0]}: skipped,", *absent(options))
        return
    figures = [
        best(settings, posterior)
        for posterior in posteriors
        for settings in contestants
        if settings[0].suits(posterior)
    ]
    _print_details(title, figures, absent(options))
    _print_totals(title, figures)


def best(settings, posterior):
    """Figures of a contestant with the setting that reaches the largest bound."""
    figures = [measure(contestant, posterior) for contestant in settings]
    return max(figures, key=lambda one: -np.inf if one.get("elbo") is None else one["elbo"])


def measure(contestant, posterior):
    """Figures of one contestant on one posterior, by name."""
    begin = time.perf_counter()
    names = {"posterior": posterior.name, "contestant": contestant.name}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = contestant.prepare(posterior)
            look = fit(0)
            first = time.perf_counter() - begin
            found, again = look(), _again(fit)
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        return names | {"message": f"{type(error).__name__}: {error}".splitlines()[0], "verdict": "raises"}
    numbers = posterior.reference(found.theta)
    with np.errstate(all="ignore"):
        error = np.max(np.abs(numbers.mean(axis=0) - posterior.mean) / posterior.sd)
        spread = np.max(np.abs(np.log(numbers.std(axis=0) / posterior.sd)))
    near = bool(error <= _NEAR and spread <= _NEAR)
    return names | {
        "error": error,
        "spread": spread,
        "khat": found.khat,
        "elbo": found.elbo,
        "elbo_se": found.elbo_se,
        "gradients": found.n_gradients,
        "seconds": again,
        "first": first,
        "near": near,
        "verdict": _verdict(near, found.trusted),
        "message": found.message or contestant.setting,
    }


def _again(fit):
    """Median seconds of later fits."""
    taken = []
    while len(taken) < _MOST_FITS and sum(taken) < _SECONDS:
        begin = time.perf_counter()
        fit(len(taken) + 1)
        taken.append(time.perf_counter() - begin)
    return median(taken)


def _verdict(near, trusted):
    """What a user is told, against what is so."""
    if trusted is None:
        return "near" if near else "off"
    if trusted:
        return "near, trusted" if near else "SILENT"
    return "near, doubted" if near else "off, doubted"


def _print_details(title, figures, notes):
    print_table(
        title,
        [
            *("posterior", "contestant", "error of\nmean, sd", "log sd\nratio", "k-hat", "ELBO", "se", "gradients"),
            *("fit\nms", "first\nms", "verdict", "message"),
        ],
        [_line(one) for one in figures],
        [
            "largest over the numbers of the reference; its own errors are 0.01 sd and 0.7 %",
            f"near: both at most {_NEAR:g}; SILENT: not near, and the contestant says to trust it",
            "moments of the draws: the normal with the moments of the reference, which shows what a normal can come to",
            "peers: the best of several lengths and numbers of steps by ELBO; the times of the others are not counted",
            "gradients: at one point each; fit: median of later fits; first: with all compilation, imports apart",
            *notes,
        ],
    )


def _line(one):
    def fixed(name, digits):
        return "-" if one.get(name) is None else f"{one[name]:.{digits}f}"

    return [
        *(one["posterior"], one["contestant"], fixed("error", 3), fixed("spread", 3), fixed("khat", 2)),
        *(fixed("elbo", 2), fixed("elbo_se", 2), one.get("gradients")),
        *(None if one.get(name) is None else 1e3 * one[name] for name in ("seconds", "first")),
        *(one["verdict"], one["message"][:60]),
    ]


def _print_totals(title, figures):
    names = dict.fromkeys(one["contestant"] for one in figures)
    rows = [_totals(name, [one for one in figures if one["contestant"] == name]) for name in names]
    print_table(
        f"{title.partition(':')[0]}: all posteriors",
        ["contestant", "posteriors", "near", "off,\ndoubted", "silent\nor off", "gradients", "fit\nms", "first\nms"],
        rows,
        ["gradients and times: medians over posteriors"],
    )


def _totals(name, figures):
    verdicts = [one["verdict"] for one in figures]
    done = [one for one in figures if "seconds" in one]
    return [
        *(name, len(figures), sum(one.startswith("near") for one in verdicts)),
        sum(one in {"off, doubted", "raises"} for one in verdicts),
        sum(one in {"SILENT", "off"} for one in verdicts),
        *(median(one[key] for one in done) if done else None for key in ("gradients",)),
        *(1e3 * median(one[key] for one in done) if done else None for key in ("seconds", "first")),
    ]
