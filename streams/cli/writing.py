"""Says before long work that its result could not be kept."""

import os
from pathlib import Path

from watchkeeper.streams.errors import UserError


def must_be_writable(path: Path | None) -> None:
    """Check that a file could be written there; UserError says why not.

    >>> must_be_writable(Path("no/such/folder/figures.json"))
    Traceback (most recent call last):
      ...
    watchkeeper.streams.errors.UserError: no/such/folder/figures.json: can't be written: ...
    """
    if path is None:
        return
    if path.is_dir():
        raise UserError(f"{path}: can't be written: it is a folder")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise UserError(f"{path}: can't be written: you may not")
    elif not path.parent.is_dir():
        raise UserError(f"{path}: can't be written: there is no folder {path.parent}")
    elif not os.access(path.parent, os.W_OK):
        raise UserError(f"{path}: can't be written: you may not in {path.parent}")
