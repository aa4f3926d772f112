"""Health checks of a worker, based on its progress.

A worker is alive if a restart would not help it. A restart does not repair a broker or receiver that is down.
"""

import asyncio
from collections.abc import Callable

from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.fold.keeper import Keeper
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
        self._beat_ms = self._settled_ms = elapsed_ms()

    async def beat_for_ever(self) -> None:
        """Call `beat` regularly as long as the event loop runs."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_SECONDS)

    def beat(self) -> None:
        """Record that the event loop runs. Time without a broker does not count as time without progress."""
        self._beat_ms = self._elapsed_ms()
        if self._is_away():
            for keeper in self._worker.keepers.values():
                keeper.progressed_ms = self._beat_ms
        if self._is_away() or not self._worker.app.rebalancing:
            self._settled_ms = self._beat_ms

    def live(self) -> Health:
        """Return whether the event loop runs, rebalances end, and waiting work makes progress."""
        stuck = sorted(
            keeper.source for keeper in list(self._worker.keepers.values()) if self._is_stuck(keeper)
        )
        loop, rebalance = self._age_seconds(self._beat_ms), self._age_seconds(self._settled_ms)
        ok = not stuck and loop < STUCK_SECONDS and rebalance < STUCK_SECONDS and not self._worker.app.crashed
        detail = {"stuck": stuck, "loop_age_seconds": loop, "rebalance_age_seconds": rebalance}
        return Health(ok, detail | self._broker())

    def ready(self) -> Health:
        """Return whether all assigned partitions are restored, the configuration read, and the broker up."""
        keepers = sorted(keeper.source for keeper in list(self._worker.keepers.values()))
        missing = sorted(f"{stage}/{partition}" for stage, partition in self._worker.unrestored)
        rebalancing = bool(self._worker.app.rebalancing)
        ok = bool(keepers) and not missing and not rebalancing and self._registry.ready.is_set()
        detail = {
            "partitions": keepers,
            "restoring": missing,
            "rebalancing": rebalancing,
            "subjects": self._registry.subjects(),
            "ignored": self._registry.broken,
        }
        return Health(ok and not self._is_away(), detail | self._broker())

    def _is_stuck(self, keeper: Keeper) -> bool:
        """Whether a keeper has records or outputs waiting, and has made no progress for `STUCK_SECONDS`."""
        if keeper.stage in DELIVERING or self._age_seconds(keeper.progressed_ms) < STUCK_SECONDS:
            return False
        return any(keeper.waiting.values()) or keeper.is_unsaved

    def _is_away(self) -> bool:
        return self._worker.broker_silence_ms >= AWAY_SECONDS * 1000

    def _broker(self) -> dict[str, object]:
        return {
            "broker_silence_seconds": self._worker.broker_silence_ms / 1000,
            "broker_away": self._is_away(),
        }

    def _age_seconds(self, since_ms: int) -> float:
        return (self._elapsed_ms() - since_ms) / 1000
