"""Configuration as events: what the records of `monitors` and `references` add up to."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from detectors.layout import Layout
from detectors.reference import reference_labels, reference_rows
from schemas.monitors import Monitor
from schemas.references import Reference

__all__ = ["Configuration", "Watched", "reference_key"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """One subject: its monitor, and what it is compared with, by model version (None: any other version)."""

    monitor: Monitor
    references: Mapping[str | None, Reference] = field(default_factory=dict)
    _layouts: dict[str | None, Layout] = field(default_factory=dict, repr=False, compare=False)

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
        self._monitors: dict[str, Monitor] = {}
        self._references: dict[str, dict[str | None, Reference]] = {}
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
        """Return what is known of a subject; None without a monitor."""
        monitor = self._monitors.get(subject)
        return None if monitor is None else Watched(monitor, dict(self._references.get(subject, {})))

    def subjects(self) -> list[str]:
        """Return the subjects that have a monitor."""
        return sorted(self._monitors)

    def references(self, subject: str) -> dict[str | None, Reference]:
        """Return the references of a subject by version, whether it has a monitor or not."""
        return dict(self._references.get(subject, {}))

    def unwatched(self) -> list[str]:
        """Return the subjects that have a reference and no monitor."""
        return sorted(set(self._references) - set(self._monitors))

    def _learn_monitor(self, subject: str, value: bytes | None) -> set[str]:
        if value is None:
            return {subject} if self._monitors.pop(subject, None) else set()
        monitor = Monitor.model_validate_json(value)
        if monitor.subject != subject:
            raise ValueError(f"its monitor is for {monitor.subject!r}")
        if self._monitors.get(subject) == monitor:
            return set()
        self._monitors[subject] = monitor
        return {subject}

    def _learn_reference(self, key: str, value: bytes | None) -> set[str]:
        subject, slash, rest = key.partition("/")
        version = rest if slash else None
        before = self._references.get(subject, {})
        after = {known: reference for known, reference in before.items() if known != version}
        if value is not None:
            after[version] = _reference(subject, version, value)
        self._references[subject] = after
        if not after:
            del self._references[subject]
        return {subject} if after != before else set()


def _reference(subject: str, version: str | None, value: bytes) -> Reference:
    reference = Reference.decode(value)
    if (reference.subject, reference.version) != (subject, version):
        raise ValueError(f"its reference is for {reference_key(reference.subject, reference.version)!r}")
    # Its profile is read when it is first needed, in a stage: find out here that it can be.
    reference_rows(reference, None)
    reference_labels(reference, None)
    return reference


def reference_key(subject: str, version: str | None) -> str:
    """Return the key of a reference on its topic.

    >>> reference_key("flight-delay", None), reference_key("flight-delay", "2")
    ('flight-delay', 'flight-delay/2')
    """
    return subject if version is None else f"{subject}/{version}"
