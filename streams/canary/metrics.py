"""The probe's metrics for Prometheus."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from watchkeeper.streams.canary.round import Result
from watchkeeper.streams.metrics.metrics import PREFIX, Described

__all__ = ["CanaryMetrics"]

_SECONDS = (1, 2, 5, 10, 30, 60, 120, 180, 240, 300, 450, 600, 1200)
"""Bounds of the histogram of detection times, in seconds. Chosen by hand: they are closest between one and
five minutes."""
_OUTCOMES = ("detected", "missed")


class CanaryMetrics:
    """The metrics of one probe.

    Args:
        registry: Where the metrics are registered.
        model: The probe's subject.
    """

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        self.registry = registry
        self.described: list[Described] = []
        self._model = model
        self._rounds = Counter(
            *self._describe(
                "counter", "rounds_total", "Rounds that ended. `outcome` is detected or missed.", "outcome"
            ),
            registry=registry,
        )
        self._missed = Gauge(
            *self._describe("gauge", "missed", "1 from a missed round until a detected one, otherwise 0."),
            registry=registry,
        )
        self._undelivered = Gauge(
            *self._describe(
                "gauge",
                "missed_untold",
                "1 while the last round is missed and no Alertmanager has its alert, otherwise 0.",
            ),
            registry=registry,
        )
        self._last = Gauge(
            *self._describe(
                "gauge",
                "last_detected_timestamp_seconds",
                "When a drift was last detected; 0 before the first.",
            ),
            registry=registry,
        )
        self._seconds = Histogram(
            *self._describe(
                "histogram",
                "detection_seconds",
                "Seconds from the start of a drift until its alert was seen everywhere.",
            ),
            registry=registry,
            buckets=_SECONDS,
        )
        self._events = Counter(
            *self._describe(
                "counter", "events_total", "Events published. `outcome` is delivered or failed.", "outcome"
            ),
            registry=registry,
        )
        ProcessCollector(registry=registry)
        for outcome in _OUTCOMES:  # exported from the start, so that Prometheus sees the rise from 0 to 1
            self._rounds.labels(model, outcome)
        self._missed.labels(model)
        self._undelivered.labels(model)
        self._last.labels(model)

    def observe_round(self, result: Result, at_ms: int) -> None:
        """Count a round that ended."""
        self._rounds.labels(self._model, result.outcome).inc()
        if result.outcome == "detected":
            self._last.labels(self._model).set(at_ms / 1000)
            self._seconds.labels(self._model).observe(result.detection_seconds)

    def observe_missed(self, missed: bool, undelivered: bool) -> None:
        """Set whether the last round was missed, and whether no Alertmanager has the alert."""
        self._missed.labels(self._model).set(missed)
        self._undelivered.labels(self._model).set(undelivered)

    def observe_event(self, outcome: Literal["delivered", "failed"]) -> None:
        """Count an event by the outcome of its publication."""
        self._events.labels(self._model, outcome).inc()

    def _describe(self, kind: str, name: str, text: str, *labels: str) -> tuple[str, str, tuple[str, ...]]:
        described = Described(f"{PREFIX}canary_{name}", kind, ("model", *labels), text)
        self.described.append(described)
        return described.name, text, described.labels
