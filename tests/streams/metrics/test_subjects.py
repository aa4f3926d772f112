"""What is shown of each subject: its newest window and its read coverage; and when that goes away."""

from prometheus_client import CollectorRegistry

from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.metrics.metrics import Metrics


def window(subject: str, kind: str = "predictions", segment: str | None = None) -> WindowStatistics:
    return WindowStatistics(subject, "1", segment, kind, 0, 60_000, 9, [])  # type: ignore[arg-type]


def test_windows_of_rows_are_shown_until_their_subject_is_not_watched_or_moves() -> None:
    metrics = Metrics(CollectorRegistry())

    def written(subject: str) -> float | None:
        return metrics.registry.get_sample_value(
            "watchkeeper_window_last_timestamp_seconds", {"subject": subject, "environment": "production"}
        )

    for number, subject in enumerate(("a", "b", "c")):
        metrics.observe_window(number % 2, window(subject), 100.0 + number)
    metrics.observe_window(0, window("a", kind="labels"), 900.0)
    metrics.observe_window(0, window("a", segment="x=1"), 900.0)
    assert [written(name) for name in "abc"] == [100, 101, 102]
    size = metrics.registry.get_sample_value(
        "watchkeeper_window_seconds", {"subject": "a", "environment": "production"}
    )
    assert size == 60
    metrics.observe_subjects(0, {}, lambda name: name != "c")
    assert [written(name) for name in "abc"] == [100, 101, None]
    metrics.forget("evaluate", 0)
    assert [written(name) for name in "abc"] == [None, 101, None]


def test_read_coverage_is_shown_where_there_is_trouble() -> None:
    metrics = Metrics(CollectorRegistry())

    def share(subject: str) -> float | None:
        return metrics.registry.get_sample_value(
            "watchkeeper_read_coverage_ratio", {"subject": subject, "environment": "production"}
        )

    metrics.observe_subjects(0, {"a": 0.5}, lambda _: True)
    metrics.observe_subjects(1, {"b": 0.9}, lambda _: True)
    assert (share("a"), share("b")) == (0.5, 0.9)
    metrics.observe_subjects(0, {"a": 1.0}, lambda _: True)
    metrics.forget("evaluate", 1)
    metrics.forget("ingest", 0)
    assert (share("a"), share("b")) == (1.0, None)
