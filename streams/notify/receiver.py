"""Where pages go: the Alertmanagers of the settings, or the terminal where there are none."""

import logging
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from watchkeeper.alerting.alertmanager import Credentials
from watchkeeper.streams.fold.outlet import always
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.notify.alertmanager import AlertmanagerDeliverer, NoticeRefused, TerminalDeliverer
from watchkeeper.streams.settings import Settings

log = logging.getLogger("watchkeeper.receiver")

OUTCOMES = ("delivered", "failed", "refused")


class Receiver:
    """Delivers notices and counts them."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        json_pages: bool = False,
        clock_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._metrics = metrics
        self.name = "alertmanager" if settings.alertmanagers else "terminal"
        self._deliverer: AlertmanagerDeliverer | TerminalDeliverer = (
            AlertmanagerDeliverer(
                [str(url) for url in settings.alertmanagers],
                credentials(settings),
                clock=clock_seconds,
                failed=lambda notices: self._count(notices, "failed"),
                hold_seconds=settings.alertmanager_hold_seconds,
            )
            if settings.alertmanagers
            else TerminalDeliverer(Console(), json_pages)
        )
        for outcome in OUTCOMES:  # shown from the start: Prometheus must see 0 become 1
            self._count(0, outcome)

    async def deliver(self, messages: list[Message], is_current: Callable[[], bool] = always) -> None:
        """Return when the receiver has taken the notices, or has refused them for good.

        NotOurs once `is_current` says no: whoever has the partition now delivers them.
        """
        try:
            await self._deliverer.deliver(messages, is_current)
            outcome = "delivered"
        except NoticeRefused as error:
            # It will never take these; those that it would take must not wait behind them.
            log.error("%s refuses %d notices for good: %s", self.name, len(messages), error)
            outcome = "refused"
        self._count(len(messages), outcome)

    def _count(self, notices: int, outcome: str) -> None:
        self._metrics.observe_notification(self.name, outcome, notices)

    async def close(self, *_: Any, **__: Any) -> None:
        """Close the connections."""
        await self._deliverer.close()


def credentials(settings: Settings) -> Credentials:
    """Return how to log in to Alertmanager."""
    return Credentials(
        settings.alertmanager_username,
        settings.alertmanager_password_file,
        settings.alertmanager_bearer_file,
    )
