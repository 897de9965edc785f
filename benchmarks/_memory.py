"""Memory of this process: how much is resident, and the most that ever was."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _status(field):
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def forget_peak():
    """Let the peak be counted from now on where the system allows it; return resident bytes (or the peak so far)."""
    if not _STATUS.exists():
        return peak_bytes()
    with suppress(OSError):
        _CLEAR.write_text("5")
    return _status("VmRSS")


def peak_bytes():
    """Peak of this process's resident memory.

    Linux keeps ru_maxrss across exec, so that a child would start from its parent's peak; VmHWM is its own.
    """
    if _STATUS.exists():
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
