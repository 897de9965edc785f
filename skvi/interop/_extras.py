"""Libraries that are no requirement of this one."""

import importlib


def require(library, caller):
    """Import a library, or raise ImportError that says how to get it."""
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise ImportError(f"{caller} needs {library} ({error}): pip install 'skvi[{library}]'") from error
