"""What is counted, what is bounded, and what goes with a partition."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from watchkeeper.schemas.alerts import Alert, fingerprint
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.cli.metrics_page import reference_page
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.notify.stage import NotifyFold
from watchkeeper.streams.stage import Stage
from watchkeeper.streams.stages import observe_notify
from watchkeeper.streams.topics.flow import NOTIFY
from watchkeeper.streams.worker.stage_metrics import Observer

NOW_MS = 1_772_000_000_000
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"watchkeeper_{name}", labels)


def alert_message(status: str, **more: str) -> Message:
    labels = {"alertname": "FeatureMissing", "severity": "critical", "model": "delay"} | more
    now = datetime(2026, 1, 1, tzinfo=UTC)
    alert = Alert.model_validate(
        {
            "fingerprint": fingerprint(labels),
            "status": status,
            "pages": True,
            "labels": labels,
            "annotations": {},
            "started_at": now,
            "updated_at": now,
        }
    )
    return Message("alerts", alert.fingerprint.encode(), alert.model_dump_json().encode())


def test_the_rejected_share_goes_with_its_partition(metrics: Metrics) -> None:
    metrics.observe_rejected_share("labels", 1, 0.25)
    assert value(metrics, "rejected_ratio", topic="labels", partition="1") == 0.25
    metrics.forget("ingest", 1)
    assert value(metrics, "rejected_ratio", topic="labels", partition="1") is None


def test_chunks_are_counted_and_timed(metrics: Metrics) -> None:
    metrics.observe_chunk("ingest", "predictions", 2, rows=500, seconds=0.02)
    metrics.observe_chunk("ingest", "predictions", 2, rows=100, seconds=0.3)
    assert value(metrics, "rows_total", stage="ingest", topic="predictions", partition="2") == 600
    assert value(metrics, "chunk_seconds_count", stage="ingest") == 2
    assert value(metrics, "chunk_seconds_bucket", stage="ingest", le="0.025") == 1


def test_the_time_of_a_checkpoint_stands_still_until_the_next() -> None:
    now = 100.0
    metrics = Metrics(CollectorRegistry(), clock_seconds=lambda: now)
    metrics.observe_checkpoint("page", 1, seconds=0.004, size_bytes=2048)
    now = 107.5
    assert value(metrics, "checkpoint_last_timestamp_seconds", stage="page", partition="1") == 100
    assert value(metrics, "checkpoint_bytes", stage="page", partition="1") == 2048
    metrics.observe_saved("page", 1)
    assert value(metrics, "checkpoint_last_timestamp_seconds", stage="page", partition="1") == 107.5
    assert value(metrics, "checkpoint_seconds_count", stage="page") == 1


def test_a_partition_in_which_nothing_comes_is_shown_as_such() -> None:
    now = 100.0
    metrics = Metrics(CollectorRegistry(), clock_seconds=lambda: now)
    for partition in (0, 1):
        metrics.observe_lag("ingest", "labels", partition, records=0)
    metrics.observe_chunk("ingest", "labels", 0, rows=5, seconds=0.1)
    now = 130.0
    metrics.observe_chunk("ingest", "labels", 0, rows=0, seconds=0.1)  # records that were folded before
    busy, silent = ({"stage": "ingest", "topic": "labels", "partition": number} for number in "01")
    assert value(metrics, "rows_total", **busy) == 5
    assert value(metrics, "last_row_timestamp_seconds", **busy) == 100
    assert value(metrics, "rows_total", **silent) == 0
    assert value(metrics, "last_row_timestamp_seconds", **silent) is None


def test_events_follow_the_account_in_the_checkpoints(metrics: Metrics) -> None:
    labels = {"topic": "labels", "partition": "0", "outcome": "accepted"}
    metrics.observe_events("labels", 0, {"accepted": 1000, "rejected": 2})
    metrics.observe_events("labels", 0, {"accepted": 1500, "rejected": 2})
    assert value(metrics, "events_total", **labels) == 1500
    assert value(metrics, "events_total", **labels | {"outcome": "rejected"}) == 2


def test_the_account_of_a_partition_that_went_and_came_back_is_right(metrics: Metrics) -> None:
    metrics.observe_events("labels", 0, {"accepted": 1000})
    metrics.observe_labels(0, {"matched": 900})
    metrics.forget("ingest", 0)
    assert value(metrics, "events_total", topic="labels", partition="0", outcome="accepted") is None
    metrics.observe_events("labels", 0, {"accepted": 1200})
    metrics.observe_labels(0, {"matched": 1000})
    assert value(metrics, "events_total", topic="labels", partition="0", outcome="accepted") == 1200
    assert value(metrics, "labels_total", partition="0", outcome="matched") == 1000


def test_a_forgotten_partition_takes_only_its_own_series_along(metrics: Metrics) -> None:
    for stage in ("ingest", "evaluate"):
        for partition in (0, 1):
            metrics.observe_checkpoint(stage, partition, 0.01, 10)
            metrics.observe_lag(stage, f"input-of-{stage}", partition, 7)
    metrics.observe_watermark("labels", 0, 1_500)
    assert value(metrics, "watermark_timestamp_seconds", kind="labels", partition="0") == 1.5
    metrics.forget("ingest", 0)
    metrics.forget("ingest", 3)
    text = generate_latest(metrics.registry).decode()
    left = [line for line in text.splitlines() if 'partition="0"' in line and not line.startswith("#")]
    assert {line.split("{")[0] for line in left} == {
        "watchkeeper_checkpoint_last_timestamp_seconds",
        "watchkeeper_checkpoint_bytes",
        "watchkeeper_lag_records",
        "watchkeeper_lag_seconds",
        "watchkeeper_rows_total",
        "watchkeeper_rows_created",
    }
    assert all("evaluate" in line for line in left)
    assert value(metrics, "lag_records", stage="ingest", topic="input-of-ingest", partition="1") == 7


def test_rejections_are_counted_by_reason(metrics: Metrics) -> None:
    rejection = Rejection("labels", 0, 5, "malformed_json", "not JSON", 0, 3, None, b"{{{", [])
    messages = [Message("rejected", b"labels/0/5", msgspec.msgpack.encode(rejection))] * 2
    metrics.observe_outputs("ingest", 0, messages)
    assert value(metrics, "rejected_total", topic="labels", reason="malformed_json") == 2
    assert value(metrics, "outputs_total", stage="ingest", topic="rejected") == 2


def test_alerts_that_begin_and_end_are_counted(metrics: Metrics) -> None:
    metrics.observe_outputs("page", 0, [alert_message("firing", feature=name) for name in ("a", "b", "a")])
    metrics.observe_outputs("page", 0, [alert_message("resolved", feature="a")])
    assert value(metrics, "alerts_total", alertname="FeatureMissing", status="firing") == 2
    assert value(metrics, "alerts_total", alertname="FeatureMissing", status="resolved") == 1


def test_alerts_that_fire_are_those_that_notify_has_told_also_after_a_restart(metrics: Metrics) -> None:
    labels = {"alertname": "FeatureMissing", "severity": "critical", "subject": "delay"}
    labels["environment"] = "production"  # alerts from before there were environments name none
    messages = [alert_message("firing", feature=name) for name in ("a", "b", "a")]
    messages.append(alert_message("resolved", feature="a"))
    stage = Stage(NOTIFY, lambda _: NotifyFold(), observe_changed=observe_notify)
    fold, firing = NotifyFold(), Observer(metrics, [stage])
    fold.fold("alerts", [Record(n, 0, m.key, m.value) for n, m in enumerate(messages[:3])], NOW_MS)
    firing.look("notify", 0, fold)
    assert value(metrics, "alerts_firing", **labels) == 2
    fold.fold("alerts", [Record(3, 0, messages[3].key, messages[3].value)], NOW_MS)
    firing.look("notify", 0, fold)
    assert value(metrics, "alerts_firing", **labels) == 1
    metrics.forget("notify", 0)
    assert value(metrics, "alerts_firing", **labels) is None
    again = NotifyFold()
    again.restore(fold.snapshot())
    firing.look("notify", 0, again)
    assert value(metrics, "alerts_firing", **labels) == 1


def test_retraining_and_notifications_are_counted(metrics: Metrics) -> None:
    metrics.observe_outputs("page", 0, [Message("retraining", b"delay", b"{}")])
    metrics.observe_outputs("page", 1, [Message("retraining", b"other", b"{}")])
    metrics.observe_outputs("page", 0, [Message("retraining", b"delay@staging", b"{}")])
    metrics.forget("page", 1)
    production = {"environment": "production"}
    assert value(metrics, "retraining_requests_total", model="other", **production) is None
    assert value(metrics, "retraining_requests_total", model="delay", environment="staging") == 1
    metrics.observe_notification("http://alertmanager:9093", "failed")
    assert value(metrics, "retraining_requests_total", model="delay", **production) == 1
    assert value(metrics, "notifications_total", receiver="http://alertmanager:9093", outcome="failed") == 1


def test_two_workers_in_one_process_do_not_share_metrics() -> None:
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.observe_notification("terminal", "delivered")
    assert value(second, "notifications_total", receiver="terminal", outcome="delivered") is None


def test_names_follow_the_conventions_of_prometheus(metrics: Metrics) -> None:
    units = (
        "_seconds",
        "_bytes",
        "_records",
        "_ratio",
        "_total",
        "_info",
        "_firing",
        "_statistic",
        "_pages",
        "_partitions",
    )
    assert [each.name for each in metrics.described if not each.name.endswith(units)] == []
    assert all(each.name.endswith("_total") == (each.kind == "counter") for each in metrics.described)


def test_the_reference_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == reference_page(), (
        "run: python -m watchkeeper.streams.cli.metrics_page > docs/reference/metrics.md"
    )


def test_broken_records_of_the_configuration_are_counted_when_asked() -> None:
    registry, broken = CollectorRegistry(), {"monitors/a": "no JSON"}
    Metrics(registry).follow_configuration(lambda: len(broken))
    assert registry.get_sample_value("watchkeeper_config_ignored_records") == 1
    broken.clear()
    assert registry.get_sample_value("watchkeeper_config_ignored_records") == 0
