"""Sets the metrics of a partition of ingest."""

import msgspec

from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.metrics.metrics import Metrics


def observe_ingest(metrics: Metrics, number: int, fold: IngestFold) -> None:
    """Set a partition's metrics from its accounts, which are in the checkpoint and exact after a crash."""
    for topic, account in fold.partition.accounts.items():
        metrics.observe_events(topic, number, msgspec.structs.asdict(account))
        metrics.observe_rejected_share(topic, number, fold.gate.share(topic))
    labels = msgspec.structs.asdict(fold.partition.labels)
    metrics.observe_labels(number, {**labels, "evicted": fold.partition.join.evicted})
    for subject, quotas in fold.partition.exceeded.rows.items():
        for quota, total in quotas.items():
            metrics.observe_exceeded(number, subject, quota, total)
    for kind, closed_ms in fold.partition.reached_ms().items():
        metrics.observe_watermark(kind, number, closed_ms)
