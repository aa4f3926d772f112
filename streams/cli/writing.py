"""Checks that a result can be written, before the work starts."""

import os
from pathlib import Path

from watchkeeper.streams.errors import UserError


def must_be_writable(path: Path | None) -> None:
    """Check that a file can be written. Raises UserError with the reason if not.

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
            raise UserError(f"{path}: can't be written: permission denied")
    elif not path.parent.is_dir():
        raise UserError(f"{path}: can't be written: the folder {path.parent} does not exist")
    elif not os.access(path.parent, os.W_OK):
        raise UserError(f"{path}: can't be written: permission denied for the folder {path.parent}")
