"""Limits how far publishing runs ahead of evaluation, so that retraining requests take effect in time."""

from watchkeeper.demo.events import MODEL
from watchkeeper.demo.follow import Followed
from watchkeeper.demo.service import DAY_MS, ROLLOUT_MS
from watchkeeper.streams.evaluate.windows import WindowDurations

__all__ = ["DemoPace"]

LEAD_MS = 4 * DAY_MS
"""Event time by which predictions may be ahead of the last evaluated window, in milliseconds.

Chosen by hand: more publishes faster, less lets the new version start closer to its planned day.
"""
SETTLE_SECONDS = 1.5
"""Longest time, in seconds, from the findings of a window to the retraining request that follows from them.

Chosen by hand: a shorter time may miss a request, a longer one slows the demo after each bad window.
"""


class DemoPace:
    """Decides whether publishing may continue, from the windows evaluated so far.

    Predictions may be four days ahead of the last evaluated window, which closes a day after its last event.
    A window of labels with bad performance can lead to a retraining request, and the new version is in
    service `ROLLOUT_MS` after the window's end. Publishing waits at that time until the window is judged.

    Args:
        start_ms: Event time of the first event, in milliseconds since 1970.
        labels: The durations of label windows.
    """

    def __init__(self, start_ms: int, labels: WindowDurations) -> None:
        self._start_ms = start_ms
        self._labels = labels
        self._judged_ms = 0
        self._judged_at_seconds = 0.0

    def may_publish(self, end_ms: int, version: str, followed: Followed, now_seconds: float) -> bool:
        """Return whether events up to a time may be published now.

        Args:
            end_ms: Event time up to which to publish, in milliseconds since 1970.
            version: The version in service.
            followed: The outputs of the workers so far.
            now_seconds: The current time of a monotonic clock.
        """
        if followed.judged_ms != self._judged_ms:
            self._judged_ms, self._judged_at_seconds = followed.judged_ms, now_seconds
        if end_ms - max(followed.reached_ms(MODEL, "predictions"), self._start_ms) > LEAD_MS:
            return False
        due_ms = self._labels.floor(end_ms - 1 - ROLLOUT_MS)
        if due_ms <= self._start_ms:
            return True
        settled = (
            followed.last_bad_ms(version) < due_ms or now_seconds - self._judged_at_seconds >= SETTLE_SECONDS
        )
        return followed.judged_ms >= due_ms and settled
