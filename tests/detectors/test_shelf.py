"""The shelf: each package has a public list, and everything on it is documented."""

import ast
import importlib
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import watchkeeper.detectors as detectors
from watchkeeper.detectors import calibration, control, multivariate, online
from watchkeeper.detectors.checks import drift, quality

SHELF = (calibration, control, drift, multivariate, online, quality)
PROTOCOLS = ("Detector", "RowScore")
"""The classes that implement them describe the parameters."""


def name_of(package: ModuleType) -> str:
    return package.__name__


@pytest.mark.parametrize("package", SHELF, ids=name_of)
def test_the_public_list_is_what_can_be_imported(package: ModuleType) -> None:
    listed = package.__all__
    assert {name for name in listed if not hasattr(package, name)} == set()
    assert len(listed) == len(set(listed))
    tools = {"Any", "TYPE_CHECKING", "import_module"}
    modules = {name for name, value in vars(package).items() if inspect.ismodule(value)}
    found = {name for name in vars(package).keys() - tools - modules if not name.startswith("_")}
    assert found <= set(listed)
    assert getattr(package, "_LAZY", {}).keys() == set(listed) - found - modules


@pytest.mark.parametrize("package", SHELF, ids=name_of)
def test_a_name_that_is_not_on_the_list_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018


def test_the_library_is_imported_without_heavy_packages() -> None:
    heavy = "{'river', 'scipy.stats', 'sklearn', 'pandas', 'faust'}"
    program = (
        f"import sys, {detectors.__name__}, {online.__name__}, {multivariate.__name__};"
        f"print(*sorted({heavy} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def functions(package: ModuleType) -> Iterator[tuple[str, Any]]:
    """Give the functions, and the public methods of the classes, on the list of a package."""
    for name in package.__all__:
        value = getattr(package, name)
        members = inspect.getmembers(value, inspect.isroutine)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.ismodule(value):
            yield from (
                (f"{name}.{each}", member) for each, member in members if each in ("check", "applies")
            )
        elif inspect.isclass(value) and name not in PROTOCOLS:
            yield from (
                (f"{name}.{each}", member)
                for each, member in members
                if not each.startswith("_") and is_ours(member)
            )


def is_ours(value: Any) -> bool:
    return (getattr(value, "__module__", None) or "").split(".")[0] == detectors.__name__.split(".")[0]


def undocumented(function: Any) -> list[str]:
    """List the parameters that the docstring does not describe."""
    names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    return [name for name in names if not describes(function, name)]


def describes(value: Any, name: str) -> bool:
    return f"\n    {name}: " in inspect.cleandoc(value.__doc__ or "").replace("*", "")


@pytest.mark.parametrize("package", SHELF, ids=name_of)
def test_every_parameter_is_documented(package: ModuleType) -> None:
    found = {name: undocumented(function) for name, function in functions(package)}
    assert {name: missing for name, missing in found.items() if missing} == {}


def described_fields(kind: type) -> set[str]:
    """List the fields of a class, and of its bases, that have a docstring of their own."""
    described = set()
    for each in kind.__mro__:
        if is_ours(each):
            body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0].body  # type: ignore[attr-defined]
            described |= {
                ast.unparse(one.target)
                for one, after in pairwise(body)
                if isinstance(one, ast.AnnAssign) and isinstance(after, ast.Expr)
            }
    return described


@pytest.mark.parametrize("package", SHELF, ids=name_of)
def test_every_setting_and_field_is_documented(package: ModuleType) -> None:
    kinds = [each for name in package.__all__ if inspect.isclass(each := getattr(package, name))]
    missing = {
        kind.__name__: [
            name
            for name in inspect.signature(kind).parameters
            if not describes(kind, name) and name not in described_fields(kind)
        ]
        for kind in kinds
        if kind.__name__ not in PROTOCOLS
    }
    assert {name: names for name, names in missing.items() if names} == {}


def constants(path: Path) -> Iterator[tuple[str, ast.stmt | None]]:
    """Give the numeric constants of a file, each with the statement after it."""
    body = ast.parse(path.read_text()).body
    for index, statement in enumerate(body):
        if (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id.isupper()
        ):
            value = getattr(importlib.import_module(module_of(path)), statement.targets[0].id)
            if isinstance(value, int | float):
                yield statement.targets[0].id, body[index + 1] if index + 1 < len(body) else None


def module_of(path: Path) -> str:
    [package] = [package for package in SHELF if path.parent == Path(package.__path__[0])]
    return f"{package.__name__}.{path.stem}"


@pytest.mark.parametrize("package", SHELF, ids=name_of)
def test_every_numeric_constant_has_a_docstring(package: ModuleType) -> None:
    paths = sorted(Path(package.__path__[0]).glob("*.py"))
    found = [
        (path.name, *constant) for path in paths if path.stem != "__init__" for constant in constants(path)
    ]
    assert found or package is quality
    missing = [
        (name, constant)
        for name, constant, after in found
        if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
    ]
    assert missing == []
