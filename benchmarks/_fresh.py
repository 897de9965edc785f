"""Fresh processes: imports, first fits and peaks of memory can only be measured once in each."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def run_fresh(code, *arguments, **environment):
    """Run Python code in a new process; return what it printed last, read as JSON, and its seconds in all.

    Parameters
    ----------
    code : str
    *arguments : objects
        Become sys.argv[1:].
    **environment : str
        Variables to add to the environment.
    """
    command = [sys.executable, "-c", code, *map(str, arguments)]
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment}
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"a fresh process failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1]), seconds
