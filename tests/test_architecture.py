"""The house rules: imports only go downwards, and options, printing and sizes stay where they belong."""

import ast
import functools
from pathlib import Path

import pytest

import skvi

ROOT = Path(skvi.__file__).parent
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

#: what the modules of a room may import, besides those of the room itself
ALLOWED = {
    "_threads": set(),
    "_numba": set(),
    "kernels": {"_numba"},
    "families": {"kernels.conjugate", "kernels.matrices", "kernels.special", "kernels.sticks"},
    "engine": {"families", "_threads"},
    "models": {"engine.summary", "engine.blocks", "engine.bound", "families", "kernels", "_threads"},
    "gradient": {"engine.monitor", "families", "kernels", "_threads"},
    "base": {"engine", "models", "gradient", "families", "_threads"},
}
ESTIMATORS = {"mixture", "decomposition", "linear_model", "blackbox", "neural_network"}
ALLOWED |= {room: {"base", "engine", "models", "gradient", "families", "_threads"} for room in ESTIMATORS}
ALLOWED |= {room: ESTIMATORS | {"families"} for room in ("model_selection", "inspection", "interop")}
#: the package itself shows what users import
ALLOWED[""] = ESTIMATORS | {"model_selection", "inspection", "families"}

WITHOUT_SKLEARN = {"_threads", "_numba", "kernels", "engine", "models", "gradient"}
FAMILIES_MAY_USE = {"sklearn.utils.check_random_state"}
JIT_NAMES = {"jit", "njit", "vectorize", "guvectorize", "cfunc", "stencil", "generated_jit", "prange"}


def read_modules(root):
    """Sources by module name below the package, "" being the package itself."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        modules[".".join(part for part in parts if part != "__init__")] = path.read_text()
    return modules


MODULES = read_modules(ROOT)

parsed = functools.cache(ast.parse)


def imported_names(source):
    """Full names of all that a source imports, wherever in the file; a relative import starts with a dot."""
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def own_module(name, modules):
    """The module of this package that a full name stands for or stands in; None for other packages'."""
    package, _, inner = name.partition(".")
    if package != "skvi":
        return None
    while inner and inner not in modules:
        inner = inner.rpartition(".")[0]
    return inner


def arrows(modules):
    """Pairs of a module and one that it imports."""
    for module, source in modules.items():
        for name in imported_names(source):
            target = own_module(name, modules)
            if target is not None and target != module:
                yield module, target


def room(module):
    return module.partition(".")[0]


def is_within(module, place):
    return module == place or module.startswith(f"{place}.")


def wrong_arrows(modules):
    """Imports that do not go downwards."""
    return [
        f"{module} imports {target or 'the package'}"
        for module, target in arrows(modules)
        if room(target) != room(module) and not any(is_within(target, place) for place in ALLOWED[room(module)])
    ]


def relative_imports(modules):
    return [
        f"{module} imports {name}"
        for module, source in modules.items()
        for name in imported_names(source)
        if name.startswith(".")
    ]


def circles(modules):
    """Modules that import themselves by way of others."""
    direct = {module: set() for module in modules}
    for module, target in arrows(modules):
        direct[module].add(target)

    def reached(module):
        found, new = set(), {module}
        while new:
            new = set().union(*[direct.get(one, set()) for one in new]) - found
            found |= new
        return found

    return [module for module in modules if module in reached(module)]


def sklearn_imports(modules):
    """Uses of scikit-learn where statistics should know nothing of it."""
    return [
        f"{module} imports {name}"
        for module, source in modules.items()
        for name in imported_names(source)
        if is_within(name, "sklearn")
        and (room(module) in WITHOUT_SKLEARN or (room(module) == "families" and name not in FAMILIES_MAY_USE))
    ]


def numba_aliases(tree):
    """Names that numba itself goes by in a source."""
    imports = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return {alias.asname or alias.name for alias in imports if alias.name == "numba"}


def own_jit(modules):
    """Uses of numba's compiling decorators outside the one place that knows its options."""
    found = []
    for module, source in modules.items():
        tree = parsed(source)
        aliases = numba_aliases(tree)
        names = [name.rpartition(".")[2] for name in imported_names(source) if is_within(name, "numba")]
        names += [
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases
        ]
        found += [f"{module} uses numba's {name}" for name in names if name in JIT_NAMES and module != "_numba"]
    return found


def parallel_options(modules):
    """Numba's own parallelism, which kills forked children and aborts under threads."""
    found = []
    for module, source in modules.items():
        for node in ast.walk(parsed(source)):
            if "prange" in (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "name", None)):
                found.append(f"{module} uses prange")
            option = isinstance(node, ast.keyword) and node.arg == "parallel"
            if option and not (isinstance(node.value, ast.Constant) and node.value.value is False):
                found.append(f"{module} sets parallel")
            if isinstance(node, ast.Dict) and "parallel" in [getattr(key, "value", None) for key in node.keys]:
                found.append(f"{module} sets parallel")
    return found


def prints(modules):
    return [
        f"{module}:{node.lineno}"
        for module, source in modules.items()
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print" and module != "base"
    ]


def long_files(modules):
    lengths = {module: len(source.splitlines()) for module, source in modules.items()}
    return [f"{module}: {length} lines" for module, length in lengths.items() if length > LONGEST_FILE]


def long_functions(modules):
    """Functions that do too much; kernels are unrolled by hand, and constructors list parameters."""
    return [
        f"{module}.{node.name}: {length} lines"
        for module, source in modules.items()
        for node in ast.walk(parsed(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := node.end_lineno - node.lineno + 1) > LONGEST_FUNCTION
        and room(module) != "kernels"
        and node.name != "__init__"
    ]


RULES = [
    wrong_arrows,
    relative_imports,
    circles,
    sklearn_imports,
    own_jit,
    parallel_options,
    prints,
    long_files,
    long_functions,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house_keeps(rule):
    assert rule(MODULES) == []


def test_every_room_has_rules():
    assert {room(module) for module in MODULES} <= set(ALLOWED)


def test_all_sources_are_read():
    assert len(MODULES) == len(list(ROOT.rglob("*.py")))
    assert {"", "_numba", "engine", "engine.loop", "kernels.special", "models.mixture"} <= set(MODULES)


OTHERS = {"_threads": "", "base": "", "engine": "", "engine.loop": "", "families": "", "kernels.gaussian": ""}
LONG_BODY = "\n".join(["    pass"] * LONGEST_FUNCTION)

OFFENCES = [
    (wrong_arrows, "kernels.new", "from skvi import _threads"),
    (wrong_arrows, "kernels.new", "import skvi.families.base"),
    (wrong_arrows, "_numba", "from skvi.kernels import gaussian"),
    (wrong_arrows, "families.new", "from skvi.kernels.gaussian import CUT"),
    (wrong_arrows, "engine.new", "from skvi.models.mixture import Mixture"),
    (wrong_arrows, "engine.new", "from skvi.kernels.gaussian import full_scores"),
    (wrong_arrows, "models.new", "from skvi.engine.loop import run"),
    (wrong_arrows, "models.new", "from skvi.engine import loop"),
    (wrong_arrows, "models.new", "def f():\n    from skvi.base import VariationalEstimator"),
    (wrong_arrows, "mixture.new", "from skvi.kernels.gaussian import full_scores"),
    (wrong_arrows, "mixture.new", "from skvi.decomposition import Topics"),
    (wrong_arrows, "mixture.new", "from skvi import VariationalGaussianMixture"),
    (wrong_arrows, "", "from skvi.kernels import gaussian"),
    (relative_imports, "models.new", "from . import rows"),
    (relative_imports, "models.new", "from .rows import Rows"),
    (circles, "kernels.gaussian", "from skvi.kernels import new"),
    (sklearn_imports, "models.new", "from sklearn.utils import check_random_state"),
    (sklearn_imports, "engine.new", "import sklearn"),
    (sklearn_imports, "kernels.new", "from sklearn import base"),
    (sklearn_imports, "families.new", "from sklearn.utils import check_array"),
    (own_jit, "kernels.new", "from numba import njit"),
    (own_jit, "kernels.new", "import numba as nb\n@nb.jit\ndef f(): pass"),
    (own_jit, "models.new", "import numba\n@numba.njit(cache=True)\ndef f(): pass"),
    (own_jit, "models.new", "from numba import vectorize as v"),
    (parallel_options, "_numba", "options = {'parallel': True}"),
    (parallel_options, "_numba", "f = jit(g, parallel=True)"),
    (parallel_options, "kernels.new", "from numba import prange"),
    (parallel_options, "kernels.new", "import numba\nfor i in numba.prange(3): pass"),
    (prints, "engine.new", "def f():\n    print('done')"),
    (long_files, "kernels.new", "x = 0\n" * (LONGEST_FILE + 1)),
    (long_functions, "models.new", f"def f():\n{LONG_BODY}"),
    (long_functions, "models.new", f"class A:\n  def f():\n{LONG_BODY}"),
]


@pytest.mark.parametrize(("rule", "module", "source"), OFFENCES)
def test_rule_catches(rule, module, source):
    new = {"kernels.new": "from skvi.kernels.gaussian import full_scores"}
    assert rule(OTHERS | new) == []
    assert len(rule(OTHERS | new | {module: source})) > 0


PERMITTED = [
    (wrong_arrows, "models.new", "from skvi import _threads\nfrom skvi.kernels import gaussian as kernels"),
    (wrong_arrows, "engine.new", "from skvi.families import Joint\nfrom skvi.engine.loop import run"),
    (wrong_arrows, "mixture.new", "import numpy\nfrom skvi.base import VariationalEstimator"),
    (sklearn_imports, "families.new", "from sklearn.utils import check_random_state"),
    (sklearn_imports, "mixture.new", "from sklearn.base import BaseEstimator"),
    (own_jit, "kernels.new", "from numba.extending import intrinsic\nfrom skvi._numba import jit"),
    (own_jit, "_numba", "import numba\nf = numba.njit"),
    (parallel_options, "_numba", "f = jit(g, parallel=False)"),
    (prints, "base", "print('done')"),
    (long_functions, "kernels.new", f"def f():\n{LONG_BODY}"),
    (long_functions, "mixture.new", f"class A:\n  def __init__():\n{LONG_BODY}"),
    (long_functions, "models.new", "def f():\n" + LONG_BODY.partition("\n")[2]),
]


@pytest.mark.parametrize(("rule", "module", "source"), PERMITTED)
def test_rule_lets_pass(rule, module, source):
    assert rule(OTHERS | {module: source}) == []
