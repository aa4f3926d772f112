"""`watchkeeper worker`: run one worker process."""

from typing import Annotated, Literal

import typer

from watchkeeper.streams.cli.connection import check_rights, reach
from watchkeeper.streams.cli.options import Broker, TopicPrefix
from watchkeeper.streams.settings import read_settings

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


Alertmanagers = Annotated[
    list[str] | None,
    typer.Option(
        "--alertmanager",
        metavar="URL",
        help="Alertmanager to notify.  Repeat it for each member of a cluster.  [default: print pages]",
    ),
]
WebPort = Annotated[
    int | None,
    typer.Option(
        "--web-port", metavar="PORT", help="Port of /metrics; 0 chooses a free port.  [default: 6066]"
    ),
]
JsonPages = Annotated[bool, typer.Option("--json-pages", help="Print pages as JSON, one line each.")]


def worker(
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
    alertmanager: Alertmanagers = None,
    web_port: WebPort = None,
    json_pages: JsonPages = False,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="Lowest level to log.")] = "INFO",
) -> None:
    """Run a worker that turns events into alerts.

    A worker computes statistics of events, detects problems, and sends alerts. Run one worker for each core;
    they share the work. A worker requires a Kafka broker. To try Watchkeeper without Kafka, run
    `watchkeeper demo --keep` or `watchkeeper broker`.

    \b
    Examples:
      watchkeeper worker --broker kafka:9092
      watchkeeper worker --alertmanager http://am-1:9093 --alertmanager http://am-2:9093 --web-port 0
    """  # noqa: D301 - \b keeps the line breaks of the examples
    settings = read_settings(
        broker=broker,
        topic_prefix=topic_prefix,
        alertmanagers=tuple(alertmanager) if alertmanager else None,
        web_port=web_port,
    )
    reach(settings)
    check_rights(settings, "worker")
    from watchkeeper.streams.worker.run import run  # importing Faust takes a second

    raise typer.Exit(run(settings, json_pages=json_pages, log_level=log_level))
