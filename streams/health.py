"""Whether a worker is alive and ready: by its progress, not by the web server answering."""

import time

from streams.config.registry import Registry
from streams.web import Health
from streams.worker import Worker

STUCK_SECONDS = 60.0


class Probes:
    """Answers probes about one worker."""

    def __init__(self, worker: Worker, registry: Registry) -> None:
        self._worker = worker
        self._registry = registry
        self._began_ms = _now_ms()

    def live(self) -> Health:
        """Say whether the loop turns and no checkpoint is stuck: if not, a restart helps."""
        now_ms = _now_ms()
        ages = {k.source: (now_ms - k.saved_at_ms) / 1000 for k in self._worker.keepers.values()}
        oldest = max(ages.values(), default=0.0)
        quiet = (now_ms - max(self._worker.ticked_ms, self._began_ms)) / 1000
        ok = quiet < STUCK_SECONDS and oldest < STUCK_SECONDS and not self._worker.app.crashed
        return Health(ok, {"loop_age_seconds": quiet, "checkpoint_age_seconds": oldest})

    def ready(self) -> Health:
        """Say whether partitions are assigned and restored, and the configuration has been read."""
        keepers = sorted(keeper.source for keeper in list(self._worker.keepers.values()))
        rebalancing = bool(self._worker.app.rebalancing)
        ok = bool(keepers) and not rebalancing and self._registry.ready.is_set()
        detail = {"partitions": keepers, "rebalancing": rebalancing, "subjects": self._registry.subjects()}
        return Health(ok, detail)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
