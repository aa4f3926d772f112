"""A receiver: who takes what a stage sends out of Kafka, and what becomes of it.

`streams/sinks.py` lists the receivers of each sink; a file for each receiver has its deliverer.
"""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from watchkeeper.streams.errors import WatchkeeperError, WrongDeclaration
from watchkeeper.streams.fold.outlet import Sink, always
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.metrics.outcomes import NOTIFICATION_OUTCOMES
from watchkeeper.streams.settings import Settings

log = logging.getLogger("watchkeeper.receiver")


class NoticesRefused(WatchkeeperError):
    """A receiver will not take these notices, however often they are sent; the message says why."""


class Opening(NamedTuple):
    """What a deliverer is made from."""

    settings: Settings
    failed: Callable[[int], object]
    """Counts a try that did not succeed, by the number of its notices."""
    json_pages: bool = False
    clock_seconds: Callable[[], float] = time.time


Maker = Callable[[Opening], Sink | None]
"""Makes a deliverer, or returns None where the settings do not ask for it."""


class Receiver:
    """A sink that hands messages to one deliverer and counts what becomes of them."""

    def __init__(self, name: str, deliverer: Sink, metrics: Metrics) -> None:
        self.name = name
        self._deliverer = deliverer
        self._metrics = metrics
        for outcome in NOTIFICATION_OUTCOMES:  # shown from the start: Prometheus must see 0 become 1
            self._count(0, outcome)

    async def deliver(self, messages: list[Message], is_current: Callable[[], bool] = always) -> None:
        """Return when the receiver has taken the messages, or has refused them for good."""
        try:
            await self._deliverer.deliver(messages, is_current)
            outcome = "delivered"
        except NoticesRefused as error:
            # It will never take these; those that it would take must not wait behind them.
            log.error("%s refuses %d notices for good: %s", self.name, len(messages), error)
            outcome = "refused"
        self._count(len(messages), outcome)

    def _count(self, notices: int, outcome: str) -> None:
        self._metrics.observe_notification(self.name, outcome, notices)

    async def close(self) -> None:
        """Close the connections."""
        await self._deliverer.close()


def open_receiver(
    sink: str,
    makers: Mapping[str, Maker],
    settings: Settings,
    metrics: Metrics,
    json_pages: bool = False,
    clock_seconds: Callable[[], float] = time.time,
) -> Receiver:
    """Return the first receiver of a sink that the settings ask for."""
    for name, make in makers.items():
        failed = partial(metrics.observe_notification, name, "failed")
        deliverer = make(Opening(settings, failed, json_pages, clock_seconds))
        if deliverer is not None:
            return Receiver(name, deliverer, metrics)
    names = ", ".join(makers)
    raise WrongDeclaration(f"the settings ask for none of the receivers of {sink}: {names}; set one of them")
