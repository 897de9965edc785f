"""Peers that take a log density: each is imported when it runs, and left out where it is not installed."""

from importlib import import_module, util

LIBRARIES = ("numpyro", "blackjax", "pymc")


def peers():
    """Contestants of all libraries that are installed, each as a list of its settings."""
    return [
        contestant
        for library in LIBRARIES
        if util.find_spec(library) is not None
        for contestant in import_module(f"{__name__}._{library}").contestants()
    ]
