"""Follows the outputs of the workers: statistics, findings, alerts and retraining requests."""

from collections.abc import Iterable
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.findings import Finding, Kind, WindowFindings
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import TopicName
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["Followed", "Follower"]

FOLLOWED: tuple[TopicName, ...] = ("statistics", "findings", "alerts", "retraining")
_statistics = msgspec.json.Decoder(WindowStatistics)
_findings = msgspec.msgpack.Decoder(WindowFindings)
WindowKey = tuple[str, str, str | None, Kind, int, int]


class Followed:
    """All outputs read so far. A repeated window, alert or request counts once."""

    def __init__(self) -> None:
        self.windows: dict[WindowKey, WindowStatistics] = {}
        self.alerts: list[Alert] = []
        self.requests: dict[str, RetrainingRequest] = {}
        self.judged_ms = 0
        """End of the last evaluated window of labels, in milliseconds since 1970; 0 before the first."""
        self._last_bad_ms: dict[str, int] = {}
        self._reached_ms: dict[tuple[str, Kind], int] = {}

    def take(self, topic: str, value: bytes) -> None:
        """Add one record.

        Args:
            topic: The topic's name without its prefix.
            value: The value of the record.
        """
        if topic == "statistics":
            window = _statistics.decode(value)
            self.windows[_key(window)] = window
            stream = window.subject, window.kind
            self._reached_ms[stream] = max(window.window_end_ms, self.reached_ms(*stream))
        elif topic == "findings":
            self._judge(_findings.decode(value))
        elif topic == "alerts":
            alert = Alert.model_validate_json(value)
            if alert not in self.alerts:
                self.alerts.append(alert)
        else:
            request = RetrainingRequest.model_validate_json(value)
            self.requests.setdefault(request.request_id, request)

    def _judge(self, window: WindowFindings) -> None:
        if window.kind == "labels" and "performance" in window.checked:
            self.judged_ms = max(self.judged_ms, window.window_end_ms)
            if any(_is_bad(finding) for finding in window.findings):
                before_ms = self.last_bad_ms(window.version)
                self._last_bad_ms[window.version] = max(before_ms, window.window_end_ms)

    def last_bad_ms(self, version: str) -> int:
        """Return the end of the last window in which a version performed badly; 0 without one.

        Such a window can lead to a retraining request.
        """
        return self._last_bad_ms.get(version, 0)

    def reached_ms(self, subject: str, kind: Kind) -> int:
        """Return the end of the last evaluated window of a subject; 0 before the first."""
        return self._reached_ms.get((subject, kind), 0)

    def of(self, subject: str, kind: Kind) -> Iterable[WindowStatistics]:
        """Return the windows of a subject that cover all rows, without those of segments."""
        return [w for w in self.windows.values() if (w.subject, w.kind, w.segment) == (subject, kind, None)]

    def open_incidents(self) -> list[Alert]:
        """Return the alerts that are firing now."""
        newest = {alert.fingerprint: alert for alert in self.alerts}
        return [alert for alert in newest.values() if alert.status == "firing"]


class Follower:
    """Reads the output topics from their beginning; `followed` holds what it has read."""

    def __init__(self, settings: Settings) -> None:
        self.followed = Followed()
        self._names = {topic_name(settings, name): name for name in FOLLOWED}
        self._consumer = Consumer(
            settings.client_config()
            | {
                "group.id": f"{settings.application}-demo",  # librdkafka requires a group
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
            }
        )
        self._consumer.assign(
            [
                TopicPartition(name, partition, OFFSET_BEGINNING)
                for name in self._names
                for partition in range(settings.partitions)
            ]
        )

    def poll(self, timeout_seconds: float) -> int:
        """Read new records, wait at most this long for the first one, and return their number."""
        messages: list[Any] = self._consumer.consume(1000, timeout_seconds)
        valid = [message for message in messages if message.error() is None]
        for message in valid:
            self.followed.take(self._names[message.topic()], message.value())
        return len(valid)

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()


def _is_bad(finding: Finding) -> bool:
    return (finding.check, finding.segment, finding.state) == ("performance", None, "bad")


def _key(window: WindowStatistics) -> WindowKey:
    span = window.window_start_ms, window.window_end_ms
    return window.subject, window.version, window.segment, window.kind, *span
