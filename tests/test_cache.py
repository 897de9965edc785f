"""The cache of compiled kernels: never stale, and never in the way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skvi import _numba

CALLEE = """
from skvi._numba import jit_helper

FACTOR = 2.0


@jit_helper
def scaled(x):
    return FACTOR * x
"""

CALLER = """
from skvi._numba import jit
from skvi.kernels.callee import scaled


@jit
def scaled_twice(x):
    return scaled(scaled(x))
"""

#: prints the value, and how often the cache was hit and missed
PROGRAM = """
from skvi.kernels.caller import scaled_twice
value = scaled_twice(3.0)
stats = scaled_twice.stats
print(value, sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Copies of the kernel sources, in place of which `source_digest` reads."""
    paths = [Path(shutil.copy(path, tmp_path)) for path in _numba._sources()]
    monkeypatch.setattr(_numba, "_sources", lambda: paths)
    return paths


def fresh_digest():
    return _numba.source_digest.__wrapped__()


def test_digest_follows_every_source(sources):
    digests = {fresh_digest()}
    for n, path in enumerate(sources, start=2):
        path.write_text(path.read_text() + "\n")
        digests.add(fresh_digest())
        assert len(digests) == n


def test_digest_of_equal_sources_is_equal(sources):
    before = fresh_digest()
    for path in sources:
        path.write_bytes(path.read_bytes())
    assert fresh_digest() == before == _numba.source_digest()


def test_digest_covers_all_that_is_compiled():
    root = Path(_numba.__file__).parent
    users = {path for path in root.rglob("*.py") if "skvi._numba import" in path.read_text()}
    assert users | {root / "_numba.py"} <= set(_numba._sources())


@pytest.fixture
def package(tmp_path):
    """A package with the real `_numba` and two small kernels, the one calling the other."""
    package = tmp_path / "site" / "skvi"
    (package / "kernels").mkdir(parents=True)
    shutil.copy(_numba.__file__, package)
    (package / "__init__.py").touch()
    (package / "kernels" / "__init__.py").touch()
    (package / "kernels" / "callee.py").write_text(CALLEE)
    (package / "kernels" / "caller.py").write_text(CALLER)
    return package


def environment(package, home):
    """Environment in which only the package's own folder and `home` can take a cache."""
    unset = {"NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "NUMBA_CACHE_LOCATOR_CLASSES", "XDG_CACHE_HOME"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    return kept | {
        "HOME": str(home),
        "LOCALAPPDATA": str(home),
        "PYTHONPATH": str(package.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run_program(package, home):
    """Value of the kernel in a new process, hits and misses of the cache."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(
        command, env=environment(package, home), cwd=package.parent, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    value, hits, misses = done.stdout.split()
    return float(value), int(hits), int(misses)


def test_an_edited_callee_in_another_file_is_compiled_anew(package, tmp_path):
    assert run_program(package, tmp_path) == (12.0, 0, 1)
    assert run_program(package, tmp_path) == (12.0, 1, 0)
    callee = package / "kernels" / "callee.py"
    callee.write_text(CALLEE.replace("FACTOR = 2.0", "FACTOR = 10.0"))
    assert run_program(package, tmp_path) == (300.0, 0, 1)


def test_without_the_digest_the_cache_would_be_stale(package, tmp_path):
    """What the digest is for; where numba learns of callees by itself, it has done its work."""
    with (package / "_numba.py").open("a") as module:
        module.write("\n\ndef source_digest():\n    return 'the same for all'\n")
    run_program(package, tmp_path)
    (package / "kernels" / "callee.py").write_text(CALLEE.replace("FACTOR = 2.0", "FACTOR = 10.0"))
    assert run_program(package, tmp_path) == (12.0, 1, 0)


def block_cache(package):
    """Make files of the folders where a cache would go, which stops the superuser too."""
    (package / "kernels" / "__pycache__").write_text("")


def cache_files(folder):
    return list(folder.rglob("*.nb[ic]"))


def test_a_home_folder_takes_the_cache_of_a_package_that_cannot(package, tmp_path):
    block_cache(package)
    assert run_program(package, tmp_path) == (12.0, 0, 1)
    assert cache_files(tmp_path) != []


def test_kernels_work_uncached_where_nothing_can_be_written(package, tmp_path):
    block_cache(package)
    home = tmp_path / "home"
    home.write_text("")
    assert run_program(package, home / "user") == (12.0, 0, 1)
    assert cache_files(tmp_path) == []


def test_kernels_work_where_the_cache_is_damaged(package, tmp_path):
    """As after a crash or on a full disk."""
    assert run_program(package, tmp_path) == (12.0, 0, 1)
    for path in cache_files(tmp_path):
        path.write_bytes(b"")
    assert run_program(package, tmp_path)[0] == 12.0


def test_kernels_work_where_the_cache_cannot_be_written_after_all(package, tmp_path):
    """The folder could be written when the kernel was made, but not when it is saved: a full disk, a quota."""
    assert run_program(package, tmp_path) == (12.0, 0, 1)
    for path in tmp_path.rglob("*.nbc"):
        path.unlink()
        path.mkdir()
    assert run_program(package, tmp_path)[0] == 12.0
