"""Logs what a worker waits for, if that lasts: nothing that hangs is silent."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping

from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import DELIVERING
from watchkeeper.streams.worker.clock import elapsed_ms
from watchkeeper.streams.worker.worker import Worker

__all__ = ["WaitLog", "Waits"]

log = logging.getLogger("watchkeeper.waits")

FIRST_SECONDS = 10.0
"""Seconds after which a state that lasts is logged. Chosen by hand: usual joins and restores are shorter."""
REPEAT_SECONDS = 30.0
"""Seconds between two log lines about one state. Chosen by hand: detail against volume."""
LOOK_SECONDS = 1.0
"""Seconds between two looks at the worker. Chosen by hand: far less than `FIRST_SECONDS`."""
LISTED_MAX = 5
"""Most partitions that one line lists. Chosen by hand, to keep it short."""
READING = {"reading monitors and references": "the broker must return both topics to their ends"}
"""What a worker waits for before its event loop runs."""
BUSY = {"running its event loop": "one step, such as the fold of a large chunk, has not ended"}
"""What a worker waits for while its event loop does not run."""


class Waits:
    """Decides when to log which state. It is plain: the time is passed in.

    >>> waits = Waits()
    >>> joining = {"joining the group": "the broker must answer"}
    >>> list(waits.look(joining, 0)), list(waits.look(joining, 9))
    ([], [])
    >>> list(waits.look(joining, 10))
    ['joining the group, for 10 s: the broker must answer']
    >>> list(waits.look(joining, 39)), list(waits.look({}, 45))
    ([], ['joining the group ended after 45 s'])
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._logged: dict[str, float] = {}

    def look(self, current: Mapping[str, str], now_seconds: float) -> Iterator[str]:
        """Yield the lines that are due.

        Args:
            current: By state, what must happen so that it ends.
            now_seconds: A monotonic time in seconds.
        """
        for state in [state for state in self._since if state not in current]:
            lasted = now_seconds - self._since.pop(state)
            if self._logged.pop(state, None) is not None:
                yield f"{state} ended after {lasted:.0f} s"
        for state, condition in current.items():
            since = self._since.setdefault(state, now_seconds)
            due = self._logged[state] + REPEAT_SECONDS if state in self._logged else since + FIRST_SECONDS
            if now_seconds >= due:
                self._logged[state] = now_seconds
                yield f"{state}, for {now_seconds - since:.0f} s: {condition}"


class WaitLog:
    """Logs the waits of this process from a thread of its own, also while the event loop does not run."""

    def __init__(self) -> None:
        self._waits = Waits()
        self._current: Mapping[str, str] = READING
        self._looked_seconds: float | None = None

    def watch(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._log_for_ever, name="waits", daemon=True).start()

    def expect_group(self, settings: Settings) -> None:
        """Record that the worker joins its group from now on. Faust runs no task before it has joined."""
        self._current = _joining(settings)

    def follow(self, worker: Worker) -> Callable[[], Awaitable[None]]:
        """Return a task that looks at a worker regularly. It also shows that the event loop runs."""

        async def look_for_ever() -> None:
            while True:
                self._current, self._looked_seconds = states(worker, elapsed_ms()), time.monotonic()
                await asyncio.sleep(LOOK_SECONDS)

        return look_for_ever

    def _log_for_ever(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            looked, now = self._looked_seconds, time.monotonic()
            busy = looked is not None and now - looked > FIRST_SECONDS
            for line in self._waits.look(BUSY if busy else self._current, now):
                log.warning("waiting: %s", line)


def states(worker: Worker, at_ms: int) -> dict[str, str]:
    """Return what a worker waits for, and what must happen so that each wait ends.

    Args:
        worker: The worker.
        at_ms: The current time of the monotonic clock.
    """
    settings = worker.settings
    found = {}
    if worker.broker_silence_ms >= FIRST_SECONDS * 1000:
        found["without an answer of Kafka"] = f"a broker at {settings.broker} must answer"
    if worker.app.rebalancing:
        found |= _joining(settings)
    elif missing := sorted(f"{stage}/{number}" for stage, number in worker.unrestored):
        found["restoring partitions"] = f"the checkpoints of {_listed(missing)} must be read"
    found |= _stalls(list(worker.keepers.values()), at_ms)
    return found


def _joining(settings: Settings) -> dict[str, str]:
    group = f"{settings.topic_prefix}{settings.application}"
    condition = "every other worker must join again or miss its heartbeats, then the coordinator answers"
    return {f"joining the group {group}": f"{condition} ({settings.broker})"}


def _stalls(keepers: list[Keeper], at_ms: int) -> Iterator[tuple[str, str]]:
    """Yield a state if keepers have something to save or deliver, and have not progressed."""
    stalled = [
        each for each in keepers if each.is_unsaved and at_ms - each.progressed_ms >= FIRST_SECONDS * 1000
    ]
    delivering = sorted(each.source for each in stalled if each.stage in DELIVERING)
    saving = sorted(each.source for each in stalled if each.stage not in DELIVERING)
    if delivering:
        yield "delivering alerts", f"the receiver must accept what {_listed(delivering)} sent"
    if saving:
        yield "saving checkpoints", f"the broker must acknowledge those of {_listed(saving)}"


def _listed(names: list[str]) -> str:
    more = len(names) - LISTED_MAX
    return ", ".join(names[:LISTED_MAX]) + (f" and {more} more" if more > 0 else "")
