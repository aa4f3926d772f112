"""Events of an environment are watched by its own monitor, or counted: never mixed with another's."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.streams.ingest.test_stage import MONITOR, NOW_MS, label, panes, prediction, records, rejections
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.profiles import SubjectAccount, ToEvaluate
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.stage import IngestFold

PRODUCTION = MONITOR
STAGING = MONITOR.model_copy(update={"environment": "staging"})
NARROW = Monitor.model_validate(
    {
        **MONITOR.model_dump(exclude={"features", "segments"}, mode="json", exclude_none=True),
        "environment": "staging",
        "features": {"extra": {"type": "category"}},
    }
)
OTHERS = [None, "", "production", "staging", "qa"]


def fold_of(*monitors: Monitor) -> IngestFold:
    registry = Registry.fixed({each.subject: Watched(each) for each in monitors})
    return IngestFold(0, 4, registry, early_ms=0)


def mixed(count: int = 60, **changes: Any) -> list[dict[str, object]]:
    """Predictions of one minute, of all environments in turn."""
    events = []
    for i in range(count):
        event = prediction(i, i % 60, **changes)
        environment = OTHERS[i % len(OTHERS)]
        events.append(event if environment is None else {**event, "environment": environment})
    return events


def rows(ingest: IngestFold, at_ms: int = NOW_MS) -> dict[tuple[str, str], int]:
    """Close all panes, and return the rows by kind and subject."""
    for topic in ("predictions", "labels", "features"):
        ingest.caught_up(topic, at_ms)
    for topic in ("predictions", "labels", "features"):
        ingest.caught_up(topic, at_ms + 10_000)
        ingest.caught_up(topic, at_ms + 20_000)
    found: Counter[tuple[str, str]] = Counter()
    for pane in panes(ingest.outputs()):
        if pane.segment is None:
            found[pane.kind, pane.subject] += pane.rows
    return dict(found)


def test_a_monitor_has_a_name_and_an_environment_of_its_own() -> None:
    assert (PRODUCTION.subject, PRODUCTION.environment) == ("risk", "production")
    assert (STAGING.subject, STAGING.name) == ("risk@staging", "risk")


def test_other_environments_are_counted_and_in_no_statistic() -> None:
    ingest = fold_of(PRODUCTION)
    ingest.fold("predictions", records(mixed()), NOW_MS)
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.other_environment, account.rejected) == (36, 24, 0)
    assert account.total == 60
    assert rows(ingest) == {("predictions", "risk"): 36}


@pytest.mark.parametrize("second", [STAGING, NARROW], ids=["same features", "other features"])
@pytest.mark.parametrize("enveloped", [False, True])
def test_each_environment_has_its_own_statistics(second: Monitor, enveloped: bool) -> None:
    ingest = fold_of(PRODUCTION, second)
    events: list[Any] = mixed(features={**prediction(1, 1)["features"], "extra": "x"})  # type: ignore[dict-item]
    if enveloped:
        events = [{"specversion": "1.0", "type": "t", "data": event} for event in events]
    ingest.fold("predictions", records(events), NOW_MS)
    assert ingest.partition.accounts["predictions"].other_environment == 12
    assert rows(ingest) == {("predictions", "risk"): 36, ("predictions", "risk@staging"): 12}


def test_a_feature_that_only_another_environment_breaks_is_not_a_fault_of_this_one() -> None:
    ingest = fold_of(PRODUCTION)
    broken = [prediction(i, i, environment="staging", features={"age": "old"}) for i in range(9)]
    ingest.fold("predictions", records([*broken, *(prediction(i, i) for i in range(9, 18))]), NOW_MS)
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.other_environment, account.rejected) == (9, 9, 0)


def test_only_staging_is_watched() -> None:
    ingest = fold_of(STAGING)
    ingest.fold("predictions", records(mixed()), NOW_MS)
    assert ingest.partition.accounts["predictions"].other_environment == 48
    assert rows(ingest) == {("predictions", "risk@staging"): 12}


def test_an_environment_that_is_no_text_is_rejected() -> None:
    ingest = fold_of(PRODUCTION)
    ingest.fold("predictions", records([prediction(0, 0, environment=5)]), NOW_MS)
    (found,) = rejections(ingest.outputs())
    assert (found.reason, "environment" in found.message) == ("invalid_event", True)


def test_a_name_with_an_at_sign_is_no_way_into_another_environment() -> None:
    ingest = fold_of(PRODUCTION, STAGING)
    event = prediction(0, 0, model="risk@staging")
    ingest.fold("predictions", records([event, label(1, 1, model="risk@staging")]), NOW_MS)
    ingest.fold("labels", records([label(1, 1, model="risk@staging")]), NOW_MS)
    assert [each.reason for each in rejections(ingest.outputs())] == ["unknown_model"] * 3


@pytest.mark.parametrize("named", ["predictions first", "labels first"])
def test_labels_reach_the_predictions_of_their_environment(named: str) -> None:
    ingest = fold_of(PRODUCTION, STAGING)
    events = [
        prediction(0, 0),
        prediction(1, 1, environment="staging"),
        prediction(2, 2, environment="staging"),
        prediction(2, 2),
        prediction(3, 3),
    ]
    labels = [
        label(0, 10),  # of the only environment that has this prediction
        label(1, 11),
        label(2, 12, environment="staging"),  # not of production's prediction with the same id
        label(3, 13, environment="qa"),  # nobody watches that
    ]
    chunks = [("predictions", records(events)), ("labels", records(labels))]
    for topic, chunk in chunks if named == "predictions first" else chunks[::-1]:
        ingest.fold(topic, chunk, NOW_MS)
    account = ingest.partition.accounts["labels"]
    assert (account.accepted, account.other_environment) == (3, 1)
    assert ingest.partition.labels.matched == 3
    found = rows(ingest)
    assert (found["labels", "risk"], found["labels", "risk@staging"]) == (1, 2)


def test_a_feature_view_has_environments_too() -> None:
    view = Monitor.model_validate(
        {"feature_view": "weather", "owner": {"team": "a"}, "features": {"t": {"type": "number"}}}
    )
    ingest = fold_of(view, view.model_copy(update={"environment": "staging"}))
    at = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    events = [
        {"feature_view": "weather", "event_time": at, "features": {"t": 1}, "environment": environment}
        for environment in OTHERS
    ]
    ingest.fold("features", records(events), NOW_MS)
    assert ingest.partition.accounts["features"].other_environment == 1
    assert rows(ingest) == {("features", "weather"): 3, ("features", "weather@staging"): 1}


def test_chunks_and_a_restart_change_nothing() -> None:
    chunk = records(mixed(100))
    whole, parts = fold_of(PRODUCTION, STAGING), fold_of(PRODUCTION, STAGING)
    whole.fold("predictions", chunk, NOW_MS)
    for first in range(0, 100, 7):
        parts.fold("predictions", chunk[first : first + 7], NOW_MS)
        state, outputs = parts.snapshot(), parts.outputs()
        assert outputs == [] or all(message.topic == "profiles" for message in outputs)
        parts = fold_of(PRODUCTION, STAGING)
        parts.restore(state)
        for topic, offset in parts.needs().items():
            parts.remember(topic, [each for each in chunk[: first + 7] if each.offset >= offset])
    assert parts.partition.accounts == whole.partition.accounts
    assert rows(parts) == rows(whole)


def test_a_chunk_that_names_an_unknown_subject_is_recognised() -> None:
    ingest = fold_of(PRODUCTION)
    known = records([prediction(0, 0), prediction(1, 1)])
    unknown = [*known, Record(2, NOW_MS, b"k", json.dumps(prediction(2, 2, model="new")).encode())]
    assert not ingest.has_unwatched("predictions", known)
    assert ingest.has_unwatched(
        "predictions", records([prediction(0, 0), prediction(1, 1, environment="qa")])
    )
    assert ingest.has_unwatched("labels", records([label(0, 0, environment="qa")]))
    assert ingest.has_unwatched("predictions", unknown)
    ingest.fold("predictions", unknown, NOW_MS)
    assert [each.reason for each in rejections(ingest.outputs())] == ["unknown_model"]
    assert ingest.has_unwatched("labels", records([label(0, 0, model="new")]))
    assert not ingest.has_unwatched("labels", records([label(0, 0)]))
    assert not ingest.has_unwatched("labels", records([label(0, 0, model=None)]))


def test_the_wire_has_the_field() -> None:
    from watchkeeper.schemas.events import FeatureEvent, Label, Prediction

    for event in (Prediction, Label, FeatureEvent):
        assert "environment" in {field.name for field in msgspec.structs.fields(event)}


def test_a_subject_of_which_only_other_environments_come_is_reported() -> None:
    ingest = fold_of(PRODUCTION)
    ingest.fold("predictions", records(mixed()), NOW_MS)
    assert accounts(ingest.outputs()) == []  # a shared topic is no trouble
    lost = fold_of(PRODUCTION)
    lost.fold("predictions", records([prediction(i, i, environment="prod") for i in range(5)]), NOW_MS)
    assert accounts(lost.outputs()) == [("risk", 5)]


def accounts(messages: list[Any]) -> list[tuple[str, int]]:
    decoded = [msgspec.msgpack.decode(m.value, type=ToEvaluate) for m in messages if m.topic == "profiles"]
    found = [each for each in decoded if isinstance(each, SubjectAccount)]
    return [(each.subject, each.kinds["predictions"].other) for each in found]
