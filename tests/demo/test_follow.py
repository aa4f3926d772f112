"""Repeated outputs count once, and the newest state of an alert counts."""

import msgspec

from tests.demo.making import alert, day
from watchkeeper.demo.follow import Followed
from watchkeeper.schemas.retraining import DataWindow, RetrainingRequest
from watchkeeper.schemas.statistics import WindowStatistics


def window(end_ms: int, segment: str | None = None) -> bytes:
    return msgspec.json.encode(WindowStatistics("m", "1", segment, "predictions", end_ms - 10, end_ms, 5, []))


def test_windows_count_once_and_show_how_far_evaluation_has_come() -> None:
    followed = Followed()
    for value in (window(10), window(30), window(20), window(30), window(30, "origin=EWR")):
        followed.take("statistics", value)
    assert len(followed.windows) == 4
    assert followed.reached_ms("m", "predictions") == 30
    assert followed.reached_ms("m", "labels") == 0


def test_an_incident_is_open_until_it_is_resolved() -> None:
    followed = Followed()
    fired = alert("FeatureMissing", day(6, 11), day(6, 12), feature="humid")
    over = alert("FeatureMissing", day(6, 11), day(6, 14), status="resolved", feature="humid")
    followed.take("alerts", fired.model_dump_json().encode())
    followed.take("alerts", fired.model_dump_json().encode())
    assert followed.alerts == [fired]
    assert followed.open_incidents() == [fired]
    followed.take("alerts", over.model_dump_json().encode())
    assert followed.open_incidents() == []


def test_a_repeated_request_counts_once() -> None:
    followed = Followed()
    request = RetrainingRequest(
        request_id="r", model="m", model_version="1", requested_at=day(5, 2), reasons=["It was bad."],
        data_window=DataWindow(start=day(1, 1), end=day(5, 2)), cooldown_until=day(7, 1),
    )  # fmt: skip
    for _ in range(2):
        followed.take("retraining", request.model_dump_json().encode())
    assert list(followed.requests.values()) == [request]
