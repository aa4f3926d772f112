"""Health checks of a worker, based on its progress.

A worker is alive if a restart would not help it. A restart does not repair a broker or receiver that is down,
and it does not speed up a worker that is busy. The checks are answered by another thread than the event loop.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.fold.keeper import SAVE_BYTES_PER_SECOND, Keeper
from watchkeeper.streams.topics.flow import DELIVERING
from watchkeeper.streams.worker.clock import elapsed_ms
from watchkeeper.streams.worker.web import Health
from watchkeeper.streams.worker.worker import Worker

__all__ = ["AWAY_SECONDS", "STUCK_SECONDS", "Probes"]

STUCK_SECONDS = 60.0
"""Seconds without progress after which a worker is stuck. Chosen by hand: slow work against late restarts."""
AWAY_SECONDS = 15.0
"""Seconds without an answer after which the broker counts as down: three requests (`METADATA_MS`)."""
BEAT_SECONDS = 1.0
"""Seconds between two heartbeats. Chosen by hand: far less than `STUCK_SECONDS`."""


class Awaited(NamedTuple):
    """What a worker waits for before it can work, and since when."""

    what: str
    """Empty: it works."""
    since_ms: int


class Probes:
    """Answers the health checks of one worker.

    Args:
        worker: The worker.
        registry: The configuration that the worker reads.
        elapsed_ms: Returns a monotonic time in milliseconds.
    """

    def __init__(
        self, worker: Worker, registry: Registry, elapsed_ms: Callable[[], int] = elapsed_ms
    ) -> None:
        self._worker = worker
        self._registry = registry
        self._elapsed_ms = elapsed_ms
        self._began_ms = self._beat_ms = self._settled_ms = elapsed_ms()
        self._has_joined = False
        self._waiting = Awaited("", self._beat_ms)

    async def note_joined(self) -> None:
        """Record that the worker has joined the group for the first time. Faust starts its tasks then."""
        self._has_joined = True

    async def beat_for_ever(self) -> None:
        """Call `beat` regularly as long as the event loop runs, from the first join on."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_SECONDS)

    def beat(self) -> None:
        """Record that the event loop runs.

        Time without a broker, and time in which the loop was busy, do not count as time without progress.
        """
        now_ms = self._elapsed_ms()
        busy_ms = max(0, now_ms - self._beat_ms - round(2 * BEAT_SECONDS * 1000))
        self._beat_ms = now_ms
        away = self._is_away()
        for keeper in self._worker.keepers.values():
            keeper.progressed_ms = now_ms if away else min(now_ms, keeper.progressed_ms + busy_ms)
        settled = away or not self._is_joining()
        self._settled_ms = now_ms if settled else min(now_ms, self._settled_ms + busy_ms)
        self._note_waiting(now_ms)

    def live(self) -> Health:
        """Return whether the event loop runs, joining the group ends, and waiting work makes progress."""
        stuck = sorted(
            keeper.source for keeper in list(self._worker.keepers.values()) if self._is_stuck(keeper)
        )
        loop, rebalance = self._age_seconds(self._beat_ms), self._age_seconds(self._settled_ms)
        ok = not stuck and loop < STUCK_SECONDS and rebalance < STUCK_SECONDS and not self._worker.app.crashed
        detail = {"stuck": stuck, "loop_age_seconds": loop, "rebalance_age_seconds": rebalance}
        return Health(ok, detail | self._waits_for() | self._broker())

    def ready(self) -> Health:
        """Return whether all assigned partitions are restored, the configuration read, and the broker up."""
        keepers = sorted(keeper.source for keeper in list(self._worker.keepers.values()))
        missing = sorted(f"{stage}/{partition}" for stage, partition in self._worker.unrestored)
        ok = bool(keepers) and not missing and not self._is_joining() and self._registry.ready.is_set()
        detail = {
            "partitions": keepers,
            "restoring": missing,
            "rebalancing": bool(self._worker.app.rebalancing),
            "subjects": self._registry.subjects(),
            "ignored": self._registry.broken,
        }
        return Health(ok and not self._is_away(), detail | self._waits_for() | self._broker())

    def joining_seconds(self) -> float:
        """Return how long the worker has been joining the group or rebalancing; 0 once it has joined."""
        return self._age_seconds(self._settled_ms) if self._is_joining() else 0.0

    def silence_seconds(self) -> float:
        """Return how long no broker has answered, at most since the start."""
        return min(self._worker.broker_silence_ms / 1000, self._age_seconds(self._began_ms))

    def _is_joining(self) -> bool:
        return not self._has_joined or bool(self._worker.app.rebalancing)

    def _is_stuck(self, keeper: Keeper) -> bool:
        """Whether a keeper has records or outputs waiting, and has made no progress for `STUCK_SECONDS`."""
        # A large checkpoint is saved less often (`Keeper.due`).
        patience = STUCK_SECONDS + keeper.size_bytes / SAVE_BYTES_PER_SECOND
        if keeper.stage in DELIVERING or self._age_seconds(keeper.progressed_ms) < patience:
            return False
        return any(keeper.waiting.values()) or keeper.is_unsaved

    def _note_waiting(self, now_ms: int) -> None:
        """Note what the worker waits for, and since when. `waits.py` logs it."""
        what = self._awaited()
        if what != self._waiting.what:
            self._waiting = Awaited(what, now_ms)

    def _awaited(self) -> str:
        """Return what keeps the worker from working; an empty text if nothing does."""
        missing = sorted(f"{stage}/{partition}" for stage, partition in self._worker.unrestored)
        if self._is_away():
            return "the broker to answer"
        if not self._has_joined:
            return "the group to take this worker in (joining)"
        if self._worker.app.rebalancing:
            return "the group to share out the partitions (rebalancing)"
        if not self._registry.ready.is_set():
            return "the topics monitors and references to be read"
        return f"the checkpoints of {', '.join(missing)}" if missing else ""

    def _waits_for(self) -> dict[str, object]:
        what, since_ms = self._waiting
        return {
            "waits_for": what,
            "waits_seconds": self._age_seconds(since_ms) if what else 0.0,
        }

    def _is_away(self) -> bool:
        return self._worker.broker_silence_ms >= AWAY_SECONDS * 1000

    def _broker(self) -> dict[str, object]:
        return {
            "broker_silence_seconds": self._worker.broker_silence_ms / 1000,
            "broker_away": self._is_away(),
        }

    def _age_seconds(self, since_ms: int) -> float:
        return (self._elapsed_ms() - since_ms) / 1000
