"""The fourth stage: reads alerts, and sends notices to a receiver, repeated as long as the alert fires.

A record of `alerts` is the state of an alert now, so a state that is read twice gives one notice. A notice
stays in the outbox until a receiver has taken it.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from pydantic import ValidationError

from watchkeeper.alerting.evidence import when
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.fold.rejection import readable

RESEND_SECONDS = 60
"""Time between two notices of an alert that fires. Chosen by hand; Prometheus has the same default."""
RESOLVED_FOR_SECONDS = 300
"""How long notices that an alert is over repeat, in case the receiver lost one. Chosen by hand."""
REMEMBERED = 10_000
"""Most alerts of a partition that are kept, unless more fire. Chosen by hand; it bounds the state."""
EXPIRE_AFTER_RESENDS = 4
"""Missing repeats after which Alertmanager ends an alert. Chosen by hand; Prometheus uses the same number."""

Change = Literal["fired", "updated", "resolved", "repeated"]


class NotifiedAlert(Struct):
    """The last notice of one alert, and when it was sent by the wall clock."""

    alert: str
    fired_ms: int
    sent_ms: int
    resolved_ms: int | None = None
    """None while it fires."""

    def as_alert(self) -> Alert:
        """Return the alert."""
        return Alert.model_validate_json(self.alert)


_state = msgspec.msgpack.Decoder(dict[str, NotifiedAlert])


class NotifyFold(BaseFold):
    """Folds the alerts of one partition into notices. It forgets the oldest of the alerts that are over."""

    def __init__(self, resend_seconds: float = RESEND_SECONDS, number: int = 0) -> None:
        self._number = number
        self._resend_ms = round(resend_seconds * 1000)
        self._told: dict[str, NotifiedAlert] = {}
        self._changes: list[Message] = []
        self._repeats: dict[str, Message] = {}
        self.unreadable = 0
        """How many records were no alerts and went to `rejected`."""

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Fold alerts, in order."""
        for alert in readable(topic, self._number, records, _read, "no alert", self._refuse, now_ms):
            self._take(alert, now_ms)

    def tick(self, now_ms: int) -> None:
        """Repeat the notices of alerts that fire, and for some minutes of those that are over."""
        for told in self._told.values():
            over = told.resolved_ms is not None and now_ms - told.resolved_ms > RESOLVED_FOR_SECONDS * 1000
            if not over and now_ms - told.sent_ms >= self._resend_ms:
                # The outbox holds at most one repeat of each alert, however long the receiver is down.
                self._repeats[told.as_alert().fingerprint] = _notice("repeated", told)
                told.sent_ms = now_ms

    def outputs(self) -> list[Message]:
        """Return the notices since the last call."""
        outputs = [*self._changes, *self._repeats.values()]
        self._changes, self._repeats = [], {}
        return outputs

    def snapshot(self) -> bytes:
        """Encode the last notice of each alert."""
        return msgspec.msgpack.encode(self._told)

    def restore(self, state: bytes) -> None:
        """Replace the last notices."""
        self._told = _state.decode(state)
        self.revision += 1

    def firing(self) -> list[dict[str, str]]:
        """Return the labels of the alerts that were notified and are not over."""
        return [told.as_alert().labels for told in self._told.values() if told.resolved_ms is None]

    def _refuse(self, rejected: Message) -> None:
        self.unreadable += 1
        self._changes.append(rejected)

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
        """Send the end of an alert; send nothing if no notice said that it fires."""
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


def _read(value: bytes) -> Alert:
    """Decode an alert; ValueError with the first mistake."""
    try:
        return Alert.model_validate_json(value)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None


def _notice(change: Change, told: NotifiedAlert) -> Message:
    alert = told.as_alert()
    resolved_at = None if told.resolved_ms is None else when(told.resolved_ms)
    notice = Notice(change=change, alert=alert, fired_at=when(told.fired_ms), resolved_at=resolved_at)
    return Message("notify", alert.fingerprint.encode(), notice.model_dump_json().encode())


def is_known(told: Alert, alert: Alert) -> bool:
    """Whether an alert is the one of the last notice, or an older state that is read again."""
    if alert.updated_at < told.updated_at or alert == told:
        return True
    again = told.status == "resolved" and alert.status == "firing" and alert.started_at == told.started_at
    return again and alert.updated_at == told.updated_at
