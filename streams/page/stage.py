"""The third stage: turns findings into alerts and retraining requests."""

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from watchkeeper.alerting.runbooks import OWN_RUNBOOKS
from watchkeeper.alerting.subject import SubjectAlerts
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.schemas.subjects import subject_of
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.fold.rejection import readable

_findings = msgspec.msgpack.Decoder(WindowFindings)
_state = msgspec.msgpack.Decoder(dict[str, SubjectAlerts])


class Monitors(Protocol):
    """The part of the registry that this stage needs."""

    @property
    def generation(self) -> int:
        """The number of changes so far."""

    @property
    def ready(self) -> threading.Event:
        """Set once everything that was published before the start is read."""

    def get(self, subject: str) -> Timeline[Watched] | None:
        """Return the configuration of a subject, or None if nobody watches it."""


class Paging(NamedTuple):
    """The pages of a subject within the period of its budget, and the budget."""

    pages: int
    """The number of pages, real and false."""
    false_pages_at_most: float
    """The budget of false pages."""


class PageFold(BaseFold):
    """Folds findings of a partition's subjects into alerts. It uses event time only, never the clock."""

    def __init__(self, registry: Monitors, runbooks: str = OWN_RUNBOOKS, number: int = 0) -> None:
        self._registry = registry
        self._number = number
        self._runbooks = runbooks
        self._generation = -1
        self._subjects: dict[str, SubjectAlerts] = {}
        self._outputs: list[Message] = []
        self.unreadable = 0
        """Number of records that could not be read as findings and went to `rejected`."""

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Fold findings, in order."""
        for window in readable(topic, self._number, records, _read, "not findings", self._refuse, now_ms):
            self._add(window)

    def tick(self, now_ms: int) -> None:
        """Resolve the open alerts of subjects that are no longer watched."""
        if self._generation == self._registry.generation or not self._registry.ready.is_set():
            return
        self._generation = self._registry.generation
        for name in sorted(self._subjects):
            if self._registry.get(name) is None:
                self._send(self._subjects.pop(name).close("Its monitor was removed."))
        self.revision += 1

    def outputs(self) -> list[Message]:
        """Return the alerts and requests since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def paging(self) -> dict[str, Paging]:
        """Return the pages of each subject with its budget of false pages."""
        found = {}
        for name, subject in self._subjects.items():
            watched = self._registry.get(name)
            if watched is not None:
                budget = watched.at(subject.pages.reached_ms).monitor.false_pages
                found[name] = Paging(subject.pages.within(milliseconds(budget.per)), budget.at_most)
        return found

    def snapshot(self) -> bytes:
        """Encode the state of all subjects."""
        return msgspec.msgpack.encode(self._subjects)

    def restore(self, state: bytes) -> None:
        """Replace the state."""
        self._subjects = _state.decode(state)
        self._generation = -1
        self.revision += 1

    def _refuse(self, rejected: Message) -> None:
        self.unreadable += 1
        self._outputs.append(rejected)

    def _add(self, window: WindowFindings) -> None:
        watched = self._registry.get(window.subject)
        if watched is None:  # its monitor was removed; tick resolves what is open
            return
        self.revision += 1
        subject = self._subjects.setdefault(window.subject, SubjectAlerts())
        monitor = watched.at(window.window_start_ms).monitor
        alerts, request = subject.take(window, monitor, self._runbooks)
        self._send(alerts)
        if request is not None:
            self._outputs.append(_retraining(request))

    def _send(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            value = alert.model_dump_json().encode()
            self._outputs.append(Message("alerts", alert.fingerprint.encode(), value))


def _read(value: bytes) -> WindowFindings:
    """Decode findings; raise ValueError for findings that evaluate cannot have sent."""
    window = _findings.decode(value)
    if window.window_start_ms >= window.window_end_ms:
        raise ValueError("the window does not end after its start")
    for finding in window.findings:
        if not _is_plain(finding.evidence):
            raise ValueError(f"the evidence of {finding.check} is not JSON")
    return window


def _is_plain(value: Any) -> bool:
    """Whether a value can be written as JSON: MessagePack has more types."""
    if isinstance(value, dict):
        return all(isinstance(name, str) for name in value) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _retraining(request: RetrainingRequest) -> Message:
    subject = subject_of(request.model, request.environment)
    return Message("retraining", subject.encode(), request.model_dump_json().encode())
