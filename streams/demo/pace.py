"""How far the publishing may run ahead of the watch, so that what it asks for is obeyed in time."""

from schemas.findings import Kind
from streams.demo.events import MODEL
from streams.demo.follow import Heard
from streams.demo.service import DAY_MS, ROLLOUT_MS
from streams.windows import Spans

__all__ = ["Pace"]

LEAD_MS = 4 * DAY_MS
SETTLE_SECONDS = 1.0
"""From the statistics of a window to the request that it gives rise to, two stages on, at most."""
_KINDS: tuple[Kind, Kind] = ("predictions", "labels")


class Pace:
    """Lets the publishing go on, or holds it back, by what was heard of the windows so far.

    Predictions may be four days ahead of the last evaluated window, which closes a day after its last event.
    A window of labels may end in a request to retrain, and `ROLLOUT_MS` after its end the new version has to
    answer: nobody goes past that time before the window is evaluated.
    """

    def __init__(self, start_ms: int, labels: Spans) -> None:
        self._start_ms = start_ms
        self._labels = labels
        self._heard_ms = 0
        self._heard_at_seconds = 0.0

    def may_publish(self, end_ms: int, heard: Heard, now_seconds: float) -> bool:
        """Say whether events up to a time may be published now."""
        days_ms, weeks_ms = (heard.reached_ms(MODEL, kind) for kind in _KINDS)
        if weeks_ms != self._heard_ms:
            self._heard_ms, self._heard_at_seconds = weeks_ms, now_seconds
        if end_ms - max(days_ms, self._start_ms) > LEAD_MS:
            return False
        due_ms = self._labels.floor(end_ms - 1 - ROLLOUT_MS)
        if due_ms <= self._start_ms:
            return True
        settled = weeks_ms > due_ms or now_seconds - self._heard_at_seconds >= SETTLE_SECONDS
        return weeks_ms >= due_ms and settled
