"""Printing for commands: tables and JSON go to standard output, everything else to standard error."""

from collections.abc import Sequence
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["note", "print_json", "print_table", "progress"]

_LINE_WIDTH = 200
"""Width in characters of a table that goes to a file or program. Chosen by hand: it fits most rows."""


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings. Long cells wrap; nothing is truncated."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_LINE_WIDTH)
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console.print(table)


def print_json(document: Any) -> None:
    """Print a document as JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def note(text: str) -> None:
    """Print a message to standard error."""
    typer.echo(text, err=True)


def progress() -> Progress:
    """Return a progress bar on standard error, hidden if that is not a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)
