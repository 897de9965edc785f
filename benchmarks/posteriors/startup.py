"""The first fit in a fresh process, all compilation included: what a user waits for who fits one model."""

import json
import time
import warnings
from pathlib import Path
from statistics import median

from benchmarks._fresh import run_fresh
from benchmarks._options import Options
from benchmarks._tables import print_table
from benchmarks.posteriors._contestants import ours
from benchmarks.posteriors._data import absent, at_hand, load
from benchmarks.posteriors.peers import peers

#: one regression, one model in numpy and one in compiled loops
_POSTERIORS = ("nes2000-nes", "eight_schools-eight_schools_noncentered", "gp_pois_regr-gp_regr")
_RUNS = 3
_CODE = """
import sys
from benchmarks.posteriors.startup import first_fit
print(first_fit(*sys.argv[1:]))
"""


def startup(options):
    """Print seconds of first fits."""
    names = [posterior.name for posterior in at_hand(options) if posterior.name in _POSTERIORS]
    if not names:
        print("\nstartup: skipped,", *absent(options))
        return
    contestants = [settings[0].name for settings in (*ours(), *peers())]
    print_table(
        "startup: first fit in a fresh process, seconds",
        ["contestant", *(name.replace("-", "\n", 1) for name in names)],
        [[name, *(_seconds(options, posterior, name) for posterior in names)] for name in contestants],
        [
            f"medians of up to {_RUNS} processes; imports and reading of the data apart, compilation included",
            "skvi's kernels are cached on disk by the process before the first, as after any first use",
        ],
    )


def _seconds(options, posterior, contestant):
    taken = [
        run_fresh(_CODE, options.data.resolve(), posterior, contestant)[0] for _ in range(options.repeats(_RUNS) + 1)
    ]
    found = [seconds for seconds in taken[1:] if seconds is not None]
    return median(found) if found else None


def first_fit(folder, name, contestant):
    """Seconds of a first fit as JSON; null where the contestant does not take the posterior."""
    posterior = load(name, Options(data=Path(folder)))
    everyone = {settings[0].name: settings[0] for settings in (*ours(), *peers())}
    chosen = everyone[contestant]
    if not chosen.suits(posterior):
        return json.dumps(None)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen.prepare(posterior)(0)
    return json.dumps(time.perf_counter() - begin)
