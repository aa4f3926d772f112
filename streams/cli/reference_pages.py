"""Writes the generated reference pages: `python -m watchkeeper.streams.cli.reference_pages`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.cli.app import app
from watchkeeper.streams.cli.output import note
from watchkeeper.streams.settings import PREFIX, Settings

__all__ = ["PAGES", "ROOT"]

ROOT = Path(__file__).resolve().parents[2]
_HELP_WIDTH = 100
"""Width of the help on the page, in characters. Chosen by hand: wider lines scroll on the site."""


def command_line() -> str:
    """Return the page with the help of every command."""
    root = typer.main.get_command(app)
    context: Any = root.context_class(
        root, info_name="watchkeeper", terminal_width=_HELP_WIDTH, **root.context_settings
    )
    parts = [f"## {title}\n\n```text\n{text}\n```\n" for title, text in _helps(root, context)]
    return (
        "# Command line\n\nThis page is generated from `--help`. See also the [settings](settings.md).\n\n"
        + "\n".join(parts)
    )


def _helps(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    yield context.command_path, command.get_help(context)
    for name, sub in getattr(command, "commands", {}).items():
        yield from _helps(sub, sub.context_class(sub, info_name=name, parent=context))


def settings() -> str:
    """Return the page with every setting, its variable and its default."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(field.get_default())} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    head = [
        "# Settings",
        "",
        "Each setting is an environment variable. An option of a command overrides it.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _default(value: Any) -> str:
    return "" if value is None or value in ("", ()) else f"`{value}`"


def monitor_schema() -> str:
    """Return the JSON Schema of a monitor file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Monitor.model_json_schema(),
        "title": "Watchkeeper monitor",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/cli.md": command_line,
    "docs/reference/settings.md": settings,
    "docs/reference/monitor.schema.json": monitor_schema,
}


def main() -> None:
    """Write all pages."""
    for page, write in PAGES.items():
        (ROOT / page).write_text(write(), encoding="utf-8")
        note(f"written: {page}")


if __name__ == "__main__":
    main()
