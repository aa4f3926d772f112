"""How many Prometheus series one worker can show at most, whatever is published."""

from typing import NamedTuple, get_args

from prometheus_client import CollectorRegistry

from watchkeeper.alerting.names import NAMES
from watchkeeper.alerting.watchkeeper_alerts import OWN_ALERTS
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.metrics.metrics import SECONDS, Metrics
from watchkeeper.streams.topics.topics import TOPICS

__all__ = ["SeriesBound", "series_bound"]

STAGES = 4
INPUTS = 6
"""Topics that stages read, all stages together."""
SOURCES = 3
SEVERITIES = 2
"""An alert is as loud as its check says, or a ticket for an owner who wants it so."""
PROCESS = 12
"""`process_*`, and what Prometheus adds for each target."""
PER_HISTOGRAM = len(SECONDS) + 3


class SeriesBound(NamedTuple):
    """The most that one worker shows."""

    statistics: int
    """Of models: no more than the limit of the settings."""
    own: int
    """Of the worker itself: by partitions, topics and subjects."""

    @property
    def total(self) -> int:
        """Return both together."""
        return self.statistics + self.own


def series_bound(partitions: int, subjects: int, max_series: int) -> SeriesBound:
    """Return the bound for a worker that has all partitions and tells of all subjects.

    Labels are names of ours, numbers of partitions and subjects with a monitor; never a value of an event.

    >>> series_bound(partitions=4, subjects=2, max_series=20_000).total
    20546
    """
    of = _cardinalities(partitions, subjects)
    described = Metrics(CollectorRegistry()).described
    own = sum(of[each.name] for each in described if each.name != STATISTIC)
    return SeriesBound(max_series, own + PROCESS)


STATISTIC = "watchkeeper_statistic"


def _cardinalities(partitions: int, subjects: int) -> dict[str, int]:
    alerts = len(NAMES) + len(OWN_ALERTS)
    of = {
        "events_total": SOURCES * partitions * 4,
        "labels_total": partitions * 5,
        "rejected_total": INPUTS * len(get_args(Reason)),
        "rejected_ratio": SOURCES * partitions,
        "rows_total": INPUTS * partitions,
        "chunk_seconds": STAGES * PER_HISTOGRAM,
        "outputs_total": STAGES * len(TOPICS),
        "last_row_timestamp_seconds": INPUTS * partitions,
        "lag_records": INPUTS * partitions,
        "checkpoint_seconds": STAGES * PER_HISTOGRAM,
        "checkpoint_bytes": STAGES * partitions,
        "checkpoint_last_timestamp_seconds": STAGES * partitions,
        "watermark_timestamp_seconds": len(get_args(Kind)) * partitions,
        "config_ignored_records": 1,
        "statistic_series_dropped_total": 1,
        "alerts_firing": alerts * SEVERITIES * subjects,
        "budget_period_pages": subjects,
        "budget_false_pages": subjects,
        "alerts_total": alerts * 2,
        "retraining_requests_total": subjects,
        "notifications_total": 3,
        "build_info": 1,
    }
    return {f"watchkeeper_{name}": most for name, most in of.items()}
