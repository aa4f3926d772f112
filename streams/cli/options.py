"""Options that several commands share, and the settings built from them."""

from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.streams.settings import Settings, read_settings

__all__ = ["AsJson", "Broker", "MonitorFile", "TopicPrefix", "settings_of"]

Broker = Annotated[
    str | None,
    typer.Option(
        "--broker",
        envvar="WATCHKEEPER_BROKER",
        metavar="HOST:PORT",
        help="Kafka broker; separate several addresses with commas.  [default: localhost:9092]",
    ),
]
TopicPrefix = Annotated[
    str | None,
    typer.Option(
        "--topic-prefix",
        envvar="WATCHKEEPER_TOPIC_PREFIX",
        metavar="TEXT",
        help="Prefix of every topic's name, for a shared cluster.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MonitorFile = Annotated[
    Path | None,
    typer.Option(
        "--monitor",
        metavar="FILE",
        help="Monitor file.  Columns can then have the bare names of its features.",
    ),
]


def settings_of(broker: str | None, topic_prefix: str | None) -> Settings:
    """Return the settings. Options override environment variables. Logins come from the environment only."""
    return read_settings(broker=broker, topic_prefix=topic_prefix)
