"""The metrics of a worker for Prometheus: all of them are defined here.

`python -m watchkeeper.streams.cli.metrics_page` prints `docs/reference/metrics.md`.
"""

import time
from collections import Counter as Multiset
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any, NamedTuple, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.metrics.series import LABELS, Labels, StatisticSeries
from watchkeeper.streams.topics.flow import INGEST, NOTIFY, PAGE

__all__ = ["PREFIX", "SECONDS", "Described", "Metrics"]

PREFIX = "watchkeeper_"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the buckets of histograms."""
Owner = tuple[str, int]  # a stage and the number of a partition
M = TypeVar("M", Counter, Gauge)


class Described(NamedTuple):
    """One metric, as the reference page lists it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


class _Why(msgspec.Struct):
    """The part of a rejection that is counted."""

    topic: str
    reason: str


_decode_why = msgspec.msgpack.Decoder(_Why).decode
_decode_statistics = msgspec.json.Decoder(WindowStatistics).decode


class Metrics:
    """The metrics of one worker. All labels are bounded: by the settings, the monitors or `max_series`."""

    def __init__(
        self,
        registry: CollectorRegistry,
        max_series: int = 20_000,
        clock_seconds: Callable[[], float] = time.time,
    ) -> None:
        self.registry = registry
        self.described: list[Described] = []
        self._clock_seconds = clock_seconds
        self._owned: dict[Owner, dict[tuple[Any, tuple[str, ...]], Any]] = {}
        self._totals: Multiset[tuple[Counter, tuple[str, ...]]] = Multiset()
        self._status: dict[str, tuple[Owner, str]] = {}
        self._alerts: dict[Owner, list[dict[str, str]]] = {}
        self._paging: dict[Owner, Mapping[str, tuple[int, float]]] = {}
        self._define_flow()
        self._define_state()
        self._define_findings(max_series)
        ProcessCollector(registry=registry)
        labels = {"version": _version(), "python": python_version()}
        self._gauge("build_info", "Always 1; the labels say what runs.", *labels).labels(**labels).set(1)

    def _define_flow(self) -> None:
        self._events = self._counter(
            "events_total",
            "Events folded since the first, by what became of them; exact over crashes. "
            "`outcome` is accepted, late, duplicate or rejected.",
            *("topic", "partition", "outcome"),
        )
        self._labels = self._counter(
            "labels_total",
            "Accepted labels since the first, exact over crashes. "
            "`outcome` is matched, corrected, late, orphaned, or evicted (forgotten for lack of room).",
            *("partition", "outcome"),
        )
        self._rejected = self._counter(
            "rejected_total", "Events sent to the topic `rejected`, by reason.", "topic", "reason"
        )
        self._rejected_share = self._gauge(
            "rejected_ratio",
            "Share of the last events that was rejected, as WATCHKEEPER_REJECTED_SHARE_MAX limits it.",
            *("topic", "partition"),
        )
        self._rows = self._counter(
            "rows_total", "Records folded by a stage of this worker.", "stage", "topic", "partition"
        )
        self._chunk = self._histogram("chunk_seconds", "Time to fold one chunk of records.", "stage")
        self._outputs = self._counter("outputs_total", "Records sent on by a stage.", "stage", "topic")
        self._last_row = self._gauge(
            "last_row_timestamp_seconds",
            "When records of an input were last folded; not shown before the first.",
            *("stage", "topic", "partition"),
        )
        self._lag = self._gauge(
            "lag_records",
            "Records of an input that wait to be folded, or for their transaction.",
            *("stage", "topic", "partition"),
        )

    def _define_state(self) -> None:
        self._saving = self._histogram("checkpoint_seconds", "Time to save one checkpoint.", "stage")
        self._size = self._gauge("checkpoint_bytes", "Size of the last checkpoint.", "stage", "partition")
        self._saved = self._gauge(
            "checkpoint_last_timestamp_seconds",
            "When all that was folded was last known to be saved. It stands still when a stage is stuck.",
            *("stage", "partition"),
        )
        self._watermark = self._gauge(
            "watermark_timestamp_seconds", "Event time up to which panes are closed.", "kind", "partition"
        )
        self._ignored = self._gauge(
            "config_ignored_records",
            "Records of `monitors` and `references` that are broken: what was in force before stays.",
        )

    def follow_configuration(self, ignored: Callable[[], int]) -> None:
        """Show how many records of the configuration are broken; asked whenever metrics are read."""
        self._ignored.set_function(ignored)

    def _define_findings(self, max_series: int) -> None:
        self._statistic = self._gauge(
            "statistic", "A statistic of the newest window. docs/reference/statistics.md lists them.", *LABELS
        )
        dropped = self._counter(
            "statistic_series_dropped_total",
            "Statistics not shown because WATCHKEEPER_MAX_SERIES are. They still are in the topic.",
        )
        self._series = StatisticSeries(self._statistic, dropped, max_series)
        self._firing = self._gauge(
            "alerts_firing", "Alerts that fire now.", "alertname", "severity", "subject"
        )
        self._pages = self._gauge(
            "budget_period_pages",
            "Pages that began in the time of the budget, `false_pages.per`, up to the newest window.",
            "subject",
        )
        self._allowed = self._gauge(
            "budget_false_pages",
            "How many of them may be false on average: `false_pages.at_most`.",
            "subject",
        )
        self._changes = self._counter(
            "alerts_total", "Alerts that began to fire or were resolved.", "alertname", "status"
        )
        self._retraining = self._counter("retraining_requests_total", "Requests to retrain.", "model")
        self._notifications = self._counter(
            "notifications_total",
            "Deliveries of alerts. `outcome` is delivered, failed (and tried again) or refused.",
            *("receiver", "outcome"),
        )

    def observe_chunk(self, stage: str, topic: str, partition: int, rows: int, seconds: float) -> None:
        """Count a chunk that was folded."""
        self._of((stage, partition), self._rows, stage, topic, str(partition)).inc(rows)
        if rows:
            last = self._of((stage, partition), self._last_row, stage, topic, str(partition))
            last.set(self._clock_seconds())
        self._chunk.labels(stage).observe(seconds)

    def observe_checkpoint(self, stage: str, partition: int, seconds: float, size_bytes: int) -> None:
        """Note a saved checkpoint."""
        self._saving.labels(stage).observe(seconds)
        self._of((stage, partition), self._size, stage, str(partition)).set(size_bytes)
        self.observe_saved(stage, partition)

    def observe_saved(self, stage: str, partition: int) -> None:
        """Note that nothing is unsaved now."""
        self._of((stage, partition), self._saved, stage, str(partition)).set(self._clock_seconds())

    def observe_lag(self, stage: str, topic: str, partition: int, records: int) -> None:
        """Set how many records of an input wait; from then on its rows are shown, even if there are none."""
        self._of((stage, partition), self._lag, stage, topic, str(partition)).set(records)
        self._of((stage, partition), self._rows, stage, topic, str(partition))

    def observe_watermark(self, kind: str, partition: int, event_time_ms: int) -> None:
        """Set the event time up to which a partition of ingest has closed panes."""
        self._of((INGEST.name, partition), self._watermark, kind, str(partition)).set(event_time_ms / 1000)

    def observe_events(self, topic: str, partition: int, totals: Mapping[str, int]) -> None:
        """Set the account of a topic's partition: events ever folded, by outcome."""
        for outcome, total in totals.items():
            self._raise_to(total, self._events, partition, topic, str(partition), outcome)

    def observe_rejected_share(self, topic: str, partition: int, share: float) -> None:
        """Set the share of the last events of a topic's partition that was rejected."""
        self._of((INGEST.name, partition), self._rejected_share, topic, str(partition)).set(share)

    def observe_labels(self, partition: int, totals: Mapping[str, int]) -> None:
        """Set the account of a partition's labels, by outcome."""
        for outcome, total in totals.items():
            self._raise_to(total, self._labels, partition, str(partition), outcome)

    def observe_outputs(self, stage: str, partition: int, messages: Sequence[Message]) -> None:
        """Count the messages that a stage has delivered, and show what is in them."""
        for message in messages:
            self._outputs.labels(stage, message.topic).inc()
            if message.topic == "statistics":
                self._series.show(_decode_statistics(message.value), (stage, partition))
            elif message.topic == "rejected":
                why = _decode_why(message.value)
                self._rejected.labels(why.topic, why.reason).inc()
            elif message.topic == "alerts" and message.value:
                self._observe_alert(Alert.model_validate_json(message.value), (stage, partition))
            elif message.topic == "retraining":
                self._of((stage, partition), self._retraining, message.key.decode()).inc()

    def observe_notification(self, receiver: str, outcome: str, count: int = 1) -> None:
        """Count deliveries of alerts."""
        self._notifications.labels(receiver, outcome).inc(count)

    def forget(self, stage: str, partition: int) -> None:
        """Remove all that is shown of a stage's partition: another worker has it now."""
        owner = (stage, partition)
        for metric, labels in self._owned.pop(owner, {}):
            metric.remove(*labels)
            self._totals.pop((metric, labels), None)
        self._series.forget(owner)
        self._status = {each: at for each, at in self._status.items() if at[0] != owner}
        if self._paging.pop(owner, None) is not None:
            self._show_pages()
        if self._alerts.pop(owner, None) is not None:
            self._show_firing()

    def observe_firing(self, partition: int, alerts: Sequence[dict[str, str]]) -> None:
        """Set which alerts of a partition of notify fire, by their labels."""
        self._alerts[NOTIFY.name, partition] = list(alerts)
        self._show_firing()

    def _show_firing(self) -> None:
        self._firing.clear()
        for labels in (labels for alerts in self._alerts.values() for labels in alerts):
            subject = labels.get("model") or labels.get("feature_view", "")
            self._firing.labels(labels["alertname"], labels["severity"], subject).inc()

    def observe_pages(self, partition: int, subjects: Mapping[str, tuple[int, float]]) -> None:
        """Set the pages of each subject of a partition within the period of its budget, and the budget."""
        self._paging[PAGE.name, partition] = subjects
        self._show_pages()

    def _show_pages(self) -> None:
        for place, metric in enumerate((self._pages, self._allowed)):
            metric.clear()
            for subject, shown in (item for each in self._paging.values() for item in each.items()):
                metric.labels(subject).set(shown[place])

    def _observe_alert(self, alert: Alert, owner: Owner) -> None:
        _, before = self._status.get(alert.fingerprint, (owner, ""))
        if before != alert.status:
            self._changes.labels(alert.labels["alertname"], alert.status).inc()
        if alert.status == "firing":
            self._status[alert.fingerprint] = (owner, alert.status)
        else:
            self._status.pop(alert.fingerprint, None)

    def _of(self, owner: Owner, metric: M, *labels: str) -> M:
        """Return the series with these labels; `forget` of its owner removes it."""
        owned = self._owned.setdefault(owner, {})
        if (metric, labels) not in owned:
            owned[metric, labels] = metric.labels(*labels)
        series: M = owned[metric, labels]
        return series

    def _raise_to(self, total: int, metric: Counter, partition: int, *labels: str) -> None:
        """Raise a counter to the total of a checkpoint, which continues over restarts and moves."""
        series = self._of((INGEST.name, partition), metric, *labels)
        series.inc(max(0, total - self._totals[metric, labels]))
        self._totals[metric, labels] = max(total, self._totals[metric, labels])

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(*self._describe("counter", name, text, labels), registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(*self._describe("gauge", name, text, labels), registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        described = self._describe("histogram", name, text, labels)
        return Histogram(*described, registry=self.registry, buckets=SECONDS)

    def _describe(self, kind: str, name: str, text: str, labels: Labels) -> tuple[str, str, Labels]:
        self.described.append(Described(PREFIX + name, kind, labels, text))
        return PREFIX + name, text, labels


def _version() -> str:
    try:
        return version("watchkeeper")
    except PackageNotFoundError:  # run from its source without being installed
        return "unknown"
