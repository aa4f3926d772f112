"""The spans of event time in which a subject's data was broken. Their rows must not be trained on.

Labels are read later than predictions, by an amount that depends on chance. So the history keeps, for each
fault, the window of predictions that made it known. A window of labels reads the faults as of its own end.
"""

from typing import NamedTuple

from msgspec import Struct

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor

FAULTS_MAX = 200
"""Most faults that are remembered for one subject. Chosen by hand: it bounds the checkpoint's size."""


class DataFault(NamedTuple):
    """One data-quality fault that fired."""

    alertname: str
    """The name of its alert."""
    feature: str | None
    """The feature; None for the subject itself, or for several features."""
    started_ms: int
    """Event time at which it began, in ms since 1970."""
    ended_ms: int | None = None
    """Event time at which it ended, in ms since 1970; None while it is active."""


class KnownTimes(NamedTuple):
    """When a fault and its end became known: the ends of windows, in ms since 1970. 0 means always."""

    began_at_ms: int = 0
    """The end of the window that made the fault known."""
    ended_at_ms: int = 0
    """The end of the window that made the end of the fault known."""


class FaultHistory(Struct):
    """The faults of one subject, the oldest first. Beyond `FAULTS_MAX` the oldest is forgotten."""

    past: list[DataFault] = []
    """The faults."""
    noted: list[KnownTimes] = []
    """When each of them became known; as long as `past`."""

    def __post_init__(self) -> None:
        if len(self.noted) != len(self.past):  # saved by a version that did not keep it
            self.noted = [KnownTimes()] * len(self.past)

    def begin(self, alertname: str, feature: str | None, started_ms: int, at_ms: int) -> None:
        """Remember a fault that fired.

        Args:
            alertname: The name of its alert.
            feature: The feature, or None.
            started_ms: Event time at which it began, in ms since 1970.
            at_ms: The end of the window that made it known, in ms since 1970.
        """
        self.past = [*self.past, DataFault(alertname, feature, started_ms)][-FAULTS_MAX:]
        self.noted = [*self.noted, KnownTimes(at_ms)][-FAULTS_MAX:]

    def end(self, alertname: str, feature: str | None, ended_ms: int, at_ms: int) -> None:
        """Remember that a fault is over.

        Args:
            alertname: The name of its alert.
            feature: The feature, or None.
            ended_ms: Event time at which it ended, in ms since 1970.
            at_ms: The end of the window that made the end known, in ms since 1970.
        """
        for i, fault in enumerate(self.past):
            if fault[:2] == (alertname, feature) and fault.ended_ms is None:
                self.past[i] = fault._replace(ended_ms=ended_ms)
                self.noted[i] = self.noted[i]._replace(ended_at_ms=at_ms)

    def as_of(self, at_ms: int) -> "FaultHistory":
        """Return what was known at a time, however far windows have come since.

        Args:
            at_ms: Event time, in ms since 1970.

        >>> faults = FaultHistory()
        >>> faults.begin("FeatureStuck", "x", started_ms=10, at_ms=20)
        >>> faults.end("FeatureStuck", "x", ended_ms=30, at_ms=50)
        >>> [faults.as_of(at_ms).past for at_ms in (19, 49)]
        [[], [DataFault(alertname='FeatureStuck', feature='x', started_ms=10, ended_ms=None)]]
        """
        known = [
            (fault if noted.ended_at_ms <= at_ms else fault._replace(ended_ms=None), noted)
            for fault, noted in zip(self.past, self.noted, strict=True)
            if noted.began_at_ms <= at_ms
        ]
        return FaultHistory([fault for fault, _ in known], [noted for _, noted in known])

    def within(self, start_ms: int, end_ms: int) -> list[DataFault]:
        """Return the faults that were active at some time in a span of event time.

        Args:
            start_ms: The start of the span, in ms since 1970.
            end_ms: The end of the span, exclusive, in ms since 1970.

        >>> known = [DataFault("FeatureStuck", "x", 10, 20), DataFault("FeatureMissing", "y", 50)]
        >>> faults = FaultHistory(known)
        >>> [fault.feature for fault in faults.within(20, 60)]
        ['y']
        """
        return [
            fault
            for fault in self.past
            if fault.started_ms < end_ms and (fault.ended_ms is None or fault.ended_ms > start_ms)
        ]


def label_wait_ms(monitor: Monitor) -> int:
    """Return how long before a window of labels its predictions may have been made, in milliseconds.

    Args:
        monitor: The monitor of the model; without `labels` the answer is 0.
    """
    return milliseconds(monitor.labels.expected_within) if monitor.labels else 0
