"""Command line: `python -m benchmarks SUITE [--data DIR] [--quick] [--threads N] [--splits N] [--only PART]`."""

import argparse
import os
import sys
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from benchmarks import linear, mixture, posteriors, stein, topics
from benchmarks._machine import describe_machine
from benchmarks._options import Options

SUITES = {
    "mixture": mixture.PARTS,
    "topics": topics.PARTS,
    "linear": linear.PARTS,
    "stein": stein.PARTS,
    "posteriors": posteriors.PARTS,
}


def _arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time skvi against its peers.")
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of real data sets, such as DIR/clustering and DIR/ap"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, few repeats: a smoke test, not a measurement"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads of every contestant; default: all cores")
    parser.add_argument("--splits", type=int, metavar="N", help="splits of each real data set; default: a few")
    parser.add_argument("--only", action="append", metavar="PART", help="run this part only; may be repeated")
    arguments = parser.parse_args()
    parts = SUITES[arguments.suite]
    unknown = set(arguments.only or ()) - set(parts)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}: {arguments.suite} has {', '.join(parts)}")
    return arguments


def _limited(n_threads):
    """Context in which skvi, its peers and their child processes use that many threads."""
    if n_threads is None:
        return nullcontext()
    for name in ("LOKY_MAX_CPU_COUNT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(n_threads)
    return threadpool_limits(n_threads)


def main():
    arguments = _arguments()
    sys.stdout.reconfigure(line_buffering=True)
    # Peers stop at their own limits on purpose; how many iterations each took is in the tables.
    warnings.simplefilter("ignore", ConvergenceWarning)
    options = Options(quick=arguments.quick, data=arguments.data, splits=arguments.splits)
    print(describe_machine())
    if options.quick:
        print("--quick: sizes are reduced, so the figures only show that everything runs")
    start = time.perf_counter()
    with _limited(arguments.threads):
        for name, part in SUITES[arguments.suite].items():
            if not arguments.only or name in arguments.only:
                print(f"{name} ...", file=sys.stderr)
                part(options)
    print(f"\n{time.perf_counter() - start:.0f} seconds in all")


if __name__ == "__main__":
    main()
