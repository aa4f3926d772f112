"""The stage that tells people: findings in, alerts and retraining requests out."""

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

import msgspec

from watchkeeper.alerting.runbooks import OWN_RUNBOOKS
from watchkeeper.alerting.subject import SubjectAlerts
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.fold.rejection import rejection

_findings = msgspec.msgpack.Decoder(WindowFindings)
_state = msgspec.msgpack.Decoder(dict[str, SubjectAlerts])


class Monitors(Protocol):
    """The registry, as far as this stage needs it."""

    @property
    def generation(self) -> int:
        """Count the changes so far."""

    @property
    def ready(self) -> threading.Event:
        """Tell whether all that was known at the start has been read."""

    def get(self, subject: str) -> Watched | None:
        """Return what is known of a subject."""


class Paging(NamedTuple):
    """How often a subject woke on-call in the time of its budget."""

    pages: int
    false_pages_at_most: float


class PageFold:
    """Folds findings of a partition's subjects into alerts. Only event time counts, never the clock."""

    def __init__(self, registry: Monitors, runbooks: str = OWN_RUNBOOKS, number: int = 0) -> None:
        self._registry = registry
        self._number = number
        self._runbooks = runbooks
        self._generation = -1
        self._subjects: dict[str, SubjectAlerts] = {}
        self._outputs: list[Message] = []
        self.unreadable = 0
        """Records that were no findings, and went to `rejected`."""
        self.revision = 0
        """Changes whenever `paging` may have."""

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Take in findings, in order."""
        for record in records:
            try:
                window = _read(record.value or b"")
            except (ValueError, RecursionError) as error:
                self.unreadable += 1
                why = f"no findings: {error}"
                self._outputs.append(rejection(topic, self._number, record, "unreadable", why, now_ms))
                continue
            self._take(window)

    def tick(self, now_ms: int) -> None:
        """Resolve what is open of subjects that are not watched any more."""
        if self._generation == self._registry.generation or not self._registry.ready.is_set():
            return
        self._generation = self._registry.generation
        for name in sorted(self._subjects):
            if self._registry.get(name) is None:
                self._tell(self._subjects.pop(name).close("Its monitor was removed."))
        self.revision += 1

    def outputs(self) -> list[Message]:
        """Hand over alerts and requests since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def paging(self) -> dict[str, Paging]:
        """Hold the pages of each subject against its budget of false ones."""
        found = {}
        for name, subject in self._subjects.items():
            watched = self._registry.get(name)
            if watched is not None:
                budget = watched.at(subject.pages.reached_ms).monitor.false_pages
                found[name] = Paging(
                    subject.pages.within(budget.per // timedelta(milliseconds=1)), budget.at_most
                )
        return found

    def snapshot(self) -> bytes:
        """Encode the state of all subjects."""
        return msgspec.msgpack.encode(self._subjects)

    def restore(self, state: bytes) -> None:
        """Replace the state."""
        self._subjects = _state.decode(state)
        self._generation = -1
        self.revision += 1

    def needs(self) -> Mapping[str, int]:
        """Need no old records: the state is small."""
        return {}

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Rebuild nothing; never called, as nothing is needed."""

    def _take(self, window: WindowFindings) -> None:
        watched = self._registry.get(window.subject)
        if watched is None:  # removed since; tick closes what is open
            return
        self.revision += 1
        subject = self._subjects.setdefault(window.subject, SubjectAlerts())
        monitor = watched.at(window.window_start_ms).monitor
        alerts, request = subject.take(window, monitor, self._runbooks)
        self._tell(alerts)
        if request is not None:
            self._outputs.append(_retraining(request))

    def _tell(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            value = alert.model_dump_json().encode()
            self._outputs.append(Message("alerts", alert.fingerprint.encode(), value))


def _read(value: bytes) -> WindowFindings:
    """Decode findings; ValueError for what evaluate can't have sent."""
    window = _findings.decode(value)
    if window.window_start_ms >= window.window_end_ms:
        raise ValueError("a window ends after its start")
    for finding in window.findings:
        if not _is_plain(finding.evidence):
            raise ValueError(f"the evidence of {finding.check} can't be told")
    return window


def _is_plain(value: Any) -> bool:
    """Whether a value is what JSON has: MessagePack has more."""
    if isinstance(value, dict):
        return all(isinstance(name, str) for name in value) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _retraining(request: RetrainingRequest) -> Message:
    return Message("retraining", request.model.encode(), request.model_dump_json().encode())
