"""The publishing waits for the watch where an answer may come of it, and not longer."""

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


class Told(Followed):
    """What was heard, said by the test."""

    def __init__(self, days_ms: int, judged_ms: int = 0, hurting_ms: int = 0) -> None:
        super().__init__()
        self._reached_ms[MODEL, "predictions"] = days_ms
        self.judged_ms = judged_ms
        self._hurting_ms["1"] = hurting_ms


def test_publishing_begins_before_anything_is_heard() -> None:
    assert DemoPace(START_MS, WEEKLY).may_publish(START_MS + DAY_MS, "1", Followed(), 0)


def test_predictions_run_ahead_of_the_last_window_by_the_lead_and_no_further() -> None:
    pace, heard = DemoPace(START_MS, WEEKLY), Told(START_MS + DAY_MS)
    assert pace.may_publish(START_MS + DAY_MS + LEAD_MS, "1", heard, 0)
    assert not pace.may_publish(START_MS + DAY_MS + LEAD_MS + 1, "1", heard, 0)


def test_nobody_passes_the_day_of_a_rollout_before_the_week_is_judged() -> None:
    pace, week_ms = DemoPace(START_MS, WEEKLY), START_MS + WEEK_MS
    end_ms = week_ms + ROLLOUT_MS
    unjudged = Told(end_ms)
    assert pace.may_publish(end_ms, "1", unjudged, 0)
    assert not pace.may_publish(end_ms + 1, "1", unjudged, 0)
    assert pace.may_publish(end_ms + 1, "1", Told(end_ms, judged_ms=week_ms), 0)


def test_after_a_week_that_hurt_there_is_time_for_a_request() -> None:
    pace, week_ms = DemoPace(START_MS, WEEKLY), START_MS + WEEK_MS
    end_ms = week_ms + ROLLOUT_MS + 1
    hurt = Told(end_ms, judged_ms=week_ms, hurting_ms=week_ms)
    assert not pace.may_publish(end_ms, "1", hurt, 100.0)
    assert not pace.may_publish(end_ms, "1", hurt, 100.0 + SETTLE_SECONDS - 0.01)
    assert pace.may_publish(end_ms, "1", hurt, 100.0 + SETTLE_SECONDS)


def test_nobody_waits_for_a_request_about_a_version_that_only_answers_in_shadow() -> None:
    week_ms = START_MS + WEEK_MS
    end_ms = week_ms + ROLLOUT_MS + 1
    assert DemoPace(START_MS, WEEKLY).may_publish(
        end_ms, "2", Told(end_ms, week_ms, hurting_ms=week_ms), 100.0
    )


def test_what_hurt_is_heard_from_findings() -> None:
    heard = Followed()
    bad = Finding("performance", "bad", "log loss is high")
    in_part = Finding("performance", "bad", "log loss is high", segment="origin=EWR")
    for end_ms, found in ((5, []), (9, [bad]), (12, [in_part])):
        window = WindowFindings(MODEL, "1", "labels", 0, end_ms, 10, found, ["performance"])
        heard.take("findings", msgspec.msgpack.encode(window))
    late_labels = WindowFindings(MODEL, "1", "labels", 0, 99, 10, [], ["labels_late"])
    heard.take("findings", msgspec.msgpack.encode(late_labels))
    assert (heard.judged_ms, heard.hurting_ms("1"), heard.hurting_ms("2")) == (12, 9, 0)
