"""The spans of event time in which a subject's data was broken: what must not be trained on.

Labels are read later than predictions, by how much is chance. So with each fault it is kept which window of
predictions made it known, and a window of labels reads what was known as of its own end.
"""

from typing import NamedTuple

from msgspec import Struct

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor

MOST = 200


class Fault(NamedTuple):
    """One data-quality fault that fired."""

    alertname: str
    feature: str | None
    started_ms: int
    ended_ms: int | None = None
    """None while it is active."""


class Noted(NamedTuple):
    """The ends of the windows that made a fault, and its end, known; 0 is always."""

    began_at_ms: int = 0
    ended_at_ms: int = 0


class Faults(Struct):
    """The faults of one subject, the oldest first; the oldest is forgotten past `MOST`."""

    past: list[Fault] = []
    noted: list[Noted] = []
    """When each of them was noted."""

    def __post_init__(self) -> None:
        if len(self.noted) != len(self.past):  # saved by a program that did not note it
            self.noted = [Noted()] * len(self.past)

    def begin(self, alertname: str, feature: str | None, started_ms: int, at_ms: int) -> None:
        """Take note of a fault that fired at a window's end."""
        self.past = [*self.past, Fault(alertname, feature, started_ms)][-MOST:]
        self.noted = [*self.noted, Noted(at_ms)][-MOST:]

    def end(self, alertname: str, feature: str | None, ended_ms: int, at_ms: int) -> None:
        """Take note, at a window's end, that a fault is over."""
        for i, fault in enumerate(self.past):
            if fault[:2] == (alertname, feature) and fault.ended_ms is None:
                self.past[i] = fault._replace(ended_ms=ended_ms)
                self.noted[i] = self.noted[i]._replace(ended_at_ms=at_ms)

    def as_of(self, at_ms: int) -> "Faults":
        """Return what was known at a time, however far windows have come since.

        >>> faults = Faults()
        >>> faults.begin("FeatureStuck", "x", started_ms=10, at_ms=20)
        >>> faults.end("FeatureStuck", "x", ended_ms=30, at_ms=50)
        >>> [faults.as_of(at_ms).past for at_ms in (19, 49)]
        [[], [Fault(alertname='FeatureStuck', feature='x', started_ms=10, ended_ms=None)]]
        """
        known = [
            (fault if noted.ended_at_ms <= at_ms else fault._replace(ended_ms=None), noted)
            for fault, noted in zip(self.past, self.noted, strict=True)
            if noted.began_at_ms <= at_ms
        ]
        return Faults([fault for fault, _ in known], [noted for _, noted in known])

    def within(self, start_ms: int, end_ms: int) -> list[Fault]:
        """Return the faults that were active at any time from `start_ms` to `end_ms`.

        >>> faults = Faults([Fault("FeatureStuck", "x", 10, 20), Fault("FeatureMissing", "y", 50)])
        >>> [fault.feature for fault in faults.within(20, 60)]
        ['y']
        """
        return [
            fault
            for fault in self.past
            if fault.started_ms < end_ms and (fault.ended_ms is None or fault.ended_ms > start_ms)
        ]


def reach_ms(monitor: Monitor) -> int:
    """Say how long before a window of labels the predictions in it may have been made."""
    return milliseconds(monitor.labels.expected_within) if monitor.labels else 0
