"""The rules for the windows of a subject, as its configuration changes with time."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from watchkeeper.detectors.checks.reference import reference_labels
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Revision, Timeline
from watchkeeper.streams.evaluate.coverage import Expectation
from watchkeeper.streams.evaluate.windows import WindowDurations


class MonitorHistory(Protocol):
    """The monitors and references that are in force."""

    def get(self, subject: str) -> Timeline[Watched] | None: ...  # noqa: D102


class LaneKey(NamedTuple):
    """The key of a series of windows. Panes of two layouts cannot be merged: each layout has its windows."""

    subject: str
    version: str
    kind: Kind
    layout: str


class WindowRules(NamedTuple):
    """The rules by which the windows of one subject, version, kind and layout are made and judged."""

    monitor: Monitor
    spans: WindowDurations
    layout: Layout | None
    """None if no revision has this layout."""
    reference: Reference | None
    revision: int = 0
    """The number of the monitor's revision."""


class TermsOf:
    """Looks up terms, and caches them until the subject changes in the registry."""

    def __init__(self, registry: MonitorHistory) -> None:
        self._registry = registry
        self._terms: dict[LaneKey, tuple[Timeline[Watched], Timeline[WindowRules]]] = {}
        self._expected: dict[tuple[str, str], tuple[Timeline[Watched], Timeline[Expectation | None]]] = {}

    def lane(self, key: LaneKey) -> Timeline[WindowRules] | None:
        """Return the terms of a lane; None if its subject is not watched."""
        watched = self._registry.get(key.subject)
        if watched is None:
            self._terms.pop(key, None)
            return None
        known = self._terms.get(key)
        if known is None or known[0] is not watched:
            terms = watched.map(lambda revision: _terms(revision, key, watched.history))
            known = self._terms[key] = (watched, terms)
        return known[1]

    def labels(self, subject: str, version: str) -> Timeline[Expectation | None]:
        """Return what is expected of a version's labels; None in times when no label is expected."""
        watched = self._registry.get(subject)
        if watched is None:
            self._expected.pop((subject, version), None)
            return Timeline(None)
        known = self._expected.get((subject, version))
        if known is None or known[0] is not watched:
            expected = watched.map(lambda revision: _expectation(revision.value, version))
            known = self._expected[subject, version] = (watched, expected)
        return known[1]

    def forget(self, key: LaneKey) -> None:
        """Drop the cached terms of a lane that is over."""
        self._terms.pop(key, None)


def _terms(revision: Revision[Watched], key: LaneKey, history: Sequence[Watched]) -> WindowRules:
    """Find the lane's layout in the revision itself, or else in the newest revision that has it."""
    watched, from_ms, until_ms = revision
    monitor = watched.monitor
    spans = WindowDurations.of(monitor, key.kind)._replace(from_ms=from_ms, until_ms=until_ms)
    for each in (watched, *reversed(history)):
        found = _with_layout(each, key)
        if found is not None:
            return WindowRules(monitor, spans, *found, watched.revision)
    return WindowRules(monitor, spans, None, None, watched.revision)


def _with_layout(watched: Watched, key: LaneKey) -> tuple[Layout, Reference | None] | None:
    """Return the layout of the key with its reference, if the revision has it."""
    if watched.layout(key.version).id == key.layout:
        return watched.layout(key.version), watched.reference(key.version)
    for reference in (watched.reference(key.version), *watched.references.values(), None):
        layout = Layout.of(watched.monitor, reference)
        if layout.id == key.layout:
            return layout, reference
    return None


def _expectation(watched: Watched, version: str) -> Expectation | None:
    labels = watched.monitor.labels
    if labels is None:
        return None
    reference = watched.reference(version)
    known = reference_labels(reference, None)
    share = min(1.0, known.labels / reference.rows) if reference and known and reference.rows else None
    window_ms = milliseconds(labels.window or watched.monitor.windows.size)
    return Expectation(milliseconds(labels.expected_within), window_ms, labels.min_labels, share)
