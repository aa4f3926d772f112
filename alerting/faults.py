"""The spans of event time in which a subject's data was broken: what must not be trained on."""

from datetime import timedelta
from typing import NamedTuple

from msgspec import Struct

from schemas.monitors import Monitor

MOST = 200


class Fault(NamedTuple):
    """One data-quality fault that fired."""

    alertname: str
    feature: str | None
    started_ms: int
    ended_ms: int | None = None
    """None while it is active."""


class Faults(Struct):
    """The faults of one subject, the oldest first; the oldest is forgotten past `MOST`."""

    past: list[Fault] = []

    def begin(self, alertname: str, feature: str | None, started_ms: int) -> None:
        """Take note of a fault that fired."""
        self.past = [*self.past, Fault(alertname, feature, started_ms)][-MOST:]

    def end(self, alertname: str, feature: str | None, ended_ms: int) -> None:
        """Take note of the end of a fault."""
        self.past = [
            fault._replace(ended_ms=ended_ms)
            if fault[:2] == (alertname, feature) and fault[3] is None
            else fault
            for fault in self.past
        ]

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

    def active(self) -> list[Fault]:
        """Return the faults that are not over."""
        return [fault for fault in self.past if fault.ended_ms is None]


def reach_ms(monitor: Monitor) -> int:
    """Say how long before a window of labels the predictions in it may have been made."""
    return monitor.labels.expected_within // timedelta(milliseconds=1) if monitor.labels else 0
