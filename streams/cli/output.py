"""What commands print: tables and JSON on standard output, everything else on standard error."""

from collections.abc import Sequence
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["note", "print_json", "print_table", "progress"]

_WIDE = 200
"""Columns of a table that goes to a file or a program, where no line is too long."""


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings; nothing is cut off."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
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
    """Say something that is no result."""
    typer.echo(text, err=True)


def progress() -> Progress:
    """Make a bar on standard error, which is not shown where that is no terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)
