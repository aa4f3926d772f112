"""A receiver: delivers the messages of a sink to a program outside Kafka, and counts the outcomes.

`streams/sinks.py` lists the receivers of each sink. Each receiver has its deliverer in a file of its own.
"""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from watchkeeper.streams.errors import DeclarationError, WatchkeeperError
from watchkeeper.streams.fold.outlet import Sink, always
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.metrics.outcomes import NOTIFICATION_OUTCOMES
from watchkeeper.streams.settings import Settings

log = logging.getLogger("watchkeeper.receiver")


class NoticesRefused(WatchkeeperError):
    """A receiver will never accept these notices; the message says why."""


class Opening(NamedTuple):
    """The arguments for making a deliverer."""

    settings: Settings
    failed: Callable[[int], object]
    """Counts a failed try; called with the number of its notices."""
    json_pages: bool = False
    """Whether the terminal shows pages as JSON."""
    clock_seconds: Callable[[], float] = time.time
    """Returns the wall clock in seconds."""


Maker = Callable[[Opening], Sink | None]
"""Makes a deliverer, or returns None if the settings do not ask for it."""


class Receiver:
    """A sink that hands messages to one deliverer and counts the outcomes."""

    def __init__(self, name: str, deliverer: Sink, metrics: Metrics) -> None:
        self.name = name
        self._deliverer = deliverer
        self._metrics = metrics
        # Exported from the start, so that Prometheus sees the rise from 0 to 1.
        for outcome in NOTIFICATION_OUTCOMES:
            self._count(0, outcome)

    async def deliver(self, messages: list[Message], is_current: Callable[[], bool] = always) -> None:
        """Deliver messages; return once the receiver has accepted them or refused them for good."""
        try:
            await self._deliverer.deliver(messages, is_current)
            outcome = "delivered"
        except NoticesRefused as error:
            # Later messages must not wait behind messages that will never be accepted.
            log.error(
                "%s refused %d notices and will not accept them later: %s", self.name, len(messages), error
            )
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
    """Return the first receiver of a sink that the settings ask for.

    Args:
        sink: The name of the sink.
        makers: The receivers by name, in order of precedence.
        settings: The settings.
        metrics: Where the outcomes are counted.
        json_pages: Whether the terminal shows pages as JSON.
        clock_seconds: Returns the wall clock in seconds.

    Raises:
        DeclarationError: The settings ask for none of the receivers.
    """
    for name, make in makers.items():
        failed = partial(metrics.observe_notification, name, "failed")
        deliverer = make(Opening(settings, failed, json_pages, clock_seconds))
        if deliverer is not None:
            return Receiver(name, deliverer, metrics)
    names = ", ".join(makers)
    raise DeclarationError(f"no receiver of {sink} is set; set one of: {names}")
