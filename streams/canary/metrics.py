"""What a canary says of itself, for Prometheus."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from watchkeeper.streams.canary.round import Result
from watchkeeper.streams.metrics.metrics import PREFIX, Described

__all__ = ["CanaryMetrics"]

_SECONDS = (1, 2, 5, 10, 30, 60, 120, 180, 240, 300, 450, 600, 1200)
_OUTCOMES = ("detected", "missed")


class CanaryMetrics:
    """The metrics of one canary."""

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
            *self._describe(
                "gauge", "missed", "1 from a round that was missed until one that is detected, else 0."
            ),
            registry=registry,
        )
        self._untold = Gauge(
            *self._describe(
                "gauge", "missed_untold", "1 while it is missed and no Alertmanager knows, else 0."
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
                "From the beginning of a drift until it was seen everywhere.",
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
        for outcome in _OUTCOMES:  # shown from the start: Prometheus must see 0 become 1
            self._rounds.labels(model, outcome)
        self._missed.labels(model)
        self._untold.labels(model)
        self._last.labels(model)

    def observe_round(self, result: Result, at_ms: int) -> None:
        """Count a round that ended."""
        self._rounds.labels(self._model, result.outcome).inc()
        if result.outcome == "detected":
            self._last.labels(self._model).set(at_ms / 1000)
            self._seconds.labels(self._model).observe(result.detection_seconds)

    def observe_missed(self, missed: bool, untold: bool) -> None:
        """Say whether the last round was missed, and whether no Alertmanager knows that."""
        self._missed.labels(self._model).set(missed)
        self._untold.labels(self._model).set(untold)

    def observe_event(self, outcome: Literal["delivered", "failed"]) -> None:
        """Count an event."""
        self._events.labels(self._model, outcome).inc()

    def _describe(self, kind: str, name: str, text: str, *labels: str) -> tuple[str, str, tuple[str, ...]]:
        described = Described(f"{PREFIX}canary_{name}", kind, ("model", *labels), text)
        self.described.append(described)
        return described.name, text, described.labels
