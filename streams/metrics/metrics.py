"""All metrics of a worker for Prometheus.

`python -m watchkeeper.streams.cli.metrics_page` prints `docs/reference/metrics.md`.
"""

import time
from collections import Counter as Multiset
from collections.abc import Callable, Mapping, Sequence
from platform import python_version
from typing import Any, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from watchkeeper import __version__
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.schemas.subjects import split
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.metrics.factory import PREFIX, SECONDS, Described
from watchkeeper.streams.metrics.lag_ages import LagAges
from watchkeeper.streams.metrics.series import LABELS, StatisticSeries
from watchkeeper.streams.metrics.subjects import SubjectMetrics
from watchkeeper.streams.topics.flow import EVALUATE, INGEST

__all__ = ["PREFIX", "SECONDS", "Described", "Metrics"]

Owner = tuple[str, int]
"""A stage and a partition number. Its series are removed when the partition moves."""
M = TypeVar("M", Counter, Gauge)


class _Reason(msgspec.Struct):
    """The part of a rejection that is counted."""

    topic: str
    reason: str


_decode_reason = msgspec.msgpack.Decoder(_Reason).decode
_decode_statistics = msgspec.json.Decoder(WindowStatistics).decode


class Metrics(SubjectMetrics):
    """The metrics of one worker. The settings, the monitors or `max_series` bound the number of series.

    Args:
        registry: The Prometheus registry to which the metrics are added.
        max_series: Maximum number of `watchkeeper_statistic` series.
        clock_seconds: Returns the current time, in seconds since 1970.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        max_series: int = 20_000,
        clock_seconds: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(registry)
        self._clock_seconds = clock_seconds
        self._ages = LagAges()
        self._owned: dict[Owner, dict[tuple[Any, tuple[str, ...]], Any]] = {}
        self._totals: Multiset[tuple[Counter, tuple[str, ...]]] = Multiset()
        self._status: dict[str, tuple[Owner, str]] = {}
        self._define_flow()
        self._define_state()
        self._define_worker()
        self._define_subjects()
        self._define_findings(max_series)
        ProcessCollector(registry=registry)
        build = self._gauge("build_info", "Always 1. The labels show the versions.", "version", "python")
        build.labels(__version__, python_version()).set(1)

    def _define_flow(self) -> None:
        self._events = self._counter(
            "events_total",
            "Events folded since the first, by outcome. The count is exact across crashes. "
            "`outcome` is accepted, late, duplicate, rejected or other_environment (no monitor is for it).",
            *("topic", "partition", "outcome"),
        )
        self._labels = self._counter(
            "labels_total",
            "Accepted labels since the first, by outcome. The count is exact across crashes. "
            "`outcome` is matched, corrected, late, orphaned or evicted (dropped for lack of room).",
            *("partition", "outcome"),
        )
        self._exceeded = self._counter(
            "quota_exceeded_rows_total",
            "Rows of a subject beyond one of its quotas since the first. `quota` is versions or segments "
            "(counted as `other`), or waiting (predictions that were forgotten before their labels came).",
            *("partition", "subject", "quota"),
        )
        self._rejected = self._counter(
            "rejected_total", "Events sent to the topic `rejected`, by reason.", "topic", "reason"
        )
        self._rejected_share = self._gauge(
            "rejected_ratio",
            "Share of the latest events that was rejected, without replays and events without a monitor.",
            *("topic", "partition"),
        )
        self._difference = self._gauge(
            "account_difference_records",
            "Folded records without an outcome in `events_total`, since the worker took the partition. "
            "Another value than 0 is a fault of Watchkeeper.",
            *("topic", "partition"),
        )
        self._rows = self._counter(
            "rows_total", "Records folded by a stage of this worker.", "stage", "topic", "partition"
        )
        self._chunk = self._histogram("chunk_seconds", "Time to fold one chunk of records.", "stage")
        self._outputs = self._counter("outputs_total", "Records that a stage has sent.", "stage", "topic")
        self._last_row = self._gauge(
            "last_row_timestamp_seconds",
            "Time at which records of an input were last folded. Absent before the first record.",
            *("stage", "topic", "partition"),
        )
        self._lag = self._gauge(
            "lag_records",
            "Records of an input that are not folded yet, including those of open transactions.",
            *("stage", "topic", "partition"),
        )
        self._lag_age = self._gauge(
            "lag_seconds",
            "Most seconds that the first record of an input has waited to be folded; 0 without lag.",
            *("stage", "topic", "partition"),
        )

    def _define_state(self) -> None:
        self._saving = self._histogram("checkpoint_seconds", "Time to save one checkpoint.", "stage")
        self._size = self._gauge("checkpoint_bytes", "Size of the last checkpoint.", "stage", "partition")
        self._saved = self._gauge(
            "checkpoint_last_timestamp_seconds",
            "Time at which all folded records were last known to be saved. It stops when a stage is stuck.",
            *("stage", "partition"),
        )
        self._watermark = self._gauge(
            "watermark_timestamp_seconds", "Event time up to which panes are closed.", "kind", "partition"
        )

    def follow_configuration(
        self, ignored: Callable[[], int], is_watched: Callable[[str], bool] = lambda _: True
    ) -> None:
        """Show the number of broken configuration records, and no statistics of removed monitors.

        Args:
            ignored: Returns the number. It is called whenever the metrics are read.
            is_watched: Returns whether a subject has a monitor.
        """
        self._ignored.set_function(ignored)
        self._series.is_watched = is_watched

    def _define_findings(self, max_series: int) -> None:
        self._statistic = self._gauge(
            "statistic",
            "A statistic of the newest window. docs/reference/statistics.md lists all statistics.",
            *LABELS,
        )
        dropped = self._counter(
            "statistic_series_dropped_total",
            "Statistics not shown because of WATCHKEEPER_MAX_SERIES. The topic has all of them.",
        )
        self._series = StatisticSeries(self._statistic, dropped, max_series)
        self._changes = self._counter(
            "alerts_total", "Alerts that started to fire or were resolved.", "alertname", "status"
        )
        self._retraining = self._counter(
            "retraining_requests_total", "Requests to retrain a model.", "model", "environment"
        )
        self._notifications = self._counter(
            "notifications_total",
            "Deliveries of alerts. `outcome` is delivered, failed (retried) or refused.",
            *("receiver", "outcome"),
        )

    def observe_chunk(
        self, stage: str, topic: str, partition: int, rows: int, seconds: float, appended_ms: int = 0
    ) -> None:
        """Count a folded chunk.

        Args:
            stage: The stage that folded it.
            topic: The topic of the chunk, without the prefix.
            partition: The partition of the chunk.
            rows: The number of records that were new.
            seconds: The time that folding took.
            appended_ms: When the last of them was appended.
        """
        self._owned_series((stage, partition), self._rows, stage, topic, str(partition)).inc(rows)
        self._ages.note(topic, partition, appended_ms / 1000)
        if rows:
            last = self._owned_series((stage, partition), self._last_row, stage, topic, str(partition))
            last.set(self._clock_seconds())
        self._chunk.labels(stage).observe(seconds)

    def observe_checkpoint(self, stage: str, partition: int, seconds: float, size_bytes: int) -> None:
        """Record a saved checkpoint."""
        self._saving.labels(stage).observe(seconds)
        self._owned_series((stage, partition), self._size, stage, str(partition)).set(size_bytes)
        self.observe_saved(stage, partition)

    def observe_saved(self, stage: str, partition: int) -> None:
        """Record that all folded records are saved now."""
        self._owned_series((stage, partition), self._saved, stage, str(partition)).set(self._clock_seconds())

    def observe_lag(self, stage: str, topic: str, partition: int, records: int) -> None:
        """Set the number and age of waiting records of an input, and show its row counter even at 0."""
        age_seconds = self._ages.seconds(topic, partition, records, self._clock_seconds())
        self._owned_series((stage, partition), self._lag, stage, topic, str(partition)).set(records)
        self._owned_series((stage, partition), self._lag_age, stage, topic, str(partition)).set(age_seconds)
        self._owned_series((stage, partition), self._rows, stage, topic, str(partition))

    def observe_watermark(self, kind: str, partition: int, event_time_ms: int) -> None:
        """Set the event time up to which a partition of ingest has closed panes."""
        series = self._owned_series((INGEST.name, partition), self._watermark, kind, str(partition))
        series.set(event_time_ms / 1000)

    def observe_events(self, topic: str, partition: int, totals: Mapping[str, int]) -> None:
        """Set the account of a topic's partition: all events since the first, by outcome."""
        for outcome, total in totals.items():
            self._raise_to(total, self._events, partition, topic, str(partition), outcome)

    def observe_rejected_share(self, topic: str, partition: int, share: float) -> None:
        """Set the share of the latest events of a topic's partition that was rejected."""
        self._owned_series((INGEST.name, partition), self._rejected_share, topic, str(partition)).set(share)

    def observe_account_difference(self, topic: str, partition: int, records: int) -> None:
        """Set the number of folded records of a topic's partition without an outcome. It must be 0."""
        self._owned_series((INGEST.name, partition), self._difference, topic, str(partition)).set(records)

    def observe_exceeded(self, partition: int, subject: str, quota: str, total: int) -> None:
        """Set how many rows of a subject went beyond one of its quotas."""
        self._raise_to(total, self._exceeded, partition, str(partition), subject, quota)

    def observe_labels(self, partition: int, totals: Mapping[str, int]) -> None:
        """Set the account of a partition's labels: all labels since the first, by outcome."""
        for outcome, total in totals.items():
            self._raise_to(total, self._labels, partition, str(partition), outcome)

    def observe_outputs(self, stage: str, partition: int, messages: Sequence[Message]) -> None:
        """Count the messages that a stage has delivered, and update the metrics that show their content."""
        for message in messages:
            self._outputs.labels(stage, message.topic).inc()
            if message.topic == "statistics":
                window = _decode_statistics(message.value)
                self._series.show(window, (stage, partition))
                self.observe_window(partition, window, self._clock_seconds())
            elif message.topic == "rejected":
                rejection = _decode_reason(message.value)
                self._rejected.labels(rejection.topic, rejection.reason).inc()
            elif message.topic == "alerts" and message.value:
                self._observe_alert(Alert.model_validate_json(message.value), (stage, partition))
            elif message.topic == "retraining":
                self._owned_series((stage, partition), self._retraining, *split(message.key.decode())).inc()

    def observe_notification(self, receiver: str, outcome: str, count: int = 1) -> None:
        """Count deliveries of alerts to a receiver."""
        self._notifications.labels(receiver, outcome).inc(count)

    def drop_unwatched(self) -> None:
        """Remove the statistics of subjects whose monitors were removed."""
        self._series.drop_unwatched()

    def forget(self, stage: str, partition: int) -> None:
        """Remove all series of a stage's partition, because it moves to another worker."""
        owner = (stage, partition)
        for metric, labels in self._owned.pop(owner, {}):
            metric.remove(*labels)
            self._totals.pop((metric, labels), None)
        self._series.forget(owner)
        self._ages.forget(partition)
        self._status = {each: at for each, at in self._status.items() if at[0] != owner}
        if stage == EVALUATE.name:
            self.forget_subjects(partition)
        self._subjects.forget(owner)

    def _observe_alert(self, alert: Alert, owner: Owner) -> None:
        if self._status.get(alert.fingerprint, (owner, ""))[1] != alert.status:
            self._changes.labels(alert.labels["alertname"], alert.status).inc()
        if alert.status == "firing":
            self._status[alert.fingerprint] = (owner, alert.status)
        else:
            self._status.pop(alert.fingerprint, None)

    def _owned_series(self, owner: Owner, metric: M, *labels: str) -> M:
        """Return the series with these labels. `forget` removes it with its owner."""
        owned = self._owned.setdefault(owner, {})
        if (metric, labels) not in owned:
            owned[metric, labels] = metric.labels(*labels)
        series: M = owned[metric, labels]
        return series

    def _raise_to(self, total: int, metric: Counter, partition: int, *labels: str) -> None:
        """Increase a counter to a total from a checkpoint, which survives restarts and moves."""
        series = self._owned_series((INGEST.name, partition), metric, *labels)
        series.inc(max(0, total - self._totals[metric, labels]))
        self._totals[metric, labels] = max(total, self._totals[metric, labels])
