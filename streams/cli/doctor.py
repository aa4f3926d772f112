"""`watchkeeper doctor`: check everything that a worker needs, and the work itself."""

import os
import threading
from collections.abc import Iterator

import typer

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.cli.checkups import (
    Checkup,
    check_configuration,
    check_environment,
    check_topics,
    check_work,
    worst_first,
)
from watchkeeper.streams.cli.checkups.logs import check_logs
from watchkeeper.streams.cli.checkups.reading import read_facts
from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.cli.current import read_configuration
from watchkeeper.streams.cli.options import AsJson, Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note, print_json
from watchkeeper.streams.config.state import Configuration
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.kafka.embedded import CLUSTER_ID
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["doctor"]

EXIT_FAILED_CHECK = 1
"""Exit code if a check failed."""
PATIENCE_SECONDS = 5.0
"""Seconds after which the command says that it is still reading. Chosen by hand: people wait that long."""
EMBEDDED = (
    "this is the embedded broker, for trials: it loses everything when it ends, and the clocks of publishers "
    "set the times of its records"
)
"""What the embedded broker does not do."""
_COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(broker: Broker = None, topic_prefix: TopicPrefix = None, as_json: AsJson = False) -> None:
    """Check settings, broker, topics, monitors and references, and whether workers do their work.

    Are workers in the group, do records wait, do stages save, do windows close, do labels come, what was late
    or rejected, which alerts fire? The result of each check is ok, warn or fail, the worst first. The command
    exits with code 1 if a check fails.

    \b
    Examples:
      watchkeeper doctor
      watchkeeper doctor --broker kafka:9092 --json
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    telling = threading.Timer(PATIENCE_SECONDS, note, ["still reading the newest records of each topic …"])
    telling.daemon = True
    telling.start()
    checkups = worst_first([*check_environment(os.environ), *_check(settings)])
    telling.cancel()
    if as_json:
        print_json(checkups)
    else:
        for checkup in checkups:
            typer.echo(f"{typer.style(f'{checkup.level:4}', fg=_COLOURS[checkup.level])}  {checkup.what}")
    if any(checkup.level == "fail" for checkup in checkups):
        raise typer.Exit(EXIT_FAILED_CHECK)


def _check(settings: Settings) -> Iterator[Checkup]:
    try:
        there = reach(settings)
    except UserError as error:
        yield Checkup("fail", str(error))
        return
    brokers = f"brokers: {len(there.brokers)}, {settings.security_protocol}"
    yield Checkup("ok", f"{settings.broker}: Kafka answers, {brokers}")
    if there.cluster_id == CLUSTER_ID:
        yield Checkup("warn", EMBEDDED)
    yield from check_topics(settings, there)
    try:
        monitors = {}
        if all(topic_name(settings, name) in there.topics for name in ("monitors", "references")):
            configuration = read_configuration(settings)
            yield from check_configuration(settings, configuration)
            monitors = _monitors(configuration)
        yield from check_logs(settings, there)
        yield from check_work(read_facts(settings, there), monitors)
    except UserError as error:
        yield Checkup("fail", str(error))


def _monitors(configuration: Configuration) -> dict[str, Monitor]:
    """Return the newest monitor of each subject."""
    watched = {name: configuration.watched(name) for name in configuration.subjects()}
    return {name: each.latest.monitor for name, each in watched.items() if each is not None}
