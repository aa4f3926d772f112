"""A Quix Streams program with River. It computes the statistics of the plain Faust agent, event by event."""

import sys
import tempfile
import uuid
from typing import Any

import quixstreams

from benchmarks.by_event import StatisticsByEvent
from benchmarks.span import Span


def main(broker: str, topic_prefix: str, events: int) -> None:
    app = quixstreams.Application(
        state_dir=tempfile.mkdtemp(prefix="watchkeeper-bench-"),
        broker_address=broker,
        consumer_group=f"bench-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        consumer_extra_config={"session.timeout.ms": 6000},
        loglevel="WARNING",
    )
    statistics, span = StatisticsByEvent(), Span(events)

    def fold(event: dict[str, Any]) -> None:
        if not statistics.events:
            span.begin()
        statistics.update(event)
        if statistics.events == events:
            span.end()

    app.dataframe(app.topic(topic_prefix + "predictions", value_deserializer="json")).update(fold)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
