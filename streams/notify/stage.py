"""The fourth stage: turns alerts into notices for a receiver, and repeats them while an alert fires.

A record of `alerts` is the whole state of an alert, so a state that is read twice gives one notice. A notice
stays in the outbox until a receiver has accepted it.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from pydantic import ValidationError

from watchkeeper.alerting.evidence import utc
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.fold.rejection import readable

RESEND_SECONDS = 60
"""Seconds between two notices of a firing alert. Chosen by hand; Prometheus has the same default."""
RESOLVED_FOR_SECONDS = 300
"""Seconds for which the notice of an alert's end repeats, in case the receiver lost one. Chosen by hand: a
longer time survives a longer outage of the receiver."""
REMEMBERED = 10_000
"""The most alerts of a partition that are kept, unless more fire. Chosen by hand; it bounds the state."""
EXPIRE_AFTER_RESENDS = 4
"""Number of missing repeats after which Alertmanager ends an alert. Prometheus uses the same number."""

Change = Literal["fired", "updated", "resolved", "repeated"]
"""Why a notice is sent."""


class NotifiedAlert(Struct):
    """The last notice of one alert. Times are by the wall clock."""

    alert: str
    """The alert as JSON."""
    fired_ms: int
    """When the first notice was sent."""
    sent_ms: int
    """When the last notice was sent."""
    resolved_ms: int | None = None
    """When the notice of its end was sent; None while it fires."""

    def as_alert(self) -> Alert:
        """Return the alert."""
        return Alert.model_validate_json(self.alert)


_state = msgspec.msgpack.Decoder(dict[str, NotifiedAlert])


class NotifyFold(BaseFold):
    """Folds the alerts of one partition into notices. It forgets the oldest resolved alerts."""

    def __init__(self, resend_seconds: float = RESEND_SECONDS, number: int = 0) -> None:
        self._number = number
        self._resend_ms = round(resend_seconds * 1000)
        self._notified: dict[str, NotifiedAlert] = {}
        self._changes: list[Message] = []
        self._repeats: dict[str, Message] = {}
        self.unreadable = 0
        """Number of records that could not be read as alerts and went to `rejected`."""

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Fold alerts, in order."""
        for alert in readable(topic, self._number, records, _read, "not an alert", self._refuse, now_ms):
            self._add(alert, now_ms)

    def tick(self, now_ms: int) -> None:
        """Repeat the notices of firing alerts and, for some minutes, of resolved ones."""
        for last in self._notified.values():
            over = last.resolved_ms is not None and now_ms - last.resolved_ms > RESOLVED_FOR_SECONDS * 1000
            if not over and now_ms - last.sent_ms >= self._resend_ms:
                # Keyed by alert: during an outage of the receiver the outbox holds one repeat of each.
                self._repeats[last.as_alert().fingerprint] = _notice("repeated", last)
                last.sent_ms = now_ms

    def outputs(self) -> list[Message]:
        """Return the notices since the last call."""
        outputs = [*self._changes, *self._repeats.values()]
        self._changes, self._repeats = [], {}
        return outputs

    def snapshot(self) -> bytes:
        """Encode the last notice of each alert."""
        return msgspec.msgpack.encode(self._notified)

    def restore(self, state: bytes) -> None:
        """Replace the last notices."""
        self._notified = _state.decode(state)
        self.revision += 1

    def firing(self) -> list[dict[str, str]]:
        """Return the labels of the alerts that a notice reported as firing and that are not resolved."""
        return [last.as_alert().labels for last in self._notified.values() if last.resolved_ms is None]

    def _refuse(self, rejected: Message) -> None:
        self.unreadable += 1
        self._changes.append(rejected)

    def _add(self, alert: Alert, now_ms: int) -> None:
        last = self._notified.get(alert.fingerprint)
        if last is not None and is_known(last.as_alert(), alert):
            return
        self.revision += 1
        fires = last is not None and last.resolved_ms is None
        if alert.status == "resolved":
            self._resolve(alert, last, now_ms)
        elif last is not None and fires:
            last.alert = alert.model_dump_json()
            self._send("updated", last, now_ms)
        else:
            self._notified.pop(alert.fingerprint, None)
            self._notified[alert.fingerprint] = NotifiedAlert(alert.model_dump_json(), now_ms, now_ms)
            self._send("fired", self._notified[alert.fingerprint], now_ms)
            self._forget_oldest()

    def _resolve(self, alert: Alert, last: NotifiedAlert | None, now_ms: int) -> None:
        """Send the end of an alert; send nothing if no notice reported it as firing."""
        if last is None:
            self._notified[alert.fingerprint] = NotifiedAlert(alert.model_dump_json(), 0, 0, resolved_ms=0)
            return
        last.alert = alert.model_dump_json()
        if last.resolved_ms is None:
            last.resolved_ms = max(now_ms, last.fired_ms)
            self._send("resolved", last, now_ms)

    def _send(self, change: Change, last: NotifiedAlert, now_ms: int) -> None:
        last.sent_ms = now_ms
        message = _notice(change, last)
        self._repeats.pop(message.key.decode(), None)
        self._changes.append(message)

    def _forget_oldest(self) -> None:
        over = [name for name, last in self._notified.items() if last.resolved_ms is not None]
        for name in over[: max(0, len(self._notified) - REMEMBERED)]:
            del self._notified[name]


def _read(value: bytes) -> Alert:
    """Decode an alert; raise ValueError with the first mistake."""
    try:
        return Alert.model_validate_json(value)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None


def _notice(change: Change, last: NotifiedAlert) -> Message:
    alert = last.as_alert()
    resolved_at = None if last.resolved_ms is None else utc(last.resolved_ms)
    notice = Notice(change=change, alert=alert, fired_at=utc(last.fired_ms), resolved_at=resolved_at)
    return Message("notify", alert.fingerprint.encode(), notice.model_dump_json().encode())


def is_known(last: Alert, alert: Alert) -> bool:
    """Whether an alert is the state in the last notice, or an older state that is read again."""
    if alert.updated_at < last.updated_at or alert == last:
        return True
    again = last.status == "resolved" and alert.status == "firing" and alert.started_at == last.started_at
    return again and alert.updated_at == last.updated_at
