"""What a partition of ingest says of itself once it is saved."""

from collections.abc import Iterable
from typing import Any

import msgspec

from streams.ingest.stage import IngestFold
from streams.metrics import Metrics


def observe_ingest(metrics: Metrics, number: int, fold: IngestFold) -> None:
    """Bring a partition's metrics to its account: exact over crashes, as it is part of the checkpoint."""
    for topic, account in fold.partition.accounts.items():
        metrics.observe_events(topic, number, msgspec.structs.asdict(account))
        metrics.observe_rejected_share(topic, number, fold.gate.share(topic))
    labels = msgspec.structs.asdict(fold.partition.labels)
    metrics.observe_labels(number, {**labels, "evicted": fold.partition.join.evicted})
    for kind, closed_ms in fold.partition.reached_ms().items():
        metrics.observe_watermark(kind, number, closed_ms)


def named(assignment: Iterable[Any]) -> str:
    """Put assigned partitions into words, by topic."""
    by_topic: dict[str, list[int]] = {}
    for tp in sorted(assignment):
        by_topic.setdefault(tp.topic, []).append(tp.partition)
    return ", ".join(f"{topic} {partitions}" for topic, partitions in by_topic.items())
