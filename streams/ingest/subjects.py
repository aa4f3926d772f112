"""What ingest needs to know of every monitored subject, built anew when the registry changes."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from detectors.layout import Layout
from schemas.findings import Kind
from schemas.monitors import Monitor
from streams.ingest.batch import Columnizer
from streams.ingest.decode import EventDecoder, LabelDecoder, Subject


class Watched(Protocol):
    """One entry of the registry."""

    @property
    def monitor(self) -> Monitor: ...  # noqa: D102 - named for what it is

    def layout(self, version: str | None) -> Layout: ...  # noqa: D102


class Registry(Protocol):
    """The monitors and references that are in force."""

    @property
    def generation(self) -> int: ...  # noqa: D102

    def get(self, subject: str) -> Watched | None: ...  # noqa: D102

    def subjects(self) -> list[str]: ...  # noqa: D102


class Spans(NamedTuple):
    """The monitor's durations in milliseconds."""

    pane_ms: int
    lateness_ms: int
    label_ms: int
    """How long a prediction waits for its label; 0 where none is expected."""


class Intake(NamedTuple):
    """One subject as ingest sees it."""

    watched: Watched
    columnizer: Columnizer
    spans: Spans


class Subjects:
    """Decoders and intakes of all subjects."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._generation = -1
        self.intakes: dict[str, Intake] = {}
        self.decoders: dict[str, EventDecoder] = {}
        self.labels = LabelDecoder()

    def refresh(self) -> None:
        """Build everything anew if the registry has changed."""
        generation = self._registry.generation
        if generation == self._generation:
            return
        self._generation = generation
        subjects = []
        self.intakes = {}
        for name in self._registry.subjects():
            watched = self._registry.get(name)
            if watched is None:
                continue
            subject = Subject(watched.monitor)
            subjects.append(subject)
            self.intakes[name] = Intake(watched, Columnizer(subject), _spans(watched.monitor))
        self.decoders = {
            "predictions": EventDecoder((s for s in subjects if s.monitor.model), "model"),
            "features": EventDecoder((s for s in subjects if s.monitor.feature_view), "feature_view"),
        }

    def of_kind(self, kind: Kind) -> Iterator[tuple[str, Intake]]:
        """Yield the subjects that have events of a kind."""
        for name, intake in self.intakes.items():
            monitor = intake.watched.monitor
            declared = {
                "predictions": monitor.model is not None,
                "labels": monitor.labels is not None,
                "features": monitor.feature_view is not None,
            }
            if declared[kind]:
                yield name, intake


def _spans(monitor: Monitor) -> Spans:
    windows = monitor.windows
    label_ms = round(monitor.labels.expected_within.total_seconds() * 1000) if monitor.labels else 0
    return Spans(
        round(windows.pane.total_seconds() * 1000), round(windows.lateness.total_seconds() * 1000), label_ms
    )
