"""Stops a worker that rejects too many events: with a log line, a page and its own exit code."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NoReturn

from watchkeeper.alerting.evidence import utc
from watchkeeper.alerting.watchkeeper_alerts import rejected_share_alert
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.fold.rejected_share import RejectedShareHigh
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import known_topic, topic_name

log = logging.getLogger("watchkeeper.worker")

EXIT_TOO_MANY_REJECTED = 71
"""The exit code of such a worker (docs/reference/exit-codes.md)."""
PAGE_SECONDS = 20
"""Seconds to wait for a receiver to accept the page. Chosen by hand; then the worker exits anyway."""
FIRES_FOR = timedelta(minutes=15)
"""How long the alert fires. Chosen by hand: a restarted worker sends the alert again before it ends."""


def sentence(error: RejectedShareHigh) -> str:
    """Return how many events of which partition were rejected, and why."""
    topic, partition, _ = error.event.rsplit("/", 2)
    excess = error.excess
    return (
        f"{excess.rejected} of the last {excess.events} events of {topic}, partition {partition}, were "
        f"rejected, most as {excess.reason}; {error.event} is the first that is left unread: {error.why}"
    )


def alert_of(error: RejectedShareHigh, settings: Settings, now_ms: int) -> Alert:
    """Return the alert. The installation and the topic identify it."""
    topic = topic_name(settings, known_topic(error.event.rsplit("/", 2)[0]))
    found, _, why = sentence(error).partition("; ")
    return rejected_share_alert(
        settings.application, settings.team, topic, f"{found}.", why, now_ms, settings.runbooks
    )


async def page_and_exit(
    error: RejectedShareHigh,
    settings: Settings,
    deliver: Callable[[list[Message]], Awaitable[None]],
    now_ms: int,
) -> NoReturn:
    """Page on-call and end the process.

    Args:
        error: The numbers of rejected events, and the event that exceeded the limit.
        settings: The settings of the worker.
        deliver: Delivers a message to the paging sink.
        now_ms: The current time, since 1970.
    """
    alert = alert_of(error, settings, now_ms)
    # The worker ends and cannot resolve the alert, so the notice contains its end.
    over = utc(now_ms) + FIRES_FOR
    notice = Notice(change="fired", alert=alert, fired_at=alert.started_at, resolved_at=over)
    try:
        async with asyncio.timeout(PAGE_SECONDS):
            await deliver([Message("notify", alert.fingerprint.encode(), notice.model_dump_json().encode())])
    except Exception as failure:  # The worker must end in any case.
        log.error("no receiver accepted the page within %s s (%r)", PAGE_SECONDS, failure)
    log.critical(
        "stopping: %s; fix the publisher or the monitor, or let them pass with "
        "WATCHKEEPER_REJECTED_SHARE_MAX=1; see %s",
        sentence(error),
        alert.annotations["runbook_url"],
    )
    sys.stdout.flush()
    logging.shutdown()
    os._exit(EXIT_TOO_MANY_REJECTED)
