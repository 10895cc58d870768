"""The rules of the house as programs: who may import whom, where tasks are made, which words are used."""

import ast
import statistics
from pathlib import Path

import pytest

from proxy.balancing import STRATEGIES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "proxy"
SITE = PACKAGE / "demo" / "site"  # an application behind the proxy, no part of it
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if SITE not in path.parents)
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# From the top down; a room may import from its own line and from those below it.
LAYERS = (
    {"__main__", "cli", "process", "demo", "testing"},
    {"simulation", "explain"},
    {"runtime", "admin"},
    {"handlers", "middleware", "routing", "probing"},
    {"downstream", "upstream"},
    {"observe"},
    {"http", "config"},  # the schema takes the names of strategies from their registry
    {"wire", "balancing", "compression"},
    {"errors", "clock", "tasks", "descriptors", "machine", "certificates"},
)
DEPTH = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
# Beside each other and yet apart: they meet in an exchange, or not at all.
STRANGERS = (
    {"downstream", "upstream"},
    {"handlers", "routing"},
    {"handlers", "middleware"},  # a middleware holds a Handler, whatever it is
    {"middleware", "routing"},
    {"handlers", "probing"},  # who serves traffic is told what the lookout finds out, by messages
    {"routing", "probing"},
    {"http", "config"},
    {"wire", "balancing"},
    {"balancing", "compression"},
    {"process", "demo"},
    {"runtime", "admin"},  # the desk asks the workers, by messages
)


PURE = {"simulation": {"simulation", "balancing", "config"}}  # rooms that may import these alone


def tree_of(path):
    return ast.parse(path.read_text("utf-8"))


def room_of(path):
    """The folder under proxy/, or the module where it lies in proxy/ itself."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def for_types_alone(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(tree):
    """(line, name) of each import that is run, those inside functions too."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        waiting += node.orelse if for_types_alone(node) else ast.iter_child_nodes(node)


def wrong_arrows(path):
    here = room_of(path)
    for line, name in imports(tree_of(path)):
        if not name.startswith("proxy."):
            continue
        there = name.split(".")[1]
        if there == "__version__":
            continue
        up = DEPTH[there] < DEPTH[here]
        if up or {here, there} in STRANGERS or there not in PURE.get(here, DEPTH):
            yield f"{path.relative_to(ROOT)}:{line}: {here} imports {name}"


def calls(path):
    """(line, called thing as written) of every call."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def functions(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.end_lineno - node.lineno + 1


def lines_of(path, name):
    """The line numbers of the functions of that name."""
    return {
        line
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef) and node.name == name
        for line in range(node.lineno, node.end_lineno + 1)
    }


def test_every_room_has_its_place_in_the_layers():
    rooms = {room_of(path) for path in MODULES} - {"__init__"}
    assert rooms <= DEPTH.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_down(path):
    if path == PACKAGE / "__init__.py":
        assert not list(imports(tree_of(path)))  # a worker pays for whatever stands here
    else:
        assert not list(wrong_arrows(path))


def test_no_import_is_relative():
    relative = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_tasks_are_made_in_one_place():
    makers = ("create_task", "ensure_future", "TaskGroup")
    elsewhere = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in MODULES
        if path != PACKAGE / "tasks.py"
        for line, name in calls(path)
        if name.rpartition(".")[2] in makers
    ]
    assert not elsewhere


def test_nothing_sleeps_to_be_right():
    """Only `wait_until` in tests may: it asks again and again until a deadline."""
    sleepers = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in [*MODULES, *SITE.rglob("*.py"), *TESTS]
        for line, name in calls(path)
        if name in ("time.sleep", "sleep") and not (path in TESTS and line in lines_of(path, "wait_until"))
    ]
    assert not sleepers


def test_every_strategy_stands_in_the_example():
    example = (ROOT / "config.example.yaml").read_text("utf-8")
    assert not [name for name in STRATEGIES if name not in example]


def test_an_endpoint_is_called_an_endpoint():
    others = [path for path in MODULES if "backend" in path.read_text("utf-8").lower()]
    assert not others


def test_files_and_functions_stay_small():
    lengths = [length for path in MODULES for length in functions(path)]
    long_files = [path for path in MODULES if path.read_text("utf-8").count("\n") > 400]
    assert statistics.median(lengths) < 10
    assert statistics.quantiles(lengths, n=10)[-1] < 40
    assert not long_files
