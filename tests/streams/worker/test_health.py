"""Probes mean progress: alive unless a restart would help, ready only when all that is assigned works."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from watchkeeper.streams.fold.keeper import SAVE_BYTES_PER_SECOND
from watchkeeper.streams.worker.health import AWAY_SECONDS, BEAT_SECONDS, STUCK_SECONDS, Probes

LONG_MS = round(STUCK_SECONDS * 1000) + 1


class Scene:
    """A worker with one keeper, as far as probes look at it, and a clock that the test sets."""

    def __init__(self, stage: str = "evaluate", joined: bool = True) -> None:
        self.now_ms = 0
        self.keeper = SimpleNamespace(
            stage=stage, source=f"{stage}/0", waiting={}, is_unsaved=False, progressed_ms=0, size_bytes=0
        )
        self.worker: Any = SimpleNamespace(
            keepers={(stage, 0): self.keeper},
            unrestored=set(),
            broker_silence_ms=0,
            app=SimpleNamespace(rebalancing=False, crashed=False),
        )
        registry: Any = SimpleNamespace(ready=SimpleNamespace(is_set=lambda: True), subjects=list, broken={})
        self.probes = Probes(self.worker, registry, lambda: self.now_ms)
        if joined:
            asyncio.run(self.probes.note_joined())

    def passes(self, ms: int, beats: bool = True) -> None:
        """Let time pass, with a free event loop or with one that stands still until the end."""
        until_ms = self.now_ms + ms
        while beats and self.now_ms < until_ms:
            self.now_ms = min(until_ms, self.now_ms + round(BEAT_SECONDS * 1000))
            self.probes.beat()
        self.now_ms = until_ms

    @property
    def live(self) -> bool:
        return self.probes.live().ok

    @property
    def ready(self) -> bool:
        return self.probes.ready().ok


def test_nothing_to_do_is_no_fault() -> None:
    scene = Scene()
    scene.keeper.waiting = {"profiles": 0}
    scene.passes(LONG_MS)
    assert scene.live
    assert scene.ready


def test_records_that_wait_while_nothing_is_done_are_a_fault() -> None:
    scene = Scene()
    scene.keeper.waiting = {"profiles": 3}
    scene.passes(LONG_MS)
    assert scene.probes.live().detail["stuck"] == ["evaluate/0"]
    assert not scene.live
    scene.keeper.progressed_ms = scene.now_ms
    assert scene.live


def test_what_is_not_saved_for_long_is_a_fault() -> None:
    scene = Scene()
    scene.keeper.is_unsaved = True
    scene.passes(LONG_MS)
    assert not scene.live


def test_an_alertmanager_that_is_away_is_not_mended_by_a_restart() -> None:
    scene = Scene("notify")
    scene.keeper.is_unsaved = True
    scene.keeper.waiting = {"alerts": 5}
    scene.passes(LONG_MS)
    assert scene.live


def test_a_broker_that_is_away_makes_it_unready_and_leaves_it_alive() -> None:
    scene = Scene()
    scene.keeper.waiting, scene.keeper.is_unsaved = {"profiles": 3}, True
    scene.worker.app.rebalancing = True
    scene.worker.broker_silence_ms = round(AWAY_SECONDS * 1000)
    scene.passes(LONG_MS)
    health = scene.probes.live()
    assert (health.ok, health.detail["broker_away"]) == (True, True)
    assert not scene.ready
    scene.worker.broker_silence_ms = 0  # it is back: the time without it does not count
    scene.passes(LONG_MS // 2)
    assert scene.live
    scene.passes(LONG_MS)
    assert not scene.live


def test_a_loop_that_stands_still_is_a_fault() -> None:
    scene = Scene()
    scene.passes(LONG_MS, beats=False)
    assert not scene.live


def test_a_rebalance_that_does_not_end_is_a_fault() -> None:
    scene = Scene()
    scene.worker.app.rebalancing = True
    scene.passes(LONG_MS)
    assert not scene.live
    assert not scene.ready


def test_it_is_ready_once_all_that_is_assigned_is_restored() -> None:
    scene = Scene()
    scene.worker.unrestored = {("page", 1)}
    health = scene.probes.ready()
    assert (health.ok, health.detail["restoring"]) == (False, ["page/1"])
    scene.worker.unrestored = set()
    assert scene.ready


def test_a_first_join_that_does_not_end_is_a_fault() -> None:
    scene = Scene(joined=False)
    scene.passes(LONG_MS // 2)
    assert scene.live
    assert not scene.ready
    scene.passes(LONG_MS // 2 + 1)
    assert not scene.live
    assert scene.probes.joining_seconds() > STUCK_SECONDS
    asyncio.run(scene.probes.note_joined())
    scene.passes(1)
    assert scene.live
    assert scene.probes.joining_seconds() == 0


def test_a_busy_loop_is_no_fault_when_it_runs_again() -> None:
    scene = Scene()
    scene.keeper.waiting, scene.keeper.is_unsaved = {"profiles": 3}, True
    scene.worker.app.rebalancing = True
    scene.passes(LONG_MS, beats=False)  # the fold of another partition takes long
    scene.probes.beat()
    assert scene.live
    scene.passes(LONG_MS)  # now it is free, and still nothing is done
    assert not scene.live


def test_a_large_checkpoint_that_waits_to_be_saved_is_no_fault() -> None:
    scene = Scene()
    scene.keeper.is_unsaved = True
    scene.keeper.size_bytes = SAVE_BYTES_PER_SECOND * 60
    scene.passes(LONG_MS)
    assert scene.live
    scene.passes(LONG_MS)
    assert not scene.live


@pytest.mark.parametrize(
    ("change", "awaited"),
    [
        ({"app": SimpleNamespace(rebalancing=True, crashed=False)}, "rebalancing"),
        ({"broker_silence_ms": 20_000}, "the broker"),
        ({"unrestored": {("page", 1)}}, "checkpoints of page/1"),
    ],
)
def test_what_a_worker_waits_for_is_told_with_since_when(change: dict[str, Any], awaited: str) -> None:
    scene = Scene()
    for name, value in change.items():
        setattr(scene.worker, name, value)
    scene.passes(45_000)
    detail = scene.probes.ready().detail
    assert awaited in detail["waits_for"]
    assert 43 < detail["waits_seconds"] <= 45


def test_who_waits_for_nothing_says_nothing() -> None:
    scene = Scene()
    scene.passes(LONG_MS)
    assert scene.probes.ready().detail["waits_for"] == ""
