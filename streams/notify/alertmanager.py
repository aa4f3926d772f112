"""Delivers notices to the Alertmanagers of one cluster."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from watchkeeper.alerting.alertmanager import ANONYMOUS, Alertmanager, Credentials, payload
from watchkeeper.schemas.alerts import Notice
from watchkeeper.streams.fold.interfaces import NotOurs
from watchkeeper.streams.fold.outlet import always
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.notify.receiver import NoticesRefused, Opening
from watchkeeper.streams.notify.stage import EXPIRE_AFTER_RESENDS, REMEMBERED, RESEND_SECONDS
from watchkeeper.streams.settings import Settings


class AlertmanagerDeliverer:
    """Delivers notices, and returns when one Alertmanager of the cluster has taken them."""

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
        self._heard: dict[Episode, datetime] = {}
        self._over: dict[Episode, None] = {}
        """Alerts whose end was delivered."""
        self._ending: set[asyncio.Task[None]] = set()
        self._expire = timedelta(seconds=EXPIRE_AFTER_RESENDS * resend_seconds)
        self._clock = clock
        self._sleep = sleep
        self._failed = failed

    async def deliver(self, messages: list[Message], is_current: Callable[[], bool] = always) -> None:
        """Deliver, and try again for as long as that can help; else raise `NoticesRefused`.

        NotOurs before a try when `is_current` returns False: an alert that another worker ended must not fire
        again. Each try that did not succeed calls `failed` with the number of its notices.
        """
        notices = [Notice.model_validate_json(message.value) for message in messages]
        pause_seconds = 0.5
        while notices := [notice for notice in notices if not self._is_outdated(notice)]:
            if not is_current():
                raise NotOurs
            # Made for each try: a notice that waited for hours would end in the past and count as resolved.
            now = self._now()
            began = self._began(notices, now)
            sent = [self._in_time(notice, began, now) for notice in notices]
            knows_clock = self.alertmanager.ahead_seconds is not None
            refusal = await self.alertmanager.post(payload(sent, now, self._expire) if knows_clock else [])
            if refusal is None and knows_clock:
                self._heard = dict(list(began.items())[-REMEMBERED:])
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
        """Whether a notice says that an alert fires whose end has been delivered.

        That happens when a partition was lost and came back: a delivery from before may still be going on.
        """
        return not _is_over(notice) and _episode(notice) in self._over

    def _began(self, notices: Sequence[Notice], now: datetime) -> "dict[Episode, datetime]":
        """Return when Alertmanager first received, or now receives, that each alert fires."""
        fired = {_episode(notice): now for notice in notices if notice.change == "fired"}
        return self._heard | {episode: now for episode in fired if episode not in self._heard}

    def _now(self) -> datetime:
        """Return the time by Alertmanager's clock, as far as it is known."""
        return datetime.fromtimestamp(self._clock() + (self.alertmanager.ahead_seconds or 0.0), UTC)

    def _in_time(self, notice: Notice, began: "Mapping[Episode, datetime]", now: datetime) -> Notice:
        """Return the notice with a start no later than now, and an end after Alertmanager notified on-call.

        An alert that is over when Alertmanager first receives it, because it was down, would page nobody.
        """
        fired_at = min(notice.fired_at, now)
        if notice.resolved_at is None or not _is_over(notice):  # then it says when to forget what fires
            return notice.model_copy(update={"fired_at": fired_at})
        heard = began.get(_episode(notice), fired_at)
        resolved_at = max(min(notice.resolved_at, now), heard + self._hold)
        return notice.model_copy(update={"fired_at": fired_at, "resolved_at": resolved_at})

    def _end_later(self, notices: Sequence[Notice]) -> None:
        """Send the end of held alerts again when they may end.

        Of two ends in the future Alertmanager keeps the later, which is that of the notice that it fires.
        If this gets lost, the next repeat says the same.
        """
        if notices:
            task = asyncio.create_task(self._end(notices))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self, notices: Sequence[Notice]) -> None:
        await self._sleep(self._hold.total_seconds())
        await self.alertmanager.post(payload(notices, self._now(), self._expire))

    async def close(self) -> None:
        """Close connections."""
        for task in self._ending:
            task.cancel()
        await self.alertmanager.close()


def _is_over(notice: Notice) -> bool:
    return notice.alert.status == "resolved"


Episode = tuple[str, datetime]


def _episode(notice: Notice) -> Episode:
    """Identify one time that an alert fires, from its beginning to its end."""
    return notice.alert.fingerprint, notice.fired_at


def alertmanager(opening: Opening) -> AlertmanagerDeliverer | None:
    """Return the receiver of WATCHKEEPER_ALERTMANAGERS, if that is set."""
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
    """Return how to log in to Alertmanager."""
    return Credentials(
        settings.alertmanager_username,
        settings.alertmanager_password_file,
        settings.alertmanager_bearer_file,
    )
