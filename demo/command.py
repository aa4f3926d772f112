"""`watchkeeper demo`: run Watchkeeper on a year of real flights."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

Broker = Annotated[
    str | None,
    typer.Option(
        "--broker",
        envvar="WATCHKEEPER_BROKER",
        metavar="HOST:PORT",
        help="Address of a Kafka broker.  [default: a broker in memory]",
    ),
]


def demo(
    broker: Broker = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep everything running at the end, so you can read /metrics.")
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the report to this file, as JSON."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", formats=["%Y-%m-%d"], help="Stop on this day of 2013.  [default: the end of the year]"
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="With --join: start on this day of 2013."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=4, help="Number of worker processes.")] = 1,
    join: Annotated[
        bool,
        typer.Option("--join", help="Publish to the installation that the settings name."),
    ] = False,
) -> None:
    """Watch a model over a year of real flights.

    The demo injects three faults, pages when Watchkeeper detects them, and retrains the model on request. It
    takes two to six minutes. Without --broker, it starts a broker in memory and stops it at the end.

    With --join, it only publishes events. Run `watchkeeper topics create` and start workers first. The demo
    then leaves all topics, monitors and references in place.

    \b
    Examples:
      watchkeeper demo
      watchkeeper demo --keep
      watchkeeper demo --broker localhost:9092 --json report.json
      watchkeeper demo --join --since 2013-06-05 --until 2013-06-20
    """  # noqa: D301
    # These import pandas and scikit-learn, which only the demo needs.
    from watchkeeper.demo.run import run
    from watchkeeper.demo.year import END, START

    first, last = since.date() if since else START, until.date() if until else END
    raise typer.Exit(run(broker, keep, json_file, last, workers, join=join, since=first))
