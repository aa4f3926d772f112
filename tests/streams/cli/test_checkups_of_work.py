"""The doctor's checks of the work: what is well, what is not, and what an empty installation says."""

from typing import Any

import pytest

from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.profiles import PublisherClock
from watchkeeper.schemas.rejections import Reason, Rejection
from watchkeeper.streams.cli.checkups.checkup import Checkup, worst_first
from watchkeeper.streams.cli.checkups.facts import (
    Facts,
    GroupMember,
    IngestFacts,
    Input,
    LastWindow,
    Saved,
    Trouble,
    WorkerGroup,
)
from watchkeeper.streams.cli.checkups.lag import WAIT_MS
from watchkeeper.streams.cli.checkups.logs import checkups_of
from watchkeeper.streams.cli.checkups.work import check_work
from watchkeeper.streams.fold.checkpoint import VERSION, Checkpoint
from watchkeeper.streams.fold.log_state import LogMark, LogState, Noted
from watchkeeper.streams.ingest.accounts import Account, LabelAccount
from watchkeeper.streams.ingest.clock import Clock
from watchkeeper.streams.kafka.log_facts import LogFacts
from watchkeeper.streams.topics.flow import FLOWS

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
MONITOR = Monitor.model_validate(
    {
        "model": "risk",
        "owner": {"team": "ml"},
        "task": "binary-classification",
        "features": {"age": {"type": "number"}},
        "labels": {"expected_within": "PT2M"},
    }
)
READ = [
    Input(flow.name, topic, number, position=100, start=0, end=100)
    for flow in FLOWS
    for topic in flow.reads
    for number in (0, 1)
]
PLACES = frozenset((each.topic, each.partition) for each in READ)
WORKERS = [GroupMember("/10.0.0.1", frozenset(sorted(PLACES)[::2])), GroupMember("/10.0.0.2", PLACES)]
FRESH = Facts(NOW_MS, WorkerGroup("watchkeeper", "empty", []), [], {}, {}, {}, [], {}, [])
"""An installation whose topics were just created."""


def clock(latest_ms: int = NOW_MS, seen_ms: int = NOW_MS) -> Clock:
    return Clock(latest_ms=latest_ms, seen_ms=seen_ms)


def ingest(late: int = 0, **clocks: Clock) -> IngestFacts:
    known: dict[Any, Clock] = {(kind, "risk"): each for kind, each in clocks.items()}
    return IngestFacts({"predictions": Account(accepted=1000 - late, late=late)}, LabelAccount(), known)


HEALTHY = Facts(
    NOW_MS,
    WorkerGroup("watchkeeper", "stable", WORKERS),
    READ,
    {(flow.name, number): Saved(NOW_MS - 900, {}, 100) for flow in FLOWS for number in (0, 1)},
    {0: ingest(predictions=clock(), labels=clock()), 1: ingest()},
    {"risk": LastWindow(NOW_MS - HOUR_MS, NOW_MS - 5_000)},
    [],
    {},
    [],
)


def waiting(since_ms: int, stage: str = "ingest") -> list[Input]:
    """Return the inputs with 900 records that wait in one partition of a stage's first topic."""
    at = next(index for index, each in enumerate(READ) if each.stage == stage)
    late = READ[at]._replace(end=1000, unread=100, unread_ms=NOW_MS - since_ms)
    return [*READ[:at], late, *READ[at + 1 :]]


def found(facts: Facts, level: str, **monitors: Monitor) -> list[str]:
    """Return what the checks of a level say."""
    checkups = check_work(facts, monitors or {"risk": MONITOR})
    return [checkup.what for checkup in checkups if checkup.level == level]


def rejection(reason: Reason, ago_ms: int = 1000, model: str = "c34", offset: int = 0) -> Rejection:
    value = b'{"model": "%s"}' % model.encode()
    return Rejection("predictions", 0, offset, reason, "", NOW_MS - ago_ms, 1, None, value, [])


def test_a_healthy_installation_has_nothing_to_do_and_fits_on_a_screen() -> None:
    checkups = list(check_work(HEALTHY, {"risk": MONITOR}))
    assert {checkup.level for checkup in checkups} == {"ok"}
    assert len(checkups) < 20
    assert "stable, workers: 2 (/10.0.0.1, /10.0.0.2)" in checkups[0].what


def test_before_the_first_worker_nothing_is_wrong() -> None:
    assert found(FRESH, "fail", none=MONITOR) == []
    assert found(FRESH, "warn") == [
        "group watchkeeper: no worker has saved anything yet; run: watchkeeper worker"
    ]
    backlog = FRESH._replace(inputs=waiting(2 * WAIT_MS))
    assert found(backlog, "fail") == []
    assert any("900 records wait" in what for what in found(backlog, "warn"))


def test_a_topic_without_traffic_is_well() -> None:
    empty = [each._replace(position=None, end=0) for each in READ]
    assert found(HEALTHY._replace(inputs=empty), "fail") == []


@pytest.mark.parametrize("stage", [flow.name for flow in FLOWS])
def test_records_that_wait_for_long_are_a_failure_at_any_stage(stage: str) -> None:
    assert found(HEALTHY._replace(inputs=waiting(WAIT_MS - 1, stage)), "fail") == []
    [what] = found(HEALTHY._replace(inputs=waiting(WAIT_MS, stage)), "fail")
    assert "900 records wait, the first for 2 min, in partition 0" in what


def test_workers_that_hang_in_joining_are_a_failure_once_records_wait() -> None:
    joining = HEALTHY._replace(group=WorkerGroup("watchkeeper", "preparing_rebalancing", WORKERS))
    assert found(joining, "fail") == []
    assert "run the command again" in found(joining, "warn")[0]
    hang = joining._replace(inputs=waiting(61_000))
    assert "records have waited for 61 s" in found(hang, "fail")[0]


def test_a_group_without_workers_is_a_failure_when_there_were_some() -> None:
    gone = HEALTHY._replace(group=WorkerGroup("watchkeeper", "empty", []), inputs=waiting(5_000))
    assert found(gone, "fail") == [
        "group watchkeeper: no worker is a member, and 900 records wait; run: watchkeeper worker"
    ]


def test_a_partition_that_no_worker_owns_is_a_failure() -> None:
    lone = HEALTHY._replace(
        group=WorkerGroup("watchkeeper", "stable", [GroupMember("/h", PLACES - {("labels", 1)})])
    )
    assert "no worker owns labels/1" in found(lone, "fail")[0]
    unknown = HEALTHY._replace(group=WorkerGroup("watchkeeper", "stable", []))
    assert found(unknown, "fail") == []


def test_a_stage_that_saves_nothing_while_records_wait_is_a_failure() -> None:
    old = {place: saved._replace(at_ms=NOW_MS - HOUR_MS) for place, saved in HEALTHY.saved.items()}
    assert found(HEALTHY._replace(saved=old), "fail") == []  # it has nothing to save
    failures = found(HEALTHY._replace(saved=old, inputs=waiting(WAIT_MS, "page")), "fail")
    assert any("nothing is saved although records wait: page/0 (60 min)" in what for what in failures)


def test_a_log_that_changed_under_a_checkpoint_is_a_failure() -> None:
    state = LogState(LogMark("a", 0, 100))
    checkpoint = Checkpoint(VERSION, {"labels": 99}, 0, {}, [], b"", "ingest/0", {"labels": state})

    def told(now: LogFacts) -> list[tuple[str, str]]:
        checkups = checkups_of("ingest/0", "labels", checkpoint, now)
        return [(checkup.level, checkup.what.partition(";")[0]) for checkup in checkups]

    assert told(LogFacts("a", 0, 100)) == []
    assert told(LogFacts("a", 0, 5)) == [("fail", "ingest/0: labels: the end of the log went back")]
    deleted = "ingest/0: labels: records were deleted before they were read"
    assert told(LogFacts("a", 150, 160)) == [("fail", deleted)]
    other = "ingest/0: labels: the topic was deleted and created again"
    assert told(LogFacts("b", 0, 160)) == [("fail", other)]
    state.changes["truncated"] = Noted(2, NOW_MS, lost_from=7, lost_to=9, lost=3)
    assert told(LogFacts("a", 0, 100)) == [
        ("warn", "ingest/0: labels: truncated 2 times, the last at 2027-01-15T08:00:00+00:00")
    ]


def test_windows_that_stop_while_events_come_are_a_failure() -> None:
    stalled = HEALTHY._replace(windows={"risk": LastWindow(NOW_MS - 4 * HOUR_MS, NOW_MS - 3 * HOUR_MS)})
    assert "no window closes although events come: risk" in found(stalled, "fail")[0]
    silent = stalled._replace(ingest={0: ingest(predictions=clock(NOW_MS - 4 * HOUR_MS))})
    assert found(silent, "fail") == []
    assert found(stalled._replace(windows={}), "fail") == []  # a new model


def test_a_monitor_without_events_is_a_warning_and_labels_that_never_came_are_told() -> None:
    assert found(HEALTHY, "warn", risk=MONITOR, other=MONITOR)[0].startswith("no event has come for other")
    unlabelled = HEALTHY._replace(ingest={0: ingest(predictions=clock())})
    assert any("none have come yet for risk" in what for what in found(unlabelled, "ok"))


def test_late_rejected_and_unwatched_events_are_warnings() -> None:
    assert "EventsLate" in found(HEALTHY._replace(ingest={0: ingest(late=500)}), "warn")[-1]
    broken = HEALTHY._replace(rejections=[rejection("invalid_event"), rejection("empty", HOUR_MS + 1)])
    assert "1 of predictions (invalid_event)" in found(broken, "warn")[0]
    unwatched = HEALTHY._replace(rejections=[rejection("unknown_model", offset=n) for n in range(12)])
    assert "12 of c34; apply a monitor" in found(unwatched, "warn")[0]
    early = HEALTHY._replace(rejections=[rejection("unknown_model", model="risk")])
    assert "came before their monitor: 1 of risk" in found(early, "warn")[0]


def test_a_subject_that_is_judged_on_a_part_of_its_events_is_a_failure() -> None:
    clocks = {"scorer-7": PublisherClock(events=9, most_ms=3_000_000), "scorer-8": PublisherClock(events=9)}
    troubled = HEALTHY._replace(troubles={"risk": Trouble(0.3, clocks), "other": Trouble(0.95, {})})
    [low] = found(troubled, "fail")
    assert "risk (30%)" in low
    assert "other" not in low
    [clock] = found(troubled, "warn")
    assert "scorer-7 of risk (50 min)" in clock
    assert "scorer-8" not in clock


def test_what_could_not_be_read_is_a_warning_and_alerts_are_counted() -> None:
    assert found(HEALTHY._replace(unreadable=["the lag could not be read: no"]), "warn") == [
        "the lag could not be read: no"
    ]
    firing = Alert.model_validate(
        {
            "fingerprint": "a",
            "status": "firing",
            "pages": True,
            "labels": {"alertname": "FeatureMissing", "severity": "critical"},
            "annotations": {},
            "started_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        }
    )
    facts = HEALTHY._replace(alerts=[(firing, NOW_MS - 5_000)])
    assert "alerts that fire: 1 critical; the last changed 5 s ago" in found(facts, "ok")


def test_the_worst_comes_first() -> None:
    levels = ["ok", "warn", "fail", "ok", "fail"]
    ordered = worst_first([Checkup(level, str(n)) for n, level in enumerate(levels)])  # type: ignore[arg-type]
    assert [checkup.what for checkup in ordered] == ["2", "4", "1", "0", "3"]
