"""The program `watchkeeper`: its commands, and its exit after a user error."""

from importlib.metadata import entry_points
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from watchkeeper import __version__
from watchkeeper.streams.cli import (
    accept,
    apply,
    broker,
    calibrate,
    canary,
    doctor,
    publish,
    reference,
    rejected,
    topics,
    worker,
)
from watchkeeper.streams.cli.output import note
from watchkeeper.streams.errors import UserError

__all__ = ["app", "main"]

EXIT_USER_ERROR = 2
"""Exit code of an error that the user can fix: wrong usage, files or settings, or no broker."""


class Commands(TyperGroup):
    """Commands that report a user error in one sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command. An error that the user can fix ends it with code 2."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            note(str(error))
            raise typer.Exit(EXIT_USER_ERROR) from None


app = typer.Typer(
    name="watchkeeper",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def watchkeeper(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Monitor machine learning models in production.

    Settings without an option are environment variables: see docs/reference/settings.md.
    """


COMMANDS = (
    worker.worker, apply.apply, accept.accept, publish.publish, doctor.doctor, canary.canary,
    calibrate.calibrate, broker.broker,
)  # fmt: skip
for plugin in entry_points(group="watchkeeper.commands"):
    app.command()(plugin.load())
for command in COMMANDS:
    app.command()(command)
app.add_typer(reference.app)
app.add_typer(topics.app)
app.add_typer(rejected.app)


def main() -> None:
    """Run the program."""
    app(prog_name="watchkeeper")
