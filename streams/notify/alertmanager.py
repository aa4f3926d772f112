"""Delivers notices to the Alertmanagers of one cluster."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from watchkeeper.alerting.alertmanager import ANONYMOUS, Alertmanager, Credentials, payload
from watchkeeper.schemas.alerts import Notice
from watchkeeper.streams.fold.interfaces import NotOwner
from watchkeeper.streams.fold.outlet import always
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.notify.receiver import NoticesRefused, Opening
from watchkeeper.streams.notify.stage import EXPIRE_AFTER_RESENDS, REMEMBERED, RESEND_SECONDS
from watchkeeper.streams.settings import Settings


class AlertmanagerDeliverer:
    """Delivers notices to Alertmanager. A delivery is done when one member of the cluster has accepted it.

    Args:
        urls: The base URLs of all members of the cluster.
        credentials: How to log in.
        resend_seconds: The time between two notices of a firing alert. Alertmanager ends an alert when
            `EXPIRE_AFTER_RESENDS` of them are missing.
        clock: Returns the wall clock in seconds.
        sleep: Waits for some seconds.
        failed: Called after each failed try with the number of its notices.
        hold_seconds: How long Alertmanager keeps an alert firing at least, so that it notifies on-call of a
            short one.
    """

    def __init__(
        self,
        urls: Sequence[str],
        credentials: Credentials = ANONYMOUS,
        resend_seconds: float = RESEND_SECONDS,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        failed: Callable[[int], object] = lambda _: None,
        hold_seconds: float = 0.0,
    ) -> None:
        self.alertmanager = Alertmanager(urls, credentials, clock=clock)
        self._hold = timedelta(seconds=hold_seconds)
        self._first_sent: dict[Episode, datetime] = {}
        """When Alertmanager first accepted each alert as firing."""
        self._over: dict[Episode, None] = {}
        """The episodes whose end was delivered."""
        self._ending: set[asyncio.Task[None]] = set()
        self._expire = timedelta(seconds=EXPIRE_AFTER_RESENDS * resend_seconds)
        self._clock = clock
        self._sleep = sleep
        self._failed = failed

    async def deliver(self, messages: list[Message], is_current: Callable[[], bool] = always) -> None:
        """Deliver notices; retry until they are accepted or a retry cannot help.

        Args:
            messages: The notices.
            is_current: Whether this worker still holds the partition. It is asked before each try, because an
                alert that another worker ended must not fire again.

        Raises:
            NoticesRefused: Alertmanager will never accept the notices.
            NotOwner: This worker does not hold the partition any more.
        """
        notices = [Notice.model_validate_json(message.value) for message in messages]
        pause_seconds = 0.5
        while notices := [notice for notice in notices if not self._is_outdated(notice)]:
            if not is_current():
                raise NotOwner
            # Computed for each try: after hours of waiting, an old end time would count as resolved.
            now = self._now()
            began = self._began(notices, now)
            sent = [self._in_time(notice, began, now) for notice in notices]
            knows_clock = self.alertmanager.ahead_seconds is not None
            refusal = await self.alertmanager.post(payload(sent, now, self._expire) if knows_clock else [])
            if refusal is None and knows_clock:
                self._first_sent = dict(list(began.items())[-REMEMBERED:])
                self._over |= {_episode(notice): None for notice in notices if _is_over(notice)}
                self._over = dict(list(self._over.items())[-REMEMBERED:])
                self._end_later([n for n in sent if _is_over(n) and n.resolved_at and n.resolved_at > now])
                return
            if refusal is None:
                continue
            if not refusal.recoverable:
                raise NoticesRefused(refusal.message)
            self._failed(len(notices))
            await self._sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, 15)

    def _is_outdated(self, notice: Notice) -> bool:
        """Whether a notice is of a firing alert whose end has been delivered.

        This happens when a partition was lost and came back while an older delivery was still running.
        """
        return not _is_over(notice) and _episode(notice) in self._over

    def _began(self, notices: Sequence[Notice], now: datetime) -> "dict[Episode, datetime]":
        """Return when Alertmanager first received each firing alert; for new ones it is now."""
        fired = {_episode(notice): now for notice in notices if notice.change == "fired"}
        return self._first_sent | {episode: now for episode in fired if episode not in self._first_sent}

    def _now(self) -> datetime:
        """Return the time by Alertmanager's clock; by ours until that is known."""
        return datetime.fromtimestamp(self._clock() + (self.alertmanager.ahead_seconds or 0.0), UTC)

    def _in_time(self, notice: Notice, began: "Mapping[Episode, datetime]", now: datetime) -> Notice:
        """Return the notice with a start no later than now, and an end late enough that on-call is notified.

        An alert that has ended when Alertmanager first receives it, for instance after an outage, would page
        nobody.
        """
        fired_at = min(notice.fired_at, now)
        if notice.resolved_at is None or not _is_over(
            notice
        ):  # a firing alert: `resolved_at` is when Alertmanager forgets it
            return notice.model_copy(update={"fired_at": fired_at})
        first_sent = began.get(_episode(notice), fired_at)
        resolved_at = max(min(notice.resolved_at, now), first_sent + self._hold)
        return notice.model_copy(update={"fired_at": fired_at, "resolved_at": resolved_at})

    def _end_later(self, notices: Sequence[Notice]) -> None:
        """Send the end of held alerts again once they may end.

        Of two future ends Alertmanager keeps the later one, which is that of the firing notice. If this
        message is lost, the next repeat of the notice ends the alert.
        """
        if notices:
            task = asyncio.create_task(self._end(notices))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self, notices: Sequence[Notice]) -> None:
        await self._sleep(self._hold.total_seconds())
        await self.alertmanager.post(payload(notices, self._now(), self._expire))

    async def close(self) -> None:
        """Cancel held ends and close the connections."""
        for task in self._ending:
            task.cancel()
        await self.alertmanager.close()


def _is_over(notice: Notice) -> bool:
    return notice.alert.status == "resolved"


Episode = tuple[str, datetime]
"""One firing of an alert, from start to end: the fingerprint and the start."""


def _episode(notice: Notice) -> Episode:
    """Return the episode of a notice."""
    return notice.alert.fingerprint, notice.fired_at


def alertmanager(opening: Opening) -> AlertmanagerDeliverer | None:
    """Return the deliverer for WATCHKEEPER_ALERTMANAGERS; None if that is not set."""
    settings = opening.settings
    if not settings.alertmanagers:
        return None
    return AlertmanagerDeliverer(
        [str(url) for url in settings.alertmanagers],
        credentials(settings),
        clock=opening.clock_seconds,
        failed=opening.failed,
        hold_seconds=settings.alertmanager_hold_seconds,
    )


def credentials(settings: Settings) -> Credentials:
    """Return the credentials for Alertmanager from the settings."""
    return Credentials(
        settings.alertmanager_username,
        settings.alertmanager_password_file,
        settings.alertmanager_bearer_file,
    )
