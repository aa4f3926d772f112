"""Keeps the import names of version 0.1 working in a checkout, with a warning; the next version removes them.

`import detectors` gives `watchkeeper.detectors`, and so does every module in it: no module is loaded twice.
"""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import CodeType, ModuleType

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
        found = self._found(fullname)
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        return ModuleSpec(fullname, self, origin=found.origin, is_package=is_package)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._named(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just given the module the spec of its old name.
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of a module, for `python -m`."""
        found = self._found(fullname)
        loader = None if found is None else found.loader
        return loader.get_code(self._named(fullname)) if isinstance(loader, InspectLoader) else None

    def _found(self, fullname: str) -> ModuleSpec | None:
        return find_spec(self._named(fullname)) if fullname.startswith(self._old) else None

    def _named(self, fullname: str) -> str:
        return self._new + fullname.removeprefix(self._old)
