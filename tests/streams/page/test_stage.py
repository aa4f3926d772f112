"""Findings in, alerts and requests out: the stage's fold."""

import threading

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from tests.alerting.windows import bad, monitor, window
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.monitors import Owner
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.page.stage import PageFold
from watchkeeper.streams.stage import Stage
from watchkeeper.streams.stages import observe_page
from watchkeeper.streams.topics.flow import PAGE
from watchkeeper.streams.worker.stage_metrics import Observer


class Registry:
    """A registry that knows what it is told."""

    def __init__(self) -> None:
        self.generation = 1
        self.ready = threading.Event()
        self.ready.set()
        self.known = {"flight-delay": Timeline(Watched(monitor()))}

    def get(self, subject: str) -> Timeline[Watched] | None:
        return self.known.get(subject)


SUBJECT = {"subject": "flight-delay"}
BUDGET = {**SUBJECT, "environment": "production"}
WINDOWS = [
    window(0),
    window(1, bad("missing", "temp")),
    window(2, bad("drift", "x1")),
    window(2, bad("performance"), kind="labels"),
    window(3, bad("drift", "x1")),
    window(3, bad("performance"), kind="labels"),
    window(4),
    *(window(hour, bad("performance"), kind="labels") for hour in range(4, 8)),
    *(window(hour) for hour in range(5, 8)),
]


def records(windows=WINDOWS) -> list[Record]:
    values = [msgspec.msgpack.encode(each) for each in windows]
    return [Record(i, 0, b"flight-delay", value) for i, value in enumerate(values)]


@pytest.fixture
def registry() -> Registry:
    return Registry()


def whole(registry: Registry) -> list[Message]:
    fold = PageFold(registry)
    fold.fold("findings", records(), 0)
    return fold.outputs()


def test_alerts_are_keyed_by_fingerprint_and_requests_by_model(registry):
    outputs = whole(registry)
    alerts = [message for message in outputs if message.topic == "alerts"]
    names = [Alert.model_validate_json(message.value).labels["alertname"] for message in alerts]
    assert {"FeatureMissing", "FeatureDrift", "ModelPerformanceDegraded"} == set(names)
    assert all(
        message.key.decode() == Alert.model_validate_json(message.value).fingerprint for message in alerts
    )
    (retraining,) = [message for message in outputs if message.topic == "retraining"]
    assert retraining.key == b"flight-delay"
    assert RetrainingRequest.model_validate_json(retraining.value).model == "flight-delay"


def test_outputs_are_handed_over_once(registry):
    fold = PageFold(registry)
    fold.fold("findings", records(), 0)
    assert fold.outputs()
    assert fold.outputs() == []


@pytest.mark.parametrize("size", [1, 2, 5])
def test_chunks_restarts_and_the_clock_change_nothing(registry, size):
    outputs, state = [], PageFold(registry).snapshot()
    for first in range(0, len(WINDOWS), size):
        fold = PageFold(registry)
        fold.restore(state)
        fold.fold("findings", records()[first : first + size], now_ms=first * 10**9)
        fold.tick(first * 10**9)
        outputs += fold.outputs()
        state = fold.snapshot()
    assert outputs == whole(registry)


def test_pages_are_held_against_the_budget_of_false_ones(registry):
    paged = [window(1, bad("missing", "temp")), window(2, bad("missing", "temp"))]
    again = [window(24 * 29, bad("missing", "temp"))]
    metrics, fold = Metrics(CollectorRegistry()), PageFold(registry)
    stage = Stage(PAGE, lambda _: fold, observe_changed=observe_page)
    observer, seen = Observer(metrics, [stage]), []
    ends = [[], [window(hour) for hour in range(3, 6)], again, [window(24 * 31 + 3)], [window(24 * 70)]]
    for number, more in enumerate(ends):
        fold.fold("findings", records([*(paged if number == 0 else []), *more]), 0)
        observer.look("page", 0, fold)
        restored = PageFold(registry)
        restored.restore(fold.snapshot())
        assert restored.paging() == fold.paging()
        seen.append(metrics.registry.get_sample_value("watchkeeper_budget_period_pages", BUDGET))
    assert seen == [1, 1, 2, 1, 0]
    assert metrics.registry.get_sample_value("watchkeeper_budget_false_pages", BUDGET) == 1
    registry.known.clear()
    registry.generation += 1
    fold.tick(0)
    observer.look("page", 0, fold)
    assert metrics.registry.get_sample_value("watchkeeper_budget_period_pages", BUDGET) is None


def test_when_a_monitor_is_removed_its_alerts_end(registry):
    fold = PageFold(registry)
    fold.fold("findings", records(WINDOWS[:2]), 0)
    fold.tick(0)
    assert len(fold.outputs()) == 1
    registry.known.clear()
    registry.generation += 1
    fold.tick(0)
    (message,) = fold.outputs()
    alert = Alert.model_validate_json(message.value)
    assert (alert.status, alert.annotations["resolution"]) == ("resolved", "Its monitor was removed.")
    fold.fold("findings", records(WINDOWS[:2]), 0)
    fold.tick(0)
    assert fold.outputs() == []


def test_a_registry_that_has_not_read_its_topic_yet_ends_nothing(registry):
    fold = PageFold(registry)
    fold.fold("findings", records(WINDOWS[:2]), 0)
    fold.outputs()
    registry.known.clear()
    registry.ready.clear()
    fold.tick(0)
    assert fold.outputs() == []


def test_what_is_no_finding_is_counted_and_goes_to_rejected(registry):
    fold = PageFold(registry, number=3)
    odd = [Record(i, 0, b"k", value) for i, value in enumerate([None, b"", b"\xff\xff", b"{}"])]
    fold.fold("findings", [*odd, *records(WINDOWS[:2])], 0)
    assert fold.unreadable == 4
    *rejected, alert = fold.outputs()
    assert alert.topic == "alerts"
    assert [(m.topic, m.key) for m in rejected] == [("rejected", b"findings/3/%d" % i) for i in range(4)]
    said = msgspec.msgpack.decode(rejected[2].value, type=Rejection)
    assert (said.reason, said.value) == ("unreadable", b"\xff\xff")


def test_runbooks_may_be_kept_elsewhere(registry):
    fold = PageFold(registry, runbooks="https://example.com/runbooks/")
    fold.fold("findings", records(WINDOWS[:2]), 0)
    (message,) = fold.outputs()
    alert = Alert.model_validate_json(message.value)
    assert alert.annotations["runbook_url"] == "https://example.com/runbooks/FeatureMissing.md"


def test_a_changed_monitor_counts_for_the_windows_that_start_after_it(registry: Registry) -> None:
    team = monitor().model_copy(update={"owner": Owner(team="others")})
    since_ms = window(5).window_start_ms
    registry.known["flight-delay"] = Timeline(Watched(monitor()), (since_ms, Watched(team)))
    fold = PageFold(registry)
    fold.fold(
        "findings",
        records([window(0), window(4, bad("missing", "temp")), window(5, bad("missing", "x1"))]),
        0,
    )
    alerts = [Alert.model_validate_json(each.value) for each in fold.outputs() if each.topic == "alerts"]
    assert [alert.labels["team"] for alert in alerts if "temp" in alert.labels["feature"]] == ["ops-ml"]
    assert [alert.labels["team"] for alert in alerts if "x1" in alert.labels["feature"]] == ["others"]
