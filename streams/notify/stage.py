"""The stage that delivers: alerts in, notices out, each again and again for as long as its alert fires.

An alert of the compacted topic is its state now, so the same state read twice is told once. A notice that is
owed lies in the outbox until a deliverer has handed it over.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from pydantic import ValidationError

from watchkeeper.alerting.evidence import when
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.fold.rejection import rejection

RESEND_SECONDS = 60
RESOLVED_FOR_SECONDS = 300
REMEMBERED = 10_000
EXPIRE_AFTER_RESENDS = 4

Change = Literal["fired", "updated", "resolved", "repeated"]


class NotifiedAlert(Struct):
    """What was told of one alert, and when by the wall clock."""

    alert: str
    fired_ms: int
    sent_ms: int
    resolved_ms: int | None = None
    """None while it fires."""

    def as_alert(self) -> Alert:
        """Return the alert."""
        return Alert.model_validate_json(self.alert)


_state = msgspec.msgpack.Decoder(dict[str, NotifiedAlert])


class NotifyFold:
    """Folds the alerts of one partition into notices. Of alerts long over, the oldest are forgotten."""

    def __init__(self, resend_seconds: float = RESEND_SECONDS, number: int = 0) -> None:
        self._number = number
        self._resend_ms = round(resend_seconds * 1000)
        self._told: dict[str, NotifiedAlert] = {}
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
            self._told[alert.fingerprint] = NotifiedAlert(alert.model_dump_json(), now_ms, now_ms)
            self._send("fired", self._told[alert.fingerprint], now_ms)
            self._forget_oldest()

    def _resolve(self, alert: Alert, told: NotifiedAlert | None, now_ms: int) -> None:
        """Resolve what was told; of an alert that was never told to fire, say nothing."""
        if told is None:
            self._told[alert.fingerprint] = NotifiedAlert(alert.model_dump_json(), 0, 0, resolved_ms=0)
            return
        told.alert = alert.model_dump_json()
        if told.resolved_ms is None:
            told.resolved_ms = max(now_ms, told.fired_ms)
            self._send("resolved", told, now_ms)

    def _send(self, change: Change, told: NotifiedAlert, now_ms: int) -> None:
        told.sent_ms = now_ms
        message = _notice(change, told)
        self._repeats.pop(message.key.decode(), None)
        self._changes.append(message)

    def _forget_oldest(self) -> None:
        over = [name for name, told in self._told.items() if told.resolved_ms is not None]
        for name in over[: max(0, len(self._told) - REMEMBERED)]:
            del self._told[name]


def _notice(change: Change, told: NotifiedAlert) -> Message:
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
