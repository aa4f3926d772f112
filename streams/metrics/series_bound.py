"""How many Prometheus series one worker can show at most, whatever is published."""

from collections.abc import Sequence
from typing import NamedTuple, get_args

from prometheus_client import CollectorRegistry

from watchkeeper.alerting.names import NAMES
from watchkeeper.alerting.watchkeeper_alerts import OWN_ALERTS
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.metrics.metrics import SECONDS, Metrics
from watchkeeper.streams.metrics.outcomes import EVENT_OUTCOMES, LABEL_OUTCOMES, NOTIFICATION_OUTCOMES
from watchkeeper.streams.topics.flow import FLOWS, Flow, sources

__all__ = ["SeriesBound", "series_bound"]

SEVERITIES = 2
"""Severities of one alert: the one of its check, or `ticket` for an owner who wants no page."""
PROCESS = 12
"""Series of a process, `process_*`, and those that Prometheus adds for each target."""
PER_HISTOGRAM = len(SECONDS) + 3
"""Series of one histogram: its buckets, the bucket without an upper bound, the sum and the count."""
STATISTIC = "watchkeeper_statistic"


class SeriesBound(NamedTuple):
    """The largest number of series that one worker shows."""

    statistics: int
    """Series of models: the limit from the settings."""
    own: int
    """Series of the worker itself, by partitions, topics and subjects."""

    @property
    def total(self) -> int:
        """Return the sum of both."""
        return self.statistics + self.own


def series_bound(
    partitions: int, subjects: int, max_series: int, flows: Sequence[Flow] = FLOWS
) -> SeriesBound:
    """Return the bound for a worker with all partitions of all subjects.

    Values of labels are names in the code, numbers of partitions, and subjects with a monitor; never a value
    of an event. `flows` are the stages that the worker runs.

    >>> series_bound(partitions=4, subjects=2, max_series=20_000).total
    20508
    """
    of = _cardinalities(partitions, subjects, flows)
    described = Metrics(CollectorRegistry()).described
    own = sum(of[each.name] for each in described if each.name != STATISTIC)
    return SeriesBound(max_series, own + PROCESS)


def _cardinalities(partitions: int, subjects: int, flows: Sequence[Flow]) -> dict[str, int]:
    stages, inputs = len(flows), sum(len(flow.reads) for flow in flows)
    alerts = len(NAMES) + len(OWN_ALERTS)
    of = {
        "events_total": len(sources(flows)) * partitions * len(EVENT_OUTCOMES),
        "labels_total": partitions * len(LABEL_OUTCOMES),
        "rejected_total": inputs * len(get_args(Reason)),
        "rejected_ratio": len(sources(flows)) * partitions,
        "rows_total": inputs * partitions,
        "chunk_seconds": stages * PER_HISTOGRAM,
        "outputs_total": sum(len(flow.destinations) for flow in flows),
        "last_row_timestamp_seconds": inputs * partitions,
        "lag_records": inputs * partitions,
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
    return {f"watchkeeper_{name}": most for name, most in of.items()}
