"""Imports the public names of a package at their first use, so that a program loads only what it needs."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy"]


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package.

    Args:
        package: The package's `__name__`.
        homes: Public name -> the module that defines it, relative to the package.

    >>> get = lazy("watchkeeper.schemas", {"Monitor": "monitors"})
    >>> get("Monitor").__module__
    'watchkeeper.schemas.monitors'
    >>> get("Moniter")
    Traceback (most recent call last):
      ...
    AttributeError: module 'watchkeeper.schemas' has no attribute 'Moniter'
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return get
