"""Options that several commands take, and the settings that they make."""

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
        help="Where Kafka is; several addresses separated by commas.  [default: localhost:9092]",
    ),
]
TopicPrefix = Annotated[
    str | None,
    typer.Option(
        "--topic-prefix",
        envvar="WATCHKEEPER_TOPIC_PREFIX",
        metavar="TEXT",
        help="Put before every topic's name, on a cluster that is shared.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
MonitorFile = Annotated[
    Path | None,
    typer.Option("--monitor", metavar="FILE", help="The monitor file: its features are known by bare names."),
]


def settings_of(broker: str | None, topic_prefix: str | None) -> Settings:
    """Return the settings: options first, then the environment. A login is in the environment only."""
    return read_settings(broker=broker, topic_prefix=topic_prefix)
