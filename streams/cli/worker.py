"""`watchkeeper worker`: run one worker process."""

from typing import Annotated, Literal

import typer

from watchkeeper.streams.cli.connection import reach, see_rights
from watchkeeper.streams.cli.options import Broker, TopicPrefix
from watchkeeper.streams.settings import read_settings

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


Alertmanagers = Annotated[
    list[str] | None,
    typer.Option(
        "--alertmanager",
        metavar="URL",
        help="An Alertmanager to send to, once for each of a cluster.  [default: pages are printed]",
    ),
]
WebPort = Annotated[
    int | None,
    typer.Option(
        "--web-port", metavar="PORT", help="Where /metrics is served; 0 is any port.  [default: 6066]"
    ),
]
JsonPages = Annotated[bool, typer.Option("--json-pages", help="Print pages as JSON, a line for each.")]


def worker(
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
    alertmanager: Alertmanagers = None,
    web_port: WebPort = None,
    json_pages: JsonPages = False,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="What is logged.")] = "INFO",
) -> None:
    """Fold events into statistics, judge them, and page. Run one for each core; they share the work.

    Needs a Kafka: a worker never starts one by itself. To try everything on a machine without Kafka, run
    `watchkeeper demo --keep`.

    \b
    Examples:
      watchkeeper worker --broker kafka:9092
      watchkeeper worker --alertmanager http://am-1:9093 --alertmanager http://am-2:9093 --web-port 0
    """  # noqa: D301 - \b keeps the lines of the examples apart
    settings = read_settings(
        broker=broker,
        topic_prefix=topic_prefix,
        alertmanagers=tuple(alertmanager) if alertmanager else None,
        web_port=web_port,
    )
    reach(settings)
    see_rights(settings, "worker")
    from watchkeeper.streams.worker.run import run  # Faust takes a second to import, and only workers need it

    raise typer.Exit(run(settings, json_pages=json_pages, log_level=log_level))
