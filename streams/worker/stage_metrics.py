"""What partitions say of themselves: ingest once it is saved, notify whenever what it told has changed."""

from collections.abc import Iterable
from typing import Any

import msgspec

from watchkeeper.streams.fold.protocol import Fold
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.notify.stage import NotifyFold
from watchkeeper.streams.page.stage import PageFold


def observe_ingest(metrics: Metrics, number: int, fold: IngestFold) -> None:
    """Bring a partition's metrics to its account: exact over crashes, as it is part of the checkpoint."""
    for topic, account in fold.partition.accounts.items():
        metrics.observe_events(topic, number, msgspec.structs.asdict(account))
        metrics.observe_rejected_share(topic, number, fold.gate.share(topic))
    labels = msgspec.structs.asdict(fold.partition.labels)
    metrics.observe_labels(number, {**labels, "evicted": fold.partition.join.evicted})
    for kind, closed_ms in fold.partition.reached_ms().items():
        metrics.observe_watermark(kind, number, closed_ms)


class Alerting:
    """Keeps what is said of alerts what page and notify have told, also after a restart or a move."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._seen: dict[tuple[str, int], tuple[Fold, int]] = {}

    def observe(self, number: int, fold: Fold) -> None:
        """Look at a partition of any stage; costs nothing while nothing changed."""
        if isinstance(fold, NotifyFold) and self._is_new("notify", number, fold, fold.revision):
            self._metrics.observe_firing(number, fold.firing())
        elif isinstance(fold, PageFold) and self._is_new("page", number, fold, fold.revision):
            self._metrics.observe_pages(number, fold.paging())

    def _is_new(self, stage: str, number: int, fold: Fold, revision: int) -> bool:
        seen = self._seen.get((stage, number))
        self._seen[stage, number] = fold, revision
        return seen is None or seen[0] is not fold or seen[1] != revision


def named(assignment: Iterable[Any]) -> str:
    """Put assigned partitions into words, by topic."""
    by_topic: dict[str, list[int]] = {}
    for tp in sorted(assignment):
        by_topic.setdefault(tp.topic, []).append(tp.partition)
    return ", ".join(f"{topic} {partitions}" for topic, partitions in by_topic.items())
