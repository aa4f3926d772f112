"""`watchkeeper doctor`: check everything that a worker needs."""

import os

import typer

from watchkeeper.streams.cli.checkups import Checkup, check_configuration, check_environment, check_topics
from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.cli.log_checkups import check_logs
from watchkeeper.streams.cli.options import AsJson, Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import print_json
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.settings import Settings

__all__ = ["doctor"]

EXIT_FAILED_CHECK = 1
"""Exit code if a check failed."""
_COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(broker: Broker = None, topic_prefix: TopicPrefix = None, as_json: AsJson = False) -> None:
    """Check settings, broker, topics, monitors and references.

    The result of each check is ok, warn or fail. The command exits with code 1 if a check fails.

    \b
    Examples:
      watchkeeper doctor
      watchkeeper doctor --broker kafka:9092 --json
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    checkups = [*check_environment(os.environ), *_check(settings)]
    if as_json:
        print_json(checkups)
    else:
        for checkup in checkups:
            typer.echo(f"{typer.style(f'{checkup.level:4}', fg=_COLOURS[checkup.level])}  {checkup.what}")
    if any(checkup.level == "fail" for checkup in checkups):
        raise typer.Exit(EXIT_FAILED_CHECK)


def _check(settings: Settings) -> list[Checkup]:
    try:
        there = reach(settings)
    except UserError as error:
        return [Checkup("fail", str(error))]
    protocol = settings.security_protocol
    reached = Checkup("ok", f"{settings.broker}: Kafka answers, brokers: {len(there.brokers)}, {protocol}")
    checkups = [reached, *check_topics(settings, there)]
    try:
        checkups += check_configuration(settings, there)
        checkups += check_logs(settings, there)
    except UserError as error:
        checkups.append(Checkup("fail", str(error)))
    return checkups
