"""Runs the probe: publishes all the time, drifts when a round begins, and looks for the alert."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from watchkeeper.alerting.alertmanager import Alertmanager, AlertmanagerRefusal
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.canary.missed import MissedAlert
from watchkeeper.streams.canary.publisher import ProbePublisher
from watchkeeper.streams.canary.round import Place, Plan, Result, Round
from watchkeeper.streams.canary.subject import ALERTNAME
from watchkeeper.streams.canary.topics import Topics
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.worker.web import Health

__all__ = ["Canary"]

log = logging.getLogger("watchkeeper.canary")
T = TypeVar("T")

_LOOKS_PER_PANE = 10
"""Number of times that the probe looks for its alert in one pane. Chosen by hand: more looks measure the
detection time more exactly and cost more requests."""
_LOOK_SECONDS_MAX = 2.0
"""The longest time between two looks, in seconds. Chosen by hand, like `_LOOKS_PER_PANE`."""
STUCK_SECONDS = 60.0
"""Seconds without a look after which the probe is not live. Chosen by hand: less would restart a slow probe,
more would leave a stuck one for longer."""


class Canary:
    """The probe. `run_once` runs one round; `run_for_ever` runs one round after the other.

    Args:
        watched: The probe's monitor.
        plan: When rounds begin and how long they may take.
        beat_seconds: The time between two events of a partition.
        publisher: Publishes the events.
        topics: Follows the topics `alerts` and `monitors`.
        alertmanager: The Alertmanager where the alert must appear; None: only the topic is watched.
        missed: The alert on a missed round.
        metrics: The probe's metrics.
        clock_ms: Returns the wall clock in milliseconds.
    """

    def __init__(
        self,
        watched: Monitor,
        plan: Plan,
        beat_seconds: float,
        publisher: ProbePublisher,
        topics: Topics,
        alertmanager: Alertmanager | None,
        missed: MissedAlert,
        metrics: CanaryMetrics,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._watched = watched
        self._plan = plan
        self._beat_seconds = beat_seconds
        self._look_seconds = min(_LOOK_SECONDS_MAX, plan.pane_ms / 1000 / _LOOKS_PER_PANE)
        self._trickle = publisher
        self._topics = topics
        self._alertmanager = alertmanager
        self._missed = missed
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._places: tuple[Place, ...] = ("topic", "alertmanager") if alertmanager else ("topic",)
        self._round = self._new_round(plan.next_round_ms(clock_ms()))
        self._seen_ours = False
        self._adopted = True
        self._looked_ms = clock_ms()

    async def run_once(self) -> Result:
        """Run one round as soon as possible and return its result. A missed round raises the alert."""
        self._round = self._new_round(self._plan.next_pane_ms(self._clock_ms()))
        return await self._while_publishing(self._watch())

    async def run_for_ever(self, ended: Callable[[Result], object]) -> None:
        """Run rounds until cancelled; call `ended` after each."""
        self._adopted = False
        await self._while_publishing(self._watch_for_ever(ended))

    async def _watch_for_ever(self, ended: Callable[[Result], object]) -> None:
        while True:
            log.info("the next round begins at %s", _time(self._round.begins_ms))
            ended(await self._watch())
            self._round = self._new_round(self._plan.next_round_ms(self._clock_ms()))

    async def _while_publishing(self, watch: Coroutine[Any, Any, T]) -> T:
        """Publish while watching: a slow Alertmanager must not stop the events."""
        publishing, watching = asyncio.create_task(self._publish()), asyncio.create_task(watch)
        try:
            await asyncio.wait({publishing, watching}, return_when=asyncio.FIRST_COMPLETED)
            if publishing.done():
                publishing.result()  # it ends only by an error, which this raises
            return watching.result()
        finally:
            publishing.cancel()
            watching.cancel()

    def live(self) -> Health:
        """Whether the probe still looks for its alert. If not, a restart helps."""
        quiet = (self._clock_ms() - self._looked_ms) / 1000
        return Health(quiet < STUCK_SECONDS, {"loop_age_seconds": quiet})

    def ready(self) -> Health:
        """Whether the probe's monitor is in force."""
        return Health(self._seen_ours, {"next_round": _time(self._round.begins_ms)})

    def _new_round(self, begins_ms: int) -> Round:
        return Round(self._watched.subject, begins_ms, self._plan, self._places)

    async def _publish(self) -> None:
        while True:
            now_ms = self._clock_ms()
            self._trickle.send(now_ms, self._round.drifts(now_ms))
            await asyncio.sleep(self._beat_seconds)

    async def _watch(self) -> Result:
        """Look for the alert until the round has ended, and count the round. A missed one raises an alert."""
        while True:
            await self._look()
            now_ms = self._looked_ms = self._clock_ms()
            self._adopted = self._adopted or await self._missed.adopt(now_ms)
            result = self._round.result(now_ms)
            if result is not None:
                self._metrics.observe_round(result, now_ms)
                self._missed.record(result, now_ms)
            refusal = await self._missed.deliver(now_ms)
            if refusal is not None:
                log.error("CanaryMissed could not be delivered: %s", refusal.message)
            self._metrics.observe_missed(self._missed.firing, self._missed.undelivered)
            if result is not None:
                return result
            await asyncio.sleep(self._look_seconds)

    async def _look(self) -> None:
        """Look for the alert on the topic and in Alertmanager. No answer changes nothing."""
        self._topics.poll()
        self._check_monitor()
        self._round.see("topic", self._topics.firing, self._clock_ms())
        if self._alertmanager is None:
            return
        found = await self._alertmanager.firing({"alertname": ALERTNAME, "model": self._watched.subject})
        if not isinstance(found, AlertmanagerRefusal):
            self._round.see("alertmanager", bool(found), self._clock_ms())

    def _check_monitor(self) -> None:
        if self._topics.monitor == self._watched:
            self._seen_ours = True
        elif self._seen_ours:
            raise UserError(
                f"the monitor {self._watched.subject} was changed or removed by another `watchkeeper canary` "
                "or by hand, so this one stops; run only one of a name, or choose other names with --model"
            )


def _time(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000))
