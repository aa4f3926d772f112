"""Publishing waits for evaluation where a retraining may follow from it, and no longer."""

import msgspec

from watchkeeper.demo.events import MODEL
from watchkeeper.demo.follow import Followed
from watchkeeper.demo.pace import LEAD_MS, SETTLE_SECONDS, DemoPace
from watchkeeper.demo.service import DAY_MS, ROLLOUT_MS
from watchkeeper.schemas.findings import Finding, WindowFindings
from watchkeeper.streams.evaluate.windows import WindowDurations

WEEK_MS = 7 * DAY_MS
START_MS = 10 * WEEK_MS
WEEKLY = WindowDurations(WEEK_MS, WEEK_MS, DAY_MS)


class Outputs(Followed):
    """Outputs of workers as a test sets them."""

    def __init__(self, days_ms: int, judged_ms: int = 0, last_bad_ms: int = 0) -> None:
        super().__init__()
        self._reached_ms[MODEL, "predictions"] = days_ms
        self.judged_ms = judged_ms
        self._last_bad_ms["1"] = last_bad_ms


def test_publishing_begins_before_any_output() -> None:
    assert DemoPace(START_MS, WEEKLY).may_publish(START_MS + DAY_MS, "1", Followed(), 0)


def test_predictions_run_ahead_of_the_last_window_by_the_lead_and_no_further() -> None:
    pace, followed = DemoPace(START_MS, WEEKLY), Outputs(START_MS + DAY_MS)
    assert pace.may_publish(START_MS + DAY_MS + LEAD_MS, "1", followed, 0)
    assert not pace.may_publish(START_MS + DAY_MS + LEAD_MS + 1, "1", followed, 0)


def test_nobody_passes_the_day_of_a_rollout_before_the_week_is_judged() -> None:
    pace, week_ms = DemoPace(START_MS, WEEKLY), START_MS + WEEK_MS
    end_ms = week_ms + ROLLOUT_MS
    unjudged = Outputs(end_ms)
    assert pace.may_publish(end_ms, "1", unjudged, 0)
    assert not pace.may_publish(end_ms + 1, "1", unjudged, 0)
    assert pace.may_publish(end_ms + 1, "1", Outputs(end_ms, judged_ms=week_ms), 0)


def test_after_a_bad_week_publishing_waits_for_a_request() -> None:
    pace, week_ms = DemoPace(START_MS, WEEKLY), START_MS + WEEK_MS
    end_ms = week_ms + ROLLOUT_MS + 1
    bad_week = Outputs(end_ms, judged_ms=week_ms, last_bad_ms=week_ms)
    assert not pace.may_publish(end_ms, "1", bad_week, 100.0)
    assert not pace.may_publish(end_ms, "1", bad_week, 100.0 + SETTLE_SECONDS - 0.01)
    assert pace.may_publish(end_ms, "1", bad_week, 100.0 + SETTLE_SECONDS)


def test_nobody_waits_for_a_request_about_a_version_that_only_answers_in_shadow() -> None:
    week_ms = START_MS + WEEK_MS
    end_ms = week_ms + ROLLOUT_MS + 1
    assert DemoPace(START_MS, WEEKLY).may_publish(
        end_ms, "2", Outputs(end_ms, week_ms, last_bad_ms=week_ms), 100.0
    )


def test_bad_windows_are_read_from_findings() -> None:
    followed = Followed()
    bad = Finding("performance", "bad", "log loss is high")
    in_part = Finding("performance", "bad", "log loss is high", segment="origin=EWR")
    for end_ms, found in ((5, []), (9, [bad]), (12, [in_part])):
        window = WindowFindings(MODEL, "1", "labels", 0, end_ms, 10, found, ["performance"])
        followed.take("findings", msgspec.msgpack.encode(window))
    late_labels = WindowFindings(MODEL, "1", "labels", 0, 99, 10, [], ["labels_late"])
    followed.take("findings", msgspec.msgpack.encode(late_labels))
    assert (followed.judged_ms, followed.last_bad_ms("1"), followed.last_bad_ms("2")) == (12, 9, 0)
