"""A plain Faust agent with River, as their documentation shows it: JSON values, one event at a time."""

import sys
import tempfile
import uuid

import faust

from benchmarks.by_event import StatisticsByEvent
from benchmarks.span import Span


def main(broker: str, topic_prefix: str, events: int) -> None:
    app = faust.App(
        f"bench-{uuid.uuid4()}",
        broker=f"kafka://{broker}",
        value_serializer="json",
        broker_session_timeout=6,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=tempfile.mkdtemp(prefix="watchkeeper-bench-"),
    )
    statistics, span = StatisticsByEvent(), Span(events)

    @app.agent(app.topic(topic_prefix + "predictions"))  # type: ignore[untyped-decorator]
    async def fold(stream: faust.StreamT) -> None:
        async for event in stream:
            if not statistics.events:
                span.begin()
            statistics.update(event)
            if statistics.events == events:
                span.end()

    faust.Worker(app, loglevel="WARN").execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
