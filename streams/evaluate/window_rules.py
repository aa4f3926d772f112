"""What the configuration in force says of the windows of a subject."""

from typing import NamedTuple, Protocol

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.reference import reference_labels
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.evaluate.coverage import Expectation, Expectations
from watchkeeper.streams.evaluate.watermarks import NEVER
from watchkeeper.streams.evaluate.windows import FAR, WindowDurations, ms


class MonitorHistory(Protocol):
    """The monitors and references that are in force."""

    def get(self, subject: str) -> Watched | None: ...  # noqa: D102


class LaneKey(NamedTuple):
    """What windows are about. Panes of two layouts can't be merged, so each layout has its own windows."""

    subject: str
    version: str
    kind: Kind
    layout: str


class WindowRules(NamedTuple):
    """How the windows of one subject, version, kind and layout are made and judged."""

    monitor: Monitor
    spans: WindowDurations
    layout: Layout | None
    """None if nothing in force has this layout."""
    reference: Reference | None
    revision: int = 0
    """Of the monitor."""


class Course(NamedTuple):
    """The terms of one lane as they change with time, the oldest first."""

    terms: tuple[WindowRules, ...]

    def at(self, time_ms: int) -> WindowRules:
        """Return the terms of the pane that starts at a time."""
        return next(each for each in reversed(self.terms) if each.spans.from_ms <= max(time_ms, NEVER))


class TermsOf:
    """Looks terms up, and keeps them until the registry has something else."""

    def __init__(self, registry: MonitorHistory) -> None:
        self._registry = registry
        self._courses: dict[LaneKey, tuple[Watched, Course]] = {}
        self._expected: dict[tuple[str, str], tuple[Watched, Expectations]] = {}

    def lane(self, key: LaneKey) -> Course | None:
        """Return the terms of a lane; None if its subject is not watched."""
        watched = self._registry.get(key.subject)
        if watched is None:
            self._courses.pop(key, None)
            return None
        known = self._courses.get(key)
        if known is None or known[0] is not watched:
            known = self._courses[key] = (watched, _course(watched, key))
        return known[1]

    def labels(self, subject: str, version: str) -> Expectations:
        """Return what is expected of a version's labels."""
        watched = self._registry.get(subject)
        if watched is None:
            self._expected.pop((subject, version), None)
            return Expectations([])
        known = self._expected.get((subject, version))
        if known is None or known[0] is not watched:
            expected = [(each.from_ms, _expectation(each, version)) for each in watched.history()]
            known = self._expected[subject, version] = (watched, Expectations(expected))
        return known[1]

    def forget(self, key: LaneKey) -> None:
        """Drop what is kept for a lane that is over."""
        self._courses.pop(key, None)


def _course(watched: Watched, key: LaneKey) -> Course:
    history = watched.history()
    ends = [each.from_ms for each in history[1:]] + [FAR]
    return Course(tuple(_terms(each, end, key, history) for each, end in zip(history, ends, strict=True)))


def _terms(watched: Watched, until_ms: int, key: LaneKey, history: list[Watched]) -> WindowRules:
    """Find what has the lane's layout: what is in force then, or else what was before or will be after."""
    monitor = watched.monitor
    spans = WindowDurations.of(monitor, key.kind)._replace(from_ms=watched.from_ms, until_ms=until_ms)
    for each in (watched, *reversed(history)):
        found = _with_layout(each, key)
        if found is not None:
            return WindowRules(monitor, spans, *found, watched.revision)
    return WindowRules(monitor, spans, None, None, watched.revision)


def _with_layout(watched: Watched, key: LaneKey) -> tuple[Layout, Reference | None] | None:
    """Return the layout that is looked for with its reference, if it is one of those in force."""
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
    window_ms = ms(labels.window or watched.monitor.windows.size)
    return Expectation(ms(labels.expected_within), window_ms, labels.min_labels, share)
