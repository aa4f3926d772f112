"""The shelf: each package has a public list, and everything on it is documented."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
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
    tools = {"Any", "TYPE_CHECKING", "lazy"}
    modules = {name for name, value in vars(package).items() if inspect.ismodule(value)}
    found = {name for name in vars(package).keys() - tools - modules if not name.startswith("_")}
    assert found <= set(listed)


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
    """List the parameters that neither the docstring nor the method that it names describes."""
    if (named := re.search(r"See `(\w+)\.(\w+)`", function.__doc__ or "")) is not None:
        function = getattr(getattr(online, named[1]), named[2])
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
