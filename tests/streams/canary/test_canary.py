"""The canary: its rounds, its stream as the detectors see it, and the page when a drift is missed."""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry
from rich.console import Console

from tests.streams.cli.cli_runs import run
from watchkeeper.alerting.alertmanager import AlertmanagerRefusal
from watchkeeper.detectors.checks.judge_rows import judge_rows
from watchkeeper.detectors.checks.reference import reference_rows
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.events import Prediction
from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.canary.missed import MissedAlert
from watchkeeper.streams.canary.publisher import beat_seconds
from watchkeeper.streams.canary.round import Place, Plan, Result, Round
from watchkeeper.streams.canary.subject import event, monitor, reference
from watchkeeper.streams.config.state import Watched

MINUTE = 60_000
PLAN = Plan(pane_ms=MINUTE, every_ms=60 * MINUTE, within_ms=10 * MINUTE)
BEGIN = 120 * MINUTE
BOTH: tuple[Place, ...] = ("topic", "alertmanager")
DETECTED = Result("m", "detected", BEGIN, {"topic": 130.0})
MISSED = Result("m", "missed", BEGIN, {}, "the drift raised no alert on the topic alerts, after 600 seconds")


def a_round(places: Sequence[Place] = BOTH) -> Round:
    return Round("m", BEGIN, PLAN, places)


def ended(round_: Round, minutes: float) -> Result:
    result = round_.result(BEGIN + round(minutes * MINUTE))
    assert result is not None
    return result


# Rounds


def test_drift_goes_on_until_it_is_seen_everywhere_or_missed() -> None:
    def drifting(watched: Round) -> list[int]:
        return [minute for minute in range(-2, 15) if watched.drifts(BEGIN + minute * MINUTE)]

    assert drifting(a_round()) == list(range(10))
    watched = a_round()
    watched.see("topic", True, BEGIN + 2 * MINUTE)
    assert drifting(watched) == list(range(10))
    watched.see("alertmanager", True, BEGIN + 3 * MINUTE)
    assert drifting(watched) == []


def test_a_drift_is_detected_once_it_was_seen_to_come_and_go_everywhere() -> None:
    watched = a_round()
    for place, minutes in (("topic", 2.2), ("alertmanager", 2.5)):
        watched.see(place, True, BEGIN + round(minutes * MINUTE))
    assert watched.result(BEGIN + 3 * MINUTE) is None
    watched.see("topic", False, BEGIN + 5 * MINUTE)
    assert watched.result(BEGIN + 5 * MINUTE) is None
    watched.see("alertmanager", False, BEGIN + 6 * MINUTE)
    result = ended(watched, 6)
    assert (result.outcome, result.detection_seconds) == ("detected", 150.0)


@pytest.mark.parametrize("seen", [(), ("topic",), ("alertmanager",)])
def test_a_drift_that_is_not_seen_everywhere_in_time_is_missed(seen: Sequence[Place]) -> None:
    watched = a_round()
    for place in seen:
        watched.see(place, True, BEGIN + 3 * MINUTE)
    assert watched.result(BEGIN + 10 * MINUTE - 1) is None
    result = ended(watched, 10)
    assert result.outcome == "missed"
    assert ("the topic alerts" in result.why) == ("topic" not in seen)
    assert ("Alertmanager" in result.why) == ("alertmanager" not in seen)


def test_an_alert_that_does_not_go_after_the_drift_is_missed_too() -> None:
    watched = a_round(["topic"])
    watched.see("topic", True, BEGIN + 2 * MINUTE)
    assert watched.result(BEGIN + 12 * MINUTE - 1) is None
    assert "still fires after the drift on the topic alerts" in ended(watched, 12).why


def test_an_alert_of_before_the_drift_proves_nothing() -> None:
    watched = a_round(["topic"])
    watched.see("topic", True, BEGIN - MINUTE)
    watched.see("topic", True, BEGIN + 2 * MINUTE)
    assert "an earlier drift still fires" in ended(watched, 10).why
    watched.see("topic", False, BEGIN + 2 * MINUTE)
    watched.see("topic", True, BEGIN + 3 * MINUTE)
    watched.see("topic", False, BEGIN + 5 * MINUTE)
    assert ended(watched, 5).outcome == "detected"


def test_canaries_that_start_at_any_time_agree_on_when_rounds_begin() -> None:
    begins = {PLAN.next_round_ms(BEGIN + second * 1000) for second in range(0, 59 * 60, 7)}
    assert begins == {BEGIN + 60 * MINUTE}, "one that restarts in a round waits for the next"


# The stream


def judged(*drifts: bool, rows: int = 40) -> list[str]:
    """Judge a window with so many events of one beat, each drifted or not; return what is bad."""
    watched = monitor("m", timedelta(minutes=1))
    layout = Watched(watched, {None: reference(watched, 0)}).layout(None)
    events = [json.loads(event("m", "p", 700 + i, 0, drifts[i % len(drifts)])) for i in range(rows)]
    levels = np.array([[each["features"]["level"] for each in events]])
    scores = np.array([each["prediction"]["score"] for each in events])
    window = RowsProfile.empty(layout)
    window.add(Columns(len(events), levels, [], None, scores, None))
    found = judge_rows(watched, layout, reference(watched, 0), window, None, None).findings
    return [finding.check for finding in found if finding.state == "bad"]


def test_what_is_normal_raises_nothing_and_drift_nothing_but_drift() -> None:
    assert judged(False) == []
    assert judged(True) == ["drift"]


def test_drift_is_seen_even_if_a_second_canary_does_not_drift() -> None:
    assert judged(True, False, rows=80) == ["drift"]


def test_an_event_is_one_of_the_wire() -> None:
    prediction = msgspec.json.decode(event("m", "p1", 3, 1_500, drifted=True), type=Prediction)
    assert (prediction.model, prediction.event_time) == ("m", datetime.fromtimestamp(1.5, UTC))


def test_the_reference_is_the_same_each_time_so_a_restart_changes_nothing() -> None:
    watched = monitor("m", timedelta(minutes=1))
    assert msgspec.structs.replace(reference(watched, 5), built_at_ms=0) == reference(watched, 0)
    assert reference_rows(reference(watched, 0), None) is not None


def test_every_window_has_the_rows_that_a_judgement_needs() -> None:
    for pane_ms in (500, 1000, MINUTE, 60 * MINUTE):
        for partitions in (1, 2, 4, 100):
            beat = beat_seconds(pane_ms, partitions)
            assert pane_ms / 1000 / beat * partitions >= 40
            assert beat <= 2


# The page


class Receiver:
    """Stands for Alertmanager: keeps what fires, by its labels."""

    def __init__(self) -> None:
        self.posts: list[Mapping[str, Any]] = []
        self.down = False

    async def post(self, alerts: Sequence[Mapping[str, Any]]) -> AlertmanagerRefusal | None:
        if self.down:
            return AlertmanagerRefusal(True, "down")
        self.posts += alerts
        return None

    async def firing(self, labels: Mapping[str, str]) -> list[dict[str, str]] | AlertmanagerRefusal:
        if self.down:
            return AlertmanagerRefusal(True, "down")
        last = {json.dumps(post["labels"]): post for post in self.posts}
        return [dict(post["labels"]) for post in last.values() if "resolution" not in post["annotations"]]


def page(receiver: Receiver | None, output: io.StringIO | None = None) -> MissedAlert:
    console = Console(file=output or io.StringIO(), width=120)
    return MissedAlert("m", "ml-platform", "docs/runbooks/", receiver, console)  # type: ignore[arg-type]


def resolved(post: Mapping[str, Any]) -> bool:
    return "resolution" in post["annotations"]


@pytest.mark.asyncio
async def test_a_missed_drift_is_told_again_until_a_later_one_is_detected() -> None:
    receiver = Receiver()
    alert = page(receiver)
    alert.record(MISSED, 0)
    for second in (0, 30, 61, 130):
        assert await alert.deliver(second * 1000) is None
    assert len(receiver.posts) == 3
    alert.record(MISSED, 3_600_000)
    await alert.deliver(3_600_000)
    assert {post["startsAt"] for post in receiver.posts} == {receiver.posts[0]["startsAt"]}, (
        "one page, not two"
    )
    alert.record(DETECTED, 7_200_000)
    await alert.deliver(7_200_000)
    assert [resolved(post) for post in receiver.posts] == [False, False, False, False, True]
    assert await alert.deliver(9_000_000) is None
    assert len(receiver.posts) == 5, "a resolved alert is sent once"


@pytest.mark.asyncio
async def test_what_alertmanager_does_not_take_is_told_again_soon() -> None:
    receiver = Receiver()
    alert = page(receiver)
    alert.record(MISSED, 0)
    receiver.down = True
    assert await alert.deliver(0) == AlertmanagerRefusal(True, "down")
    assert alert.undelivered, "Prometheus may raise it meanwhile"
    receiver.down = False
    assert await alert.deliver(1_000) is None
    assert receiver.posts == []
    await alert.deliver(5_000)
    assert len(receiver.posts) == 1
    assert not alert.undelivered
    alert.record(DETECTED, 10_000)
    receiver.down = True
    await alert.deliver(10_000)
    receiver.down = False
    await alert.deliver(15_000)
    assert resolved(receiver.posts[-1])


@pytest.mark.asyncio
async def test_a_canary_that_restarts_goes_on_with_the_page_of_the_one_before() -> None:
    receiver = Receiver()
    first = page(receiver)
    first.record(MISSED, 0)
    await first.deliver(0)
    second = page(receiver)
    receiver.down = True
    assert not await second.adopt(19_000)
    receiver.down = False
    assert await second.adopt(20_000)
    assert second.firing
    await second.deliver(20_000)
    second.record(DETECTED, 3_600_000)
    await second.deliver(3_600_000)
    assert [resolved(post) for post in receiver.posts] == [False, False, True]
    third = page(receiver)
    await third.adopt(3_700_000)
    assert not third.firing


@pytest.mark.asyncio
async def test_without_alertmanager_it_is_printed_once_and_its_end_too() -> None:
    output = io.StringIO()
    alert = page(None, output)
    alert.record(MISSED, 0)
    alert.record(MISSED, 10)
    await alert.deliver(20)
    assert output.getvalue().count("PAGE  CanaryMissed") == 1
    assert alert.undelivered
    assert "docs/runbooks/CanaryMissed.md" in output.getvalue()
    alert.record(DETECTED, 30)
    assert output.getvalue().count("RESOLVED  CanaryMissed") == 1


def test_the_rule_of_prometheus_is_for_the_same_people() -> None:
    rules = yaml.safe_load(
        (Path(__file__).parents[3] / "compose/prometheus/rules/watchkeeper.yml").read_text()
    )
    [rule] = [r for group in rules["groups"] for r in group["rules"] if r["alert"] == "CanaryMissed"]
    labels = {"alertname": rule["alert"], "model": "m"} | rule["labels"]
    assert labels == page(None).labels | {"told_by": "prometheus"}, "but no other's alert: one would end it"


def test_rounds_are_counted_from_nought() -> None:
    metrics = CanaryMetrics(CollectorRegistry(), "m")

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"watchkeeper_canary_{name}", {"model": "m"} | labels)

    assert value("rounds_total", outcome="missed") == value("rounds_total", outcome="detected") == 0
    assert value("missed_untold") == 0
    metrics.observe_round(MISSED, 5_000)
    metrics.observe_missed(True, undelivered=False)
    assert (value("rounds_total", outcome="missed"), value("missed"), value("missed_untold")) == (1, 1, 0)
    metrics.observe_round(DETECTED, 9_000)
    assert value("last_detected_timestamp_seconds") == 9
    assert value("detection_seconds_sum") == 130


# Mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--every 60", "--every must be an ISO 8601 duration, like PT1M or PT1H, not '60'"),
        ("--pane PT0.1S", "--pane PT0.1S is too short"),
        ("--within PT3M", "--within PT3M is too short: detection takes 3 windows of PT1M"),
        ("--every PT3630S", "--every PT3630S must be a multiple of --pane PT1M"),
        ("--every PT14M", "--every PT14M is too short: a round can take 1200 seconds"),
        ("--model a/b", "--model must contain only letters, digits and . _ -, not 'a/b'"),
        ("--team a,b", "--team must contain only letters"),
    ],
)
def test_a_mistake_is_reported_in_a_sentence(options: str, message: str) -> None:
    done = run("canary", "--broker", "127.0.0.1:1", *options.split())
    assert done.exit_code == 2
    assert message in done.output
