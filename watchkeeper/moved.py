"""Keeps the import names of version 0.1 working in a checkout, with a warning; the next version removes them.

`import detectors` gives `watchkeeper.detectors`, and so does every module in it: no module is loaded twice.
"""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["use_old_name"]


def use_old_name(old: str, new: str | None = None) -> None:
    """Let a package that is imported by its old name be the package of the new name.

    Args:
        old: The name at the top of the repository, such as `detectors`.
        new: The package that it is now; by default `watchkeeper.` and the old name.

    """
    new = new or f"watchkeeper.{old}"
    warnings.warn(
        f"`{old}` is now `{new}`; the next version removes the old name"
        f" (a path for pytest begins with {new.replace('.', '/')}/)",
        FutureWarning,
        stacklevel=3,
    )
    sys.modules[old] = import_module(new)
    sys.meta_path.insert(0, _OldName(old, new))


class _OldName(MetaPathFinder, Loader):
    """Finds the modules of a package under its old name."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = f"{old}.", f"{new}."

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(self._old):
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._new + spec.name.removeprefix(self._old))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just given the module the spec of its old name.
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state
