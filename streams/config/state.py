"""Configuration as events: what the records of `monitors` and `references` add up to."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import lcm
from typing import TypeVar

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.reference import reference_labels, reference_rows
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.revisions import MonitorRecord, MonitorRevision, ReferenceRecord, ReferenceRevision

__all__ = ["BEGINNING_MS", "Configuration", "Watched", "pane_ms", "reference_key"]

log = logging.getLogger(__name__)

BEGINNING_MS = -(2**62)
"""From the beginning: before any event."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One subject: its monitor, and what it is compared with, by model version (None: any other version).

    This is in force for panes that start at `from_ms` or later, and `before` for those that start earlier.
    """

    monitor: Monitor
    references: Mapping[str | None, Reference] = field(default_factory=dict)
    from_ms: int = BEGINNING_MS
    before: "Watched | None" = None
    revision: int = 0
    """That of the monitor."""
    _layouts: dict[str | None, Layout] = field(default_factory=dict, repr=False, compare=False)

    def at(self, time_ms: int) -> "Watched":
        """Return what is in force for the pane that starts at a time."""
        found = self
        while found.before is not None and time_ms < found.from_ms:
            found = found.before
        return found

    def history(self) -> "list[Watched]":
        """List what was and will be in force, the oldest first."""
        found = [self]
        while found[-1].before is not None:
            found.append(found[-1].before)
        return found[::-1]

    def reference(self, version: str | None) -> Reference | None:
        """Return the reference of a version, or else the one for all versions."""
        return self.references.get(version) or self.references.get(None)

    def layout(self, version: str | None) -> Layout:
        """Return how the rows of a version become counts; the same object each time."""
        own = version if version in self.references else None
        layout = self._layouts.get(own)
        if layout is None:
            layout = self._layouts[own] = Layout.of(self.monitor, self.reference(own))
        return layout


class Configuration:
    """What the topics `monitors` and `references` say. A record that is broken changes nothing."""

    def __init__(self) -> None:
        self._monitors: dict[str, list[MonitorRevision]] = {}
        self._references: dict[str, dict[str | None, list[ReferenceRevision]]] = {}
        self.broken: dict[str, str] = {}
        """Why a record is not used, by `topic/key`; one that was put right later is not among them."""
        self.ignored = 0
        """How many broken records there were."""

    def learn(self, topic: str, key: bytes | None, value: bytes | None) -> set[str]:
        """Take one record, `topic` without prefix, and return the subjects that it changed."""
        name = (key or b"").decode(errors="replace")
        learn = self._learn_monitor if topic == "monitors" else self._learn_reference
        try:
            changed = learn(name, value)
        except Exception as error:  # whatever a record holds, the worker goes on
            why = self.broken[f"{topic}/{name}"] = " ".join(str(error).split())
            self.ignored += 1
            log.error("the record of %s with key %r is ignored: %s", topic, name, why)
            return set()
        self.broken.pop(f"{topic}/{name}", None)
        return changed

    def watched(self, subject: str) -> Watched | None:
        """Return what was applied last for a subject, with what was before it; None without a monitor."""
        if subject not in self._monitors:
            return None
        monitors, references = self._monitors[subject], self._references.get(subject, {})
        watched = None
        for from_ms in sorted({_from_ms(each) for each in _all(monitors, references)} | {BEGINNING_MS}):
            at = _in_force(monitors, from_ms) or monitors[0]
            found = {version: _in_force(known, from_ms) for version, known in references.items()}
            compared = {version: each.reference for version, each in found.items() if each is not None}
            watched = Watched(
                at.monitor, compared, _aligned_ms(from_ms, watched, at.monitor), watched, at.revision
            )
        return watched

    def subjects(self) -> list[str]:
        """Return the subjects that have a monitor."""
        return sorted(self._monitors)

    def monitor_revisions(self, subject: str) -> list[MonitorRevision]:
        """Return the monitors of a subject, the oldest first; none if it has none."""
        return list(self._monitors.get(subject, ()))

    def reference_revisions(self, subject: str, version: str | None) -> list[ReferenceRevision]:
        """Return the references of a subject and version, the oldest first; none if it has none."""
        return list(self._references.get(subject, {}).get(version, ()))

    def references(self, subject: str) -> dict[str | None, Reference]:
        """Return the newest references of a subject by version, whether it has a monitor or not."""
        return {version: known[-1].reference for version, known in self._references.get(subject, {}).items()}

    def unwatched(self) -> list[str]:
        """Return the subjects that have a reference and no monitor."""
        return sorted(set(self._references) - set(self._monitors))

    def _learn_monitor(self, subject: str, value: bytes | None) -> set[str]:
        if value is None:
            return {subject} if self._monitors.pop(subject, None) else set()
        revisions = MonitorRecord.decode(value).revisions
        if (found := revisions[0].monitor.subject) != subject:
            raise ValueError(f"its monitor is for {found!r}")
        if self._monitors.get(subject) == revisions:
            return set()
        self._monitors[subject] = revisions
        return {subject}

    def _learn_reference(self, key: str, value: bytes | None) -> set[str]:
        subject, slash, rest = key.partition("/")
        version = rest if slash else None
        before = self._references.get(subject, {})
        after = {known: revisions for known, revisions in before.items() if known != version}
        if value is not None:
            after[version] = _references(subject, version, value)
        self._references[subject] = after
        if not after:
            del self._references[subject]
        return {subject} if after != before else set()


def _references(subject: str, version: str | None, value: bytes) -> list[ReferenceRevision]:
    revisions = ReferenceRecord.decode(value).revisions
    for each in revisions:
        reference = each.reference
        if (reference.subject, reference.version) != (subject, version):
            name = reference_key(reference.subject, reference.version)
            raise ValueError(f"its reference is for {name!r}")
        # Its profile is read when it is first needed, in a stage: find out here that it can be.
        reference_rows(reference, None)
        reference_labels(reference, None)
    return revisions


AnyRevision = MonitorRevision | ReferenceRevision
R = TypeVar("R", MonitorRevision, ReferenceRevision)


def _all(
    monitors: list[MonitorRevision], references: Mapping[str | None, list[ReferenceRevision]]
) -> Iterator[AnyRevision]:
    yield from monitors[1:]  # the first is from the beginning, as far as is known
    for revisions in references.values():
        yield from revisions


def _from_ms(revision: AnyRevision) -> int:
    return BEGINNING_MS if revision.takes_effect_at_ms is None else revision.takes_effect_at_ms


def _in_force(revisions: list[R], time_ms: int) -> R | None:
    return next((each for each in reversed(revisions) if _from_ms(each) <= time_ms), None)


def _aligned_ms(from_ms: int, before: Watched | None, monitor: Monitor) -> int:
    """Round a time up so that no pane of before and none of after holds it, whoever chose it."""
    if before is None:
        return from_ms
    step_ms = lcm(pane_ms(before.monitor), pane_ms(monitor))
    return -(-max(from_ms, before.from_ms) // step_ms) * step_ms


def pane_ms(monitor: Monitor) -> int:
    """Return the length of a monitor's panes in milliseconds."""
    return monitor.windows.pane // timedelta(milliseconds=1)


def reference_key(subject: str, version: str | None) -> str:
    """Return the key of a reference on its topic.

    >>> reference_key("flight-delay", None), reference_key("flight-delay", "2")
    ('flight-delay', 'flight-delay/2')
    """
    return subject if version is None else f"{subject}/{version}"
