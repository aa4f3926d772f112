"""Every state that lasts is logged, with what it waits for, and so is its end."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker import waits
from watchkeeper.streams.worker.waits import FIRST_SECONDS, REPEAT_SECONDS, WaitLog, Waits, states

STATES = {"joining": "a", "restoring": "b", "saving": "c"}
seconds = st.lists(st.sets(st.sampled_from(sorted(STATES))), max_size=200)


@given(seconds)
def test_no_state_lasts_in_silence_and_none_is_repeated_too_often(steps: list[set[str]]) -> None:
    log, began, lines = Waits(), {}, {}
    for now, names in enumerate(steps):
        found = list(log.look({name: STATES[name] for name in names}, now))
        began = {name: began.get(name, now) for name in names}
        lines = {name: lines.get(name, []) for name in names}
        for name in names:
            if any(line.startswith(f"{name}, for ") for line in found):
                lines[name].append(now)
        for name, since in began.items():
            due = 0 if now - since < FIRST_SECONDS else 1 + (now - since - FIRST_SECONDS) // REPEAT_SECONDS
            assert len(lines[name]) == due


def test_each_state_is_logged_from_the_start_also_without_an_event_loop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread logs as it does in a worker; only its clock is driven here."""
    times = iter(range(60))
    monkeypatch.setattr(waits.log, "disabled", False)
    monkeypatch.setattr(waits.time, "sleep", lambda _: None)
    monkeypatch.setattr(waits.time, "monotonic", lambda: next(times))
    wait_log = WaitLog()
    with caplog.at_level(logging.WARNING), pytest.raises(StopIteration):
        wait_log._log_for_ever()
    told = [record.getMessage() for record in caplog.records]
    condition = "the broker must return both topics to their ends"
    assert told == [
        f"waiting: reading monitors and references, for {after} s: {condition}" for after in (10, 40)
    ]


def worker(**changes: Any) -> Any:
    app = SimpleNamespace(rebalancing=changes.pop("rebalancing", False))
    given_state = {"broker_silence_ms": 0, "unrestored": set(), "keepers": {}}
    return SimpleNamespace(app=app, settings=Settings(topic_prefix="ml."), **given_state | changes)


def keeper(source: str, progressed_ms: int, is_unsaved: bool = True) -> Any:
    stage = source.split("/")[0]
    return SimpleNamespace(source=source, stage=stage, progressed_ms=progressed_ms, is_unsaved=is_unsaved)


NOW_MS = 60_000
LASTING = {
    "joining the group ml.watchkeeper": worker(rebalancing=True),
    "restoring partitions": worker(unrestored={("ingest", 3)}),
    "without an answer of Kafka": worker(broker_silence_ms=10_000),
    "delivering alerts": worker(keepers={1: keeper("notify/2", 0)}),
    "saving checkpoints": worker(keepers={1: keeper("page/0", 0)}),
}


@pytest.mark.parametrize("state", LASTING)
def test_a_worker_says_what_it_waits_for(state: str) -> None:
    assert list(states(LASTING[state], NOW_MS)) == [state]


def test_a_healthy_worker_waits_for_nothing() -> None:
    keepers = {1: keeper("page/0", NOW_MS - 500), 2: keeper("notify/0", 0, is_unsaved=False)}
    assert states(worker(keepers=keepers), NOW_MS) == {}


def test_many_partitions_are_not_all_listed() -> None:
    missing = {("ingest", number) for number in range(100)}
    [condition] = states(worker(unrestored=missing), NOW_MS).values()
    assert condition.endswith("ingest/12 and 95 more must be read")
