"""How far the publishing may run ahead of the watch, so that what it asks for is obeyed in time."""

from watchkeeper.demo.events import MODEL
from watchkeeper.demo.follow import Followed
from watchkeeper.demo.service import DAY_MS, ROLLOUT_MS
from watchkeeper.streams.evaluate.windows import WindowDurations

__all__ = ["DemoPace"]

LEAD_MS = 4 * DAY_MS
SETTLE_SECONDS = 1.5
"""From the findings of a window to the request that one stage further comes of them, at most."""


class DemoPace:
    """Lets the publishing go on, or holds it back, by what was heard of the windows so far.

    Predictions may be four days ahead of the last evaluated window, which closes a day after its last event.
    A window of labels in which the model did badly may end in a request to retrain, and `ROLLOUT_MS` after
    its end the new version has to answer: nobody goes past that time before the window is judged.
    """

    def __init__(self, start_ms: int, labels: WindowDurations) -> None:
        self._start_ms = start_ms
        self._labels = labels
        self._judged_ms = 0
        self._judged_at_seconds = 0.0

    def may_publish(self, end_ms: int, version: str, heard: Followed, now_seconds: float) -> bool:
        """Say whether events up to a time may be published now, while a version is in service."""
        if heard.judged_ms != self._judged_ms:
            self._judged_ms, self._judged_at_seconds = heard.judged_ms, now_seconds
        if end_ms - max(heard.reached_ms(MODEL, "predictions"), self._start_ms) > LEAD_MS:
            return False
        due_ms = self._labels.floor(end_ms - 1 - ROLLOUT_MS)
        if due_ms <= self._start_ms:
            return True
        settled = (
            heard.hurting_ms(version) < due_ms or now_seconds - self._judged_at_seconds >= SETTLE_SECONDS
        )
        return heard.judged_ms >= due_ms and settled
