"""What ingest needs for every monitored subject. It is rebuilt when the registry changes."""

from collections.abc import Iterator
from copy import copy
from typing import NamedTuple, Protocol

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Revision, Timeline
from watchkeeper.streams.ingest.columnizer import Columnizer
from watchkeeper.streams.ingest.decode import EventDecoder, LabelDecoder, SubjectDecoder
from watchkeeper.streams.ingest.spans import PaneDurations, PaneGrid


class MonitorsInForce(Protocol):
    """The monitors and references that are in force."""

    @property
    def generation(self) -> int: ...  # noqa: D102

    def get(self, subject: str) -> Timeline[Watched] | None: ...  # noqa: D102

    def subjects(self) -> list[str]: ...  # noqa: D102


class Intake(NamedTuple):
    """What ingest needs for the panes in which one revision of a subject is in force."""

    watched: Watched
    subject: SubjectDecoder
    columnizer: Columnizer
    spans: PaneDurations

    @classmethod
    def of(cls, revision: Revision[Watched]) -> "Intake":
        """Build it from one revision."""
        watched = revision.value
        subject = SubjectDecoder(watched.monitor)
        return cls(watched, subject, Columnizer(subject), PaneDurations.of(watched.monitor))


class SubjectIntake(NamedTuple):
    """One subject as ingest sees it, with all its revisions."""

    watched: Timeline[Watched]
    revisions: Timeline[Intake]
    panes: PaneGrid

    @classmethod
    def of(cls, watched: Timeline[Watched]) -> "SubjectIntake":
        """Build it for all revisions of a subject."""
        revisions = watched.map(Intake.of)
        return cls(watched, revisions, PaneGrid(revisions.map(lambda each: each.value.spans)))


class Subjects:
    """Decoders and intakes of all subjects.

    Building them for many subjects takes long. So a worker builds one instance for all its partitions, and
    the instance of each partition copies from it (`common`). Only which monitor a decoder tries first differs
    between partitions.
    """

    def __init__(self, registry: MonitorsInForce, common: "Subjects | None" = None) -> None:
        self._registry = registry
        self._common = common
        self._generation = -1
        self.intakes: dict[str, SubjectIntake] = {}
        self._kinds: dict[str, set[Kind]] = {}
        self.decoders: dict[str, EventDecoder] = {}
        self.labels = LabelDecoder()

    def refresh(self) -> None:
        """Follow the registry, if it has changed."""
        if self._registry.generation == self._generation:
            return
        if self._common is None:
            self._build()
        else:
            self._common.refresh()
            self._take_over(self._common)

    def _take_over(self, common: "Subjects") -> None:
        self._generation = common._generation
        self.intakes, self._kinds = common.intakes, common._kinds
        self.decoders = {kind: copy(decoder) for kind, decoder in common.decoders.items()}

    def _build(self) -> None:
        self._generation = self._registry.generation
        before, self.intakes, self._kinds = self.intakes, {}, {}
        for name in self._registry.subjects():
            watched = self._registry.get(name)
            if watched is None:
                continue
            known = before.get(name)
            self.intakes[name] = known if known and known.watched is watched else SubjectIntake.of(watched)
            self._kinds[name] = {kind for each in watched.history for kind in _kinds(each.monitor)}
        subjects = [intake.revisions.map(lambda each: each.value.subject) for intake in self.intakes.values()]
        self.decoders = {
            "predictions": EventDecoder((s for s in subjects if s.latest.monitor.model), "model"),
            "features": EventDecoder((s for s in subjects if s.latest.monitor.feature_view), "feature_view"),
        }

    def of_kind(self, kind: Kind) -> Iterator[tuple[str, SubjectIntake]]:
        """Yield the subjects that have events of a kind."""
        for name, intake in self.intakes.items():
            if self.is_of_kind(name, kind):
                yield name, intake

    def is_of_kind(self, subject: str, kind: Kind) -> bool:
        """Whether a subject has, or had, events of a kind."""
        return kind in self._kinds[subject]


def _kinds(monitor: Monitor) -> Iterator[Kind]:
    yield "predictions" if monitor.model else "features"
    if monitor.labels is not None:
        yield "labels"
