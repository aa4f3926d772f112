"""Configuration as events: the state that the records of `monitors` and `references` add up to."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import lcm
from typing import TypeVar

from watchkeeper.detectors.checks.reference import reference_labels, reference_rows
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.revisions import (
    Acceptance,
    MonitorRecord,
    MonitorRevision,
    ReferenceRecord,
    ReferenceRevision,
)
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.config.timeline import Timeline

__all__ = ["Configuration", "Watched", "pane_ms", "reference_key"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """One revision of a subject: its monitor, and its references by model version (None: all others)."""

    monitor: Monitor
    references: Mapping[str | None, Reference] = field(default_factory=dict)
    revision: int = 0
    """The number of the monitor's revision."""
    accepted: tuple[Acceptance, ...] = ()
    """What the revision accepts as the new normal, from its first window on."""
    _layouts: dict[str | None, Layout] = field(default_factory=dict, repr=False, compare=False)

    def reference(self, version: str | None) -> Reference | None:
        """Return the reference of a version, or the one for all versions if it has none."""
        return self.references.get(version) or self.references.get(None)

    def layout(self, version: str | None) -> Layout:
        """Return the layout that turns the rows of a version into counts; the same object each time."""
        own = version if version in self.references else None
        layout = self._layouts.get(own)
        if layout is None:
            layout = self._layouts[own] = Layout.of(self.monitor, self.reference(own))
        return layout


class Configuration:
    """The state of the topics `monitors` and `references`. A broken record changes nothing."""

    def __init__(self) -> None:
        self._monitors: dict[str, list[MonitorRevision]] = {}
        self._references: dict[str, dict[str | None, list[ReferenceRevision]]] = {}
        self.broken: dict[str, str] = {}
        """Why a record is not used, by `topic/key`. A record that was corrected later is not listed."""
        self.ignored = 0
        """Number of broken records so far."""

    def learn(self, topic: str, key: bytes | None, value: bytes | None) -> set[str]:
        """Apply one record and return the subjects that it changed. A record never raises an error.

        Args:
            topic: The topic without its prefix: `monitors` or `references`.
            key: The record's key: a subject, or for a reference also `subject/version`.
            value: The record's value; None removes the monitor or reference.
        """
        name = (key or b"").decode(errors="replace")
        learn = self._learn_monitor if topic == "monitors" else self._learn_reference
        try:
            changed = learn(name, value)
        except Exception as error:  # no record can stop the worker
            why = self.broken[f"{topic}/{name}"] = " ".join(str(error).split())
            self.ignored += 1
            log.error("the record of %s with key %r is ignored: %s", topic, name, why)
            return set()
        self.broken.pop(f"{topic}/{name}", None)
        return changed

    def watched(self, subject: str) -> Timeline[Watched] | None:
        """Return the timeline of a subject's monitor and references; None if it has no monitor."""
        if subject not in self._monitors:
            return None
        monitors, references = self._monitors[subject], self._references.get(subject, {})
        first, *starts = sorted({_from_ms(each) for each in _all(monitors, references)} | {BEGINNING_MS})
        history = [(first, _watched(monitors, references, first))]
        for from_ms in starts:
            after, (before_ms, before) = _watched(monitors, references, from_ms), history[-1]
            history.append((_aligned_ms(max(from_ms, before_ms), before.monitor, after.monitor), after))
        return Timeline(history[0][1], *history[1:])

    def subjects(self) -> list[str]:
        """Return the subjects that have a monitor."""
        return sorted(self._monitors)

    def monitor_revisions(self, subject: str) -> list[MonitorRevision]:
        """Return the revisions of a subject's monitor, the oldest first; an empty list if it has none."""
        return list(self._monitors.get(subject, ()))

    def reference_revisions(self, subject: str, version: str | None) -> list[ReferenceRevision]:
        """Return the revisions of a reference, the oldest first; an empty list if there is none."""
        return list(self._references.get(subject, {}).get(version, ()))

    def references(self, subject: str) -> dict[str | None, Reference]:
        """Return the newest references of a subject by version, even if it has no monitor."""
        return {version: known[-1].reference for version, known in self._references.get(subject, {}).items()}

    def unwatched(self) -> list[str]:
        """Return the subjects that have a reference but no monitor."""
        return sorted(set(self._references) - set(self._monitors))

    def _learn_monitor(self, subject: str, value: bytes | None) -> set[str]:
        if value is None:
            return {subject} if self._monitors.pop(subject, None) else set()
        revisions = MonitorRecord.decode(value).revisions
        if (found := revisions[0].monitor.subject) != subject:
            raise ValueError(f"the monitor in it is for {found!r}")
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
            raise ValueError(f"the reference in it is for {name!r}")
        # A stage decodes the profiles when it first needs them. Decoding them here detects broken ones early.
        reference_rows(reference, None)
        reference_labels(reference, None)
    return revisions


AnyRevision = MonitorRevision | ReferenceRevision
R = TypeVar("R", MonitorRevision, ReferenceRevision)


def _all(
    monitors: list[MonitorRevision], references: Mapping[str | None, list[ReferenceRevision]]
) -> Iterator[AnyRevision]:
    yield from monitors[1:]  # the first monitor is in force from the beginning
    for revisions in references.values():
        yield from revisions


def _from_ms(revision: AnyRevision) -> int:
    return BEGINNING_MS if revision.takes_effect_at_ms is None else revision.takes_effect_at_ms


def _watched(
    monitors: list[MonitorRevision],
    references: Mapping[str | None, list[ReferenceRevision]],
    time_ms: int,
) -> Watched:
    at = _in_force(monitors, time_ms) or monitors[0]
    found = {version: _in_force(known, time_ms) for version, known in references.items()}
    compared = {version: each.reference for version, each in found.items() if each is not None}
    return Watched(at.monitor, compared, at.revision, tuple(at.accepted))


def _in_force(revisions: list[R], time_ms: int) -> R | None:
    return next((each for each in reversed(revisions) if _from_ms(each) <= time_ms), None)


def _aligned_ms(time_ms: int, before: Monitor, after: Monitor) -> int:
    """Round a time up to a start of panes of both monitors, so that no pane holds rows of both."""
    step_ms = lcm(pane_ms(before), pane_ms(after))
    return -(-time_ms // step_ms) * step_ms


def pane_ms(monitor: Monitor) -> int:
    """Return the length of a monitor's panes in milliseconds."""
    return milliseconds(monitor.windows.pane)


def reference_key(subject: str, version: str | None) -> str:
    """Return the key of a reference on its topic.

    >>> reference_key("flight-delay", None), reference_key("flight-delay", "2")
    ('flight-delay', 'flight-delay/2')
    """
    return subject if version is None else f"{subject}/{version}"
