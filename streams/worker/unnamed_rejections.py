"""Pages the team of the installation if too many events are rejected and name no subject that has an owner.

Events that name a subject are told to its owner, by way of evaluate. Nothing stops and nothing is held back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from watchkeeper.alerting.evidence import utc
from watchkeeper.alerting.watchkeeper_alerts import rejected_share_alert
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.fold.rejected_share import RejectedShare
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

log = logging.getLogger("watchkeeper.worker")

PAGE_SECONDS = 20
"""Seconds to wait for a receiver to accept the page. Chosen by hand; later tries follow."""
FIRES_FOR = timedelta(minutes=15)
"""How long the alert fires after it was sent last. Chosen by hand: pauses of a publisher do not end it."""
REPEAT_MS = 300_000
"""Milliseconds between two notices of one topic while events are rejected. Chosen by hand: a third of
`FIRES_FOR`."""
RETRY_MS = 30_000
"""Milliseconds before a notice that no receiver accepted is sent again. Chosen by hand: a page is urgent."""

Deliver = Callable[[list[Message]], Awaitable[None]]


def alert_of(share: RejectedShare, settings: Settings, now_ms: int) -> Alert:
    """Return the alert. The installation and the topic identify it."""
    topic = topic_name(settings, share.topic)
    return rejected_share_alert(
        settings.application,
        settings.team,
        topic,
        f"{share.sentence}.",
        share.sample,
        now_ms,
        settings.runbooks,
    )


class UnnamedRejections:
    """Sends the alert while new events are rejected, and lets it end some time after the last of them.

    Args:
        settings: The settings of the worker.
        deliver: Delivers a message to the paging sink.
    """

    def __init__(self, settings: Settings, deliver: Deliver) -> None:
        self._settings = settings
        self._deliver = deliver
        self._due_ms: dict[str, int] = {}
        self._told: dict[tuple[str, int], str] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def look(self, shares: Iterable[RejectedShare], now_ms: int) -> None:
        """Start to send what is new and due. It does not wait.

        Args:
            shares: The shares of all partitions that exceed the limit.
            now_ms: The current time, since 1970.
        """
        for share in shares:
            place = (share.topic, share.partition)
            if self._told.get(place) == share.sample or now_ms < self._due_ms.get(share.topic, 0):
                continue
            self._due_ms[share.topic] = now_ms + REPEAT_MS
            self._told[place] = share.sample
            task = asyncio.create_task(self._send(share, now_ms))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, share: RejectedShare, now_ms: int) -> None:
        alert = alert_of(share, self._settings, now_ms)
        runbook = alert.annotations["runbook_url"]
        log.error("%s; the last is %s; see %s", share.sentence, share.sample, runbook)
        over = utc(now_ms) + FIRES_FOR
        notice = Notice(change="fired", alert=alert, fired_at=alert.started_at, resolved_at=over)
        message = Message("notify", alert.fingerprint.encode(), notice.model_dump_json().encode())
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                await self._deliver([message])
        except Exception as failure:  # The worker goes on in any case, and tries again.
            log.error("no receiver accepted the page within %s s (%r)", PAGE_SECONDS, failure)
            self._due_ms[share.topic] = now_ms + RETRY_MS
            self._told.pop((share.topic, share.partition), None)
