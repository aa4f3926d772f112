"""The maximum number of Prometheus series of one worker. It does not depend on the events."""

from collections.abc import Sequence
from typing import NamedTuple, get_args

from prometheus_client import CollectorRegistry

from watchkeeper.alerting.names import NAMES
from watchkeeper.alerting.watchkeeper_alerts import OWN_ALERTS
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.metrics.factory import SECONDS
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.metrics.outcomes import (
    EVENT_OUTCOMES,
    LABEL_OUTCOMES,
    NOTIFICATION_OUTCOMES,
    QUOTA_NAMES,
)
from watchkeeper.streams.topics.flow import FLOWS, Flow, sources

__all__ = ["SeriesBound", "series_bound"]

SEVERITIES = 2
"""Number of severities of one alert: that of its check, or `ticket` if the owner wants no page."""
PROCESS = 12
"""Number of `process_*` series, and of those that Prometheus adds for each target."""
PER_HISTOGRAM = len(SECONDS) + 3
"""Number of series of a histogram: the buckets, the bucket without an upper bound, the sum and the count."""
STATISTIC = "watchkeeper_statistic"
"""The metric whose number of series a setting limits."""


class SeriesBound(NamedTuple):
    """The maximum number of series of one worker."""

    statistics: int
    """Maximum series of statistics: the limit from the settings."""
    own: int
    """Maximum series of the worker itself: by partitions, topics and subjects."""

    @property
    def total(self) -> int:
        """Return the sum of both."""
        return self.statistics + self.own


def series_bound(
    partitions: int, subjects: int, max_series: int, flows: Sequence[Flow] = FLOWS
) -> SeriesBound:
    """Return the bound for a worker that has all partitions.

    Label values are names in the code, partition numbers, and subjects with a monitor: never values from
    events.

    Args:
        partitions: The number of partitions of each topic.
        subjects: The number of subjects with a monitor.
        max_series: The limit for statistics from the settings.
        flows: The stages that the worker runs.

    >>> series_bound(partitions=4, subjects=2, max_series=20_000).total
    20607
    """
    cardinality = _cardinalities(partitions, subjects, flows)
    described = Metrics(CollectorRegistry()).described
    own = sum(cardinality[each.name] for each in described if each.name != STATISTIC)
    return SeriesBound(max_series, own + PROCESS)


def _cardinalities(partitions: int, subjects: int, flows: Sequence[Flow]) -> dict[str, int]:
    stages, inputs = len(flows), sum(len(flow.reads) for flow in flows)
    alerts = len(NAMES) + len(OWN_ALERTS)
    cardinalities = {
        "events_total": len(sources(flows)) * partitions * len(EVENT_OUTCOMES),
        "labels_total": partitions * len(LABEL_OUTCOMES),
        "quota_exceeded_rows_total": partitions * subjects * len(QUOTA_NAMES),
        "rejected_total": inputs * len(get_args(Reason)),
        "rejected_ratio": len(sources(flows)) * partitions,
        "rows_total": inputs * partitions,
        "chunk_seconds": stages * PER_HISTOGRAM,
        "outputs_total": sum(len(flow.destinations) for flow in flows),
        "last_row_timestamp_seconds": inputs * partitions,
        "lag_records": inputs * partitions,
        "lag_seconds": inputs * partitions,
        "account_difference_records": len(sources(flows)) * partitions,
        "read_coverage_ratio": subjects,
        "window_last_timestamp_seconds": subjects,
        "window_seconds": subjects,
        "joining_seconds": 1,
        "unrestored_partitions": 1,
        "broker_silence_seconds": 1,
        "checkpoint_seconds": stages * PER_HISTOGRAM,
        "checkpoint_bytes": stages * partitions,
        "checkpoint_last_timestamp_seconds": stages * partitions,
        "watermark_timestamp_seconds": len(get_args(Kind)) * partitions,
        "config_ignored_records": 1,
        "statistic_series_dropped_total": 1,
        "alerts_firing": alerts * SEVERITIES * subjects,
        "budget_period_pages": subjects,
        "budget_false_pages": subjects,
        "alerts_total": alerts * 2,
        "retraining_requests_total": subjects,
        "notifications_total": sum(len(flow.sinks) for flow in flows) * len(NOTIFICATION_OUTCOMES),
        "build_info": 1,
    }
    return {f"watchkeeper_{name}": count for name, count in cardinalities.items()}
