"""The rules for the windows of a subject. They change with its configuration."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from watchkeeper.detectors.checks.reference import reference_labels
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.revisions import Acceptance
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Revision, Timeline
from watchkeeper.streams.evaluate.label_coverage import Expectation
from watchkeeper.streams.evaluate.windows import WindowDurations


class MonitorHistory(Protocol):
    """The monitors and references in force, by subject."""

    def get(self, subject: str) -> Timeline[Watched] | None:
        """Return the configuration of a subject, or None if it is not watched."""


class WindowsKey(NamedTuple):
    """The key of subject windows. Panes of two layouts never merge, so each layout has its own windows."""

    subject: str
    version: str
    kind: Kind
    layout: str


class WindowRules(NamedTuple):
    """The rules by which the windows of one key are made and judged."""

    monitor: Monitor
    spans: WindowDurations
    layout: Layout | None
    """None if no revision has this layout."""
    reference: Reference | None
    revision: int = 0
    """The number of the monitor's revision."""
    accepted: tuple[Acceptance, ...] = ()
    """What the revision accepts as the new normal, from its first window on."""


class RulesCache:
    """Looks up window rules, and caches them until the subject's configuration changes."""

    def __init__(self, registry: MonitorHistory) -> None:
        self._registry = registry
        self._rules: dict[WindowsKey, tuple[Timeline[Watched], Timeline[WindowRules]]] = {}
        self._expected: dict[tuple[str, str], tuple[Timeline[Watched], Timeline[Expectation | None]]] = {}

    def rules(self, key: WindowsKey) -> Timeline[WindowRules] | None:
        """Return the rules of subject windows; None if the subject is not watched."""
        watched = self._registry.get(key.subject)
        if watched is None:
            self._rules.pop(key, None)
            return None
        known = self._rules.get(key)
        if known is None or known[0] is not watched:
            rules = watched.map(lambda revision: _rules_of(revision, key, watched.history))
            known = self._rules[key] = (watched, rules)
        return known[1]

    def labels(self, subject: str, version: str) -> Timeline[Expectation | None]:
        """Return the labels that are expected for a version; None at times when none are."""
        watched = self._registry.get(subject)
        if watched is None:
            self._expected.pop((subject, version), None)
            return Timeline(None)
        known = self._expected.get((subject, version))
        if known is None or known[0] is not watched:
            expected = watched.map(lambda revision: _expectation(revision.value, version))
            known = self._expected[subject, version] = (watched, expected)
        return known[1]

    def forget(self, key: WindowsKey) -> None:
        """Drop the cached rules of subject windows that were dropped."""
        self._rules.pop(key, None)


def _rules_of(revision: Revision[Watched], key: WindowsKey, history: Sequence[Watched]) -> WindowRules:
    """Return the rules of a revision. The layout may come from another revision: the newest that has it."""
    watched, from_ms, until_ms = revision
    monitor = watched.monitor
    spans = WindowDurations.of(monitor, key.kind)._replace(from_ms=from_ms, until_ms=until_ms)
    for each in (watched, *reversed(history)):
        found = _with_layout(each, key)
        if found is not None:
            return WindowRules(monitor, spans, *found, watched.revision, watched.accepted)
    return WindowRules(monitor, spans, None, None, watched.revision)


def _with_layout(watched: Watched, key: WindowsKey) -> tuple[Layout, Reference | None] | None:
    """Return the layout of a key and its reference; None if the revision does not have the layout."""
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
