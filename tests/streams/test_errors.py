"""One tree of errors: every exception of `streams` stands in it, under the class that it derives from."""

import importlib
import inspect
import pkgutil
import re

import pytest

import watchkeeper.streams as streams
from watchkeeper.streams import errors
from watchkeeper.streams.errors import UserError, WatchkeeperError

LINE = re.compile(r"^((?:│  |   )*)(?:├─ |└─ )?(\w+) {2,}\S")


def modules() -> list[str]:
    found = pkgutil.walk_packages(streams.__path__, f"{streams.__name__}.")
    return [each.name for each in found if not each.name.endswith("__main__")]


def defined() -> dict[str, type[BaseException]]:
    found: dict[str, type[BaseException]] = {}
    for name in modules():
        for _, each in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if issubclass(each, BaseException) and each.__module__ == name:
                assert each.__name__ not in found, f"{each.__name__} is defined twice"
                found[each.__name__] = each
    return found


def drawn() -> dict[str, str | None]:
    """Read the tree: each class -> its parent."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        if line.startswith("    ") and (match := LINE.match(line[4:])):
            depth = len(match[1]) // 3 + ("─" in line)
            path = [*path[:depth], match[2]]
            parents[match[2]] = path[-2] if depth else None
    return parents


def test_every_exception_is_in_the_tree() -> None:
    assert set(drawn()) == set(defined())
    assert len(drawn()) > 15


@pytest.mark.parametrize("name", sorted(drawn()))
def test_each_stands_under_the_class_that_it_derives_from(name: str) -> None:
    each, parent = defined()[name], drawn()[name]
    assert issubclass(each, WatchkeeperError)
    assert parent == (each.__bases__[0].__name__ if each is not WatchkeeperError else None)


def test_what_the_user_can_mend_is_one_class() -> None:
    assert {name for name, each in defined().items() if issubclass(each, UserError)} == {
        "UserError", "SettingsError", "BrokerError", "DeclarationError",
    }  # fmt: skip
