"""The rules of the layout that a program can check."""

import ast
import importlib
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOMES = ("schemas", "detectors", "alerting", "streams", "demo", "client")
LINES_MAX = 300
LONGER: dict[str, str] = {}
"""Files that may be longer, each with its reason."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_names() -> Iterator[str]:
    for path in sources(*HOMES):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        if parts[0] != "client":
            yield f"watchkeeper.{name}"
        elif parts[1] == "src":
            yield name.removeprefix("client.src.")


def test_imports_go_one_way() -> None:
    # In this process it would disable all existing loggers.
    linted = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "Only streams knows Kafka" in linted.stdout


@pytest.mark.parametrize("name", list(module_names()))
def test_every_name_that_a_module_offers_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert [public for public in getattr(module, "__all__", ()) if not hasattr(module, public)] == []


def late_imports(path: Path) -> set[str]:
    """Return the names that a package imports for type checkers only, and gives at first use."""
    guarded = [node.body for node in ast.parse(path.read_text()).body if isinstance(node, ast.If)]
    imports = [node for body in guarded for node in body if isinstance(node, ast.ImportFrom)]
    return {
        alias.name for node in imports for alias in node.names if str(node.module).startswith("watchkeeper")
    }


@pytest.mark.parametrize("name", ["watchkeeper", "watchkeeper.detectors"])
def test_a_package_gives_all_that_type_checkers_see_in_it(name: str) -> None:
    module = importlib.import_module(name)
    late = late_imports(Path(str(module.__file__))) - {"use_old_name"}
    assert late == {"Alarm", "Moved", "Sentinel"}
    assert late == set(module.__all__) - {"__version__"}
    assert [each for each in late if getattr(module, each).__name__ != each] == []


def test_no_other_distribution_takes_our_names() -> None:
    owners = packages_distributions()
    assert set(owners.get("watchkeeper", ())) <= {"watchkeeper"}
    assert set(owners.get("watchkeeper_client", ())) <= {"watchkeeper-client"}


def test_files_are_short_or_have_a_reason() -> None:
    paths = sources(*HOMES, "benchmarks", "dashboards")
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {name for name, lines in lengths.items() if lines > LINES_MAX} == set(LONGER)
    assert max(lengths.values()) > 100


TWO_HOMES: dict[str, str] = {}
"""Class names that may be defined twice, each with its reason."""
OLD_NAMES = re.compile(
    r"^\s*(?:from|import)\s+(?:streams|schemas|detectors|alerting|client|demo)(?=[.\s,]|$)", re.MULTILINE
)
THEN = ROOT / "tests" / "upgrades" / "then"
"""Scripts for the code of earlier commits, in which modules had other names."""
LOADED_TWICE = """
import importlib, pkgutil, sys
from collections import defaultdict
from pathlib import Path
import watchkeeper
names = [each.name for each in pkgutil.walk_packages(watchkeeper.__path__, "watchkeeper.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
import watchkeeper_client
homes = defaultdict(set)
for name, module in list(sys.modules.items()):
    file = Path(getattr(module, "__file__", None) or "/").resolve()
    if file.is_relative_to(sys.argv[1]) and ".venv" not in file.parts:
        homes[file].add(name)
print(len(homes))
print({str(file): sorted(names) for file, names in homes.items() if len(names) > 1} or "none")
"""


def test_no_module_is_loaded_under_two_names() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED_TWICE, str(ROOT.resolve())],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded, twice = done.stdout.splitlines()
    assert twice == "none"
    assert int(loaded) > 250


def classes(path: Path) -> Iterator[str]:
    """Yield the public classes that a file defines, including nested ones."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def test_each_class_name_has_one_home() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sources(*HOMES):
        for name in classes(path):
            homes[name].append(str(path.relative_to(ROOT)))
    assert len(homes) > 250
    twice = {name: found for name, found in homes.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in TWO_HOMES} == {}
    assert set(TWO_HOMES) <= set(twice), "an exception that is no longer needed"


def test_imports_name_the_package() -> None:
    assert not OLD_NAMES.search("    from watchkeeper.streams.topics.topics import TOPICS")
    assert OLD_NAMES.search("import client")
    assert not OLD_NAMES.search("from streamsets import x")
    paths = [path for path in sources(*HOMES, "tests", "benchmarks", "dashboards") if not _is_of_then(path)]
    assert len(paths) > 400
    text = {str(path.relative_to(ROOT)): OLD_NAMES.findall(path.read_text()) for path in paths}
    assert {name: found for name, found in text.items() if found} == {}


def _is_of_then(path: Path) -> bool:
    return THEN in path.parents or path == Path(__file__)


def numeric_constants(body: list[ast.stmt]) -> Iterator[tuple[str, bool]]:
    """Yield the names of numeric constants, and whether a docstring follows each."""
    for number, node in enumerate(body):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        value = getattr(node, "value", None)
        if not targets or value is None or not _is_number(value):
            continue
        after = body[number + 1] if number + 1 < len(body) else None
        said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        said = said and isinstance(after.value.value, str) and bool(after.value.value.strip())
        yield from ((each, said) for target in targets for each in _constants(target))


def _constants(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Tuple):
        for each in target.elts:
            yield from _constants(each)
    elif isinstance(target, ast.Name) and re.fullmatch(r"_?[A-Z][A-Z0-9_]*", target.id):
        yield target.id


def _is_number(value: ast.expr) -> bool:
    """Whether an expression consists only of numbers: `16 * 2**20`, `-1`, `(1, 2)`, `1.0 if x else 2`."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int | float) and not isinstance(value.value, bool)
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) and _is_number(value.right)
    if isinstance(value, ast.UnaryOp):
        return _is_number(value.operand)
    if isinstance(value, ast.Tuple):
        return bool(value.elts) and all(map(_is_number, value.elts))
    return False


def test_each_numeric_constant_has_a_docstring() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}": said
        for path in sources(*HOMES)
        for name, said in numeric_constants(ast.parse(path.read_text()).body)
    }
    assert len(found) > 200
    assert sorted(name for name, said in found.items() if not said) == []


def test_what_counts_as_a_numeric_constant() -> None:
    body = ast.parse(
        'A = 1\n"""Rows."""\nB = -2.5\nC = True\nD = "x"\nE: int = 2**4\n_F, G = 1, 2\nh = 3\n'
    ).body
    assert list(numeric_constants(body)) == [
        ("A", True), ("B", False), ("E", False), ("_F", False), ("G", False),
    ]  # fmt: skip


DOCUMENTED = ("detectors", "alerting", "client", "schemas")
"""Packages whose public functions document every parameter, for readers of the Python API."""


def undocumented(tree: ast.Module, overridden: set[tuple[str, str]]) -> Iterator[str]:
    """Give the parameters of public functions that no docstring names."""
    yield from _undocumented(tree.body, "", set(), overridden)


def _undocumented(
    body: list[ast.stmt], said: str, bases: set[str], overridden: set[tuple[str, str]]
) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _undocumented(node.body, ast.get_docstring(node) or "", _bases(node), overridden)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_public(node.name):
            if any((base, node.name) in overridden for base in bases):
                continue
            docs = (ast.get_docstring(node) or "") + (said if node.name == "__init__" else "")
            parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            names = [each.arg for each in parameters if each.arg not in ("self", "cls")]
            yield from (f"{node.name}({name})" for name in names if not re.search(rf"\b{name}\b", docs))


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__init__"


def _bases(node: ast.ClassDef) -> set[str]:
    return {re.sub(r"\[.*|.*\.", "", ast.unparse(base)) for base in node.bases}


def _methods(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from ((node.name, each.name) for each in node.body if isinstance(each, ast.FunctionDef))


def test_each_parameter_is_documented() -> None:
    trees = {path: ast.parse(path.read_text()) for path in sources(*DOCUMENTED)}
    overridden = {method for tree in trees.values() for method in _methods(tree)}
    found = {
        str(path.relative_to(ROOT)): missing
        for path, tree in trees.items()
        if (missing := list(undocumented(tree, overridden)))
    }
    assert found == {}


def test_what_counts_as_documented() -> None:
    tree = ast.parse(
        '''
class A:
    """A.

    Args:
        x: X.
    """
    def __init__(self, x, y): ...
    def f(self, z):
        """Do it to z."""
class B(A):
    def f(self, z): ...
    def g(self, w): ...
def _private(v): ...
'''
    )
    assert list(undocumented(tree, set(_methods(tree)))) == ["__init__(y)", "g(w)"]
