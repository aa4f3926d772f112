"""Creates Prometheus metrics, and keeps their descriptions for the reference page."""

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["PREFIX", "SECONDS", "Described", "MetricFactory"]

PREFIX = "watchkeeper_"
"""The prefix of all metric names."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the histogram buckets, in seconds. Chosen by hand: resolution against number of series."""


class Described(NamedTuple):
    """One metric, as the reference page lists it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


class MetricFactory:
    """Creates the metrics of a subclass.

    Args:
        registry: The Prometheus registry to which the metrics are added.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.described: list[Described] = []
        """All metrics, in the order of the reference page."""

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(*self._describe("counter", name, text, labels), registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(*self._describe("gauge", name, text, labels), registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        described = self._describe("histogram", name, text, labels)
        return Histogram(*described, registry=self.registry, buckets=SECONDS)

    def _describe(
        self, kind: str, name: str, text: str, labels: tuple[str, ...]
    ) -> tuple[str, str, tuple[str, ...]]:
        self.described.append(Described(PREFIX + name, kind, labels, text))
        return PREFIX + name, text, labels
