"""The stage that delivers: alerts in, notices out, each again and again for as long as its alert fires.

An alert of the compacted topic is its state now, so the same state read twice is told once. A notice that is
owed lies in the outbox until a deliverer has handed it over.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct
from pydantic import ValidationError
from rich.console import Console

from alerting.alertmanager import ANONYMOUS, Alertmanager, Credentials, payload
from alerting.evidence import when
from alerting.pager import show
from schemas.alerts import Alert, Notice
from streams.fold import Message, Record
from streams.rejecting import rejection

RESEND_SECONDS = 60
RESOLVED_FOR_SECONDS = 300
REMEMBERED = 10_000
EXPIRE_AFTER_RESENDS = 4

Change = Literal["fired", "updated", "resolved", "repeated"]


class Told(Struct):
    """What was told of one alert, and when by the wall clock."""

    alert: str
    fired_ms: int
    sent_ms: int
    resolved_ms: int | None = None
    """None while it fires."""

    def as_alert(self) -> Alert:
        """Return the alert."""
        return Alert.model_validate_json(self.alert)


_state = msgspec.msgpack.Decoder(dict[str, Told])


class NotifyFold:
    """Folds the alerts of one partition into notices. Of alerts long over, the oldest are forgotten."""

    def __init__(self, resend_seconds: float = RESEND_SECONDS, number: int = 0) -> None:
        self._number = number
        self._resend_ms = round(resend_seconds * 1000)
        self._told: dict[str, Told] = {}
        self._changes: list[Message] = []
        self._repeats: dict[str, Message] = {}
        self.revision = 0
        """Grows whenever what is told changes."""
        self.unreadable = 0
        """Records that were no alerts, and went to `rejected`."""

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Take in alerts, in order."""
        for record in records:
            try:
                alert = Alert.model_validate_json(record.value or b"")
            except (ValidationError, RecursionError) as error:
                self.unreadable += 1
                first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
                why = f"no alert: {first}"
                self._changes.append(rejection(topic, self._number, record, "unreadable", why, now_ms))
                continue
            self._take(alert, now_ms)

    def tick(self, now_ms: int) -> None:
        """Say again what fires, and for some minutes what is over."""
        for told in self._told.values():
            over = told.resolved_ms is not None and now_ms - told.resolved_ms > RESOLVED_FOR_SECONDS * 1000
            if not over and now_ms - told.sent_ms >= self._resend_ms:
                # One of each at most is owed, however long the receiver is down.
                self._repeats[told.as_alert().fingerprint] = _notice("repeated", told)
                told.sent_ms = now_ms

    def outputs(self) -> list[Message]:
        """Hand over the notices since the last call."""
        outputs = [*self._changes, *self._repeats.values()]
        self._changes, self._repeats = [], {}
        return outputs

    def snapshot(self) -> bytes:
        """Encode what was told."""
        return msgspec.msgpack.encode(self._told)

    def restore(self, state: bytes) -> None:
        """Replace what was told."""
        self._told = _state.decode(state)
        self.revision += 1

    def firing(self) -> list[dict[str, str]]:
        """Return the labels of what was told and is not over."""
        return [told.as_alert().labels for told in self._told.values() if told.resolved_ms is None]

    def needs(self) -> Mapping[str, int]:
        """Need no old records: the state is small."""
        return {}

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Rebuild nothing; never called, as nothing is needed."""

    def _take(self, alert: Alert, now_ms: int) -> None:
        told = self._told.get(alert.fingerprint)
        if told is not None and is_known(told.as_alert(), alert):
            return
        self.revision += 1
        fires = told is not None and told.resolved_ms is None
        if alert.status == "resolved":
            self._resolve(alert, told, now_ms)
        elif told is not None and fires:
            told.alert = alert.model_dump_json()
            self._send("updated", told, now_ms)
        else:
            self._told.pop(alert.fingerprint, None)
            self._told[alert.fingerprint] = Told(alert.model_dump_json(), now_ms, now_ms)
            self._send("fired", self._told[alert.fingerprint], now_ms)
            self._forget_oldest()

    def _resolve(self, alert: Alert, told: Told | None, now_ms: int) -> None:
        """Resolve what was told; of an alert that was never told to fire, say nothing."""
        if told is None:
            self._told[alert.fingerprint] = Told(alert.model_dump_json(), 0, 0, resolved_ms=0)
            return
        told.alert = alert.model_dump_json()
        if told.resolved_ms is None:
            told.resolved_ms = max(now_ms, told.fired_ms)
            self._send("resolved", told, now_ms)

    def _send(self, change: Change, told: Told, now_ms: int) -> None:
        told.sent_ms = now_ms
        message = _notice(change, told)
        self._repeats.pop(message.key.decode(), None)
        self._changes.append(message)

    def _forget_oldest(self) -> None:
        over = [name for name, told in self._told.items() if told.resolved_ms is not None]
        for name in over[: max(0, len(self._told) - REMEMBERED)]:
            del self._told[name]


def _notice(change: Change, told: Told) -> Message:
    alert = told.as_alert()
    resolved_at = None if told.resolved_ms is None else when(told.resolved_ms)
    notice = Notice(change=change, alert=alert, fired_at=when(told.fired_ms), resolved_at=resolved_at)
    return Message("notify", alert.fingerprint.encode(), notice.model_dump_json().encode())


def is_known(told: Alert, alert: Alert) -> bool:
    """Whether an alert is the one told last, or an older state of it that is read again."""
    if alert.updated_at < told.updated_at or alert == told:
        return True
    again = told.status == "resolved" and alert.status == "firing" and alert.started_at == told.started_at
    return again and alert.updated_at == told.updated_at


class Undeliverable(Exception):
    """A receiver will not take these notices, however often they are sent; the message says why."""


class AlertmanagerDeliverer:
    """Delivers notices to the Alertmanagers of one cluster, and does not return before one has taken them."""

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
        """The alerts whose end was delivered."""
        self._ending: set[asyncio.Task[None]] = set()
        self._expire = timedelta(seconds=EXPIRE_AFTER_RESENDS * resend_seconds)
        self._clock = clock
        self._sleep = sleep
        self._failed = failed

    async def deliver(self, messages: list[Message]) -> None:
        """Deliver; try again for as long as that can help, else raise `Undeliverable`.

        `failed` is told of each try that did not succeed, with how many notices it was for.
        """
        notices = [Notice.model_validate_json(message.value) for message in messages]
        pause_seconds = 0.5
        while notices := [notice for notice in notices if not self._is_outdated(notice)]:
            # Made anew each time, or what waited for hours would end in the past and count as resolved.
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
                raise Undeliverable(refusal.message)
            self._failed(len(notices))
            await self._sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, 15)

    def _is_outdated(self, notice: Notice) -> bool:
        """Whether it says that an alert fires whose end has been delivered.

        Of a partition that was lost and came back, what was being delivered meanwhile may be behind.
        """
        return not _is_over(notice) and _episode(notice) in self._over

    def _began(self, notices: Sequence[Notice], now: datetime) -> "dict[Episode, datetime]":
        """Return when Alertmanager first heard, or hears now, that each alert fires."""
        fired = {_episode(notice): now for notice in notices if notice.change == "fired"}
        return self._heard | {episode: now for episode in fired if episode not in self._heard}

    def _now(self) -> datetime:
        """Return the time by Alertmanager's clock, as far as it is known."""
        return datetime.fromtimestamp(self._clock() + (self.alertmanager.ahead_seconds or 0.0), UTC)

    def _in_time(self, notice: Notice, began: "Mapping[Episode, datetime]", now: datetime) -> Notice:
        """Let an alert begin no later than now, and end no sooner than Alertmanager has told of it.

        What is over when Alertmanager first hears of it, because it was away meanwhile, would page nobody.
        """
        fired_at = min(notice.fired_at, now)
        if notice.resolved_at is None or not _is_over(notice):  # then it says when to forget what fires
            return notice.model_copy(update={"fired_at": fired_at})
        heard = began.get(_episode(notice), fired_at)
        resolved_at = max(min(notice.resolved_at, now), heard + self._hold)
        return notice.model_copy(update={"fired_at": fired_at, "resolved_at": resolved_at})

    def _end_later(self, notices: Sequence[Notice]) -> None:
        """Tell the end of what was held once more when it may end.

        Of two ends that lie ahead Alertmanager keeps the later, which is that of the notice that it fires.
        Should this get lost, the next repeat says the same.
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


class TerminalDeliverer:
    """Prints what fired and what was resolved; what only goes on is not printed again."""

    def __init__(self, console: Console, as_json: bool = False) -> None:
        self._console = console
        self._as_json = as_json

    async def deliver(self, messages: list[Message]) -> None:
        """Print."""
        for message in messages:
            notice = Notice.model_validate_json(message.value)
            if notice.change in ("fired", "resolved"):
                show(self._console, notice.alert, self._as_json)

    async def close(self) -> None:
        """Close nothing: the console belongs to the caller."""
