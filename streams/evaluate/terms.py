"""What the configuration in force says of the windows of a subject."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from detectors.layout import Layout
from detectors.reference import reference_labels
from schemas.findings import Kind
from schemas.monitors import Monitor
from schemas.references import Reference
from streams.evaluate.coverage import Expectation
from streams.evaluate.windows import Spans, ms


class Watched(Protocol):
    """One entry of the registry."""

    @property
    def monitor(self) -> Monitor: ...  # noqa: D102 - named for what it is

    @property
    def references(self) -> Mapping[str | None, Reference]: ...  # noqa: D102

    def layout(self, version: str | None) -> Layout: ...  # noqa: D102

    def reference(self, version: str | None) -> Reference | None: ...  # noqa: D102


class Registry(Protocol):
    """The monitors and references that are in force."""

    def get(self, subject: str) -> Watched | None: ...  # noqa: D102


class LaneKey(NamedTuple):
    """What windows are about. Panes of two layouts can't be merged, so each layout has its own windows."""

    subject: str
    version: str
    kind: Kind
    layout: str


class Terms(NamedTuple):
    """How the windows of one subject, version, kind and layout are made and judged."""

    monitor: Monitor
    spans: Spans
    layout: Layout | None
    """None if nothing in force has this layout."""
    reference: Reference | None


class TermsOf:
    """Looks terms up, and keeps them until the registry has something else."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._terms: dict[LaneKey, tuple[Watched, Terms]] = {}
        self._expected: dict[tuple[str, str], tuple[Watched, Expectation | None]] = {}

    def lane(self, key: LaneKey) -> Terms | None:
        """Return the terms of a lane; None if its subject is not watched."""
        watched = self._registry.get(key.subject)
        if watched is None:
            self._terms.pop(key, None)
            return None
        known = self._terms.get(key)
        if known is None or known[0] is not watched:
            known = self._terms[key] = (watched, _terms(watched, key))
        return known[1]

    def labels(self, subject: str, version: str) -> Expectation | None:
        """Return what is expected of a version's labels; None if there is nothing to expect."""
        watched = self._registry.get(subject)
        if watched is None:
            self._expected.pop((subject, version), None)
            return None
        known = self._expected.get((subject, version))
        if known is None or known[0] is not watched:
            known = self._expected[subject, version] = (watched, _expectation(watched, version))
        return known[1]

    def forget(self, key: LaneKey) -> None:
        """Drop what is kept for a lane that is over."""
        self._terms.pop(key, None)


def _terms(watched: Watched, key: LaneKey) -> Terms:
    """Find what has the lane's layout: what is in force, or what was before there was a reference."""
    monitor, spans = watched.monitor, Spans.of(watched.monitor, key.kind)
    candidates = [watched.reference(key.version), *watched.references.values(), None]
    if watched.layout(key.version).id == key.layout:
        return Terms(monitor, spans, watched.layout(key.version), candidates[0])
    for reference in candidates:
        layout = Layout.of(monitor, reference)
        if layout.id == key.layout:
            return Terms(monitor, spans, layout, reference)
    return Terms(monitor, spans, None, None)


def _expectation(watched: Watched, version: str) -> Expectation | None:
    labels = watched.monitor.labels
    if labels is None:
        return None
    reference = watched.reference(version)
    known = reference_labels(reference, None)
    share = min(1.0, known.labels / reference.rows) if reference and known and reference.rows else None
    window_ms = ms(labels.window or watched.monitor.windows.size)
    return Expectation(ms(labels.expected_within), window_ms, labels.min_labels, share)
