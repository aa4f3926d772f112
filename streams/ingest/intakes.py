"""The decoders and durations that ingest needs for every subject. They follow the registry."""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import NamedTuple, Protocol

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.subjects import name_of, subject_of
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Revision, Timeline
from watchkeeper.streams.ingest.columnizer import Columnizer
from watchkeeper.streams.ingest.decode import EventDecoder, SubjectDecoder
from watchkeeper.streams.ingest.decode_labels import LabelDecoder
from watchkeeper.streams.ingest.spans import PaneDurations, PaneGrid


class MonitorsInForce(Protocol):
    """The monitors and references in force, as a `Registry` has them."""

    @property
    def generation(self) -> int:
        """Increases with each change of any subject."""
        ...

    def get(self, subject: str) -> Timeline[Watched] | None:
        """Return all revisions of a subject, the same object until it changes."""
        ...

    def subjects(self) -> list[str]:
        """Return the subjects that have a monitor."""
        ...


class Intake(NamedTuple):
    """What ingest needs for the panes in which one revision of a subject is in force."""

    watched: Watched
    subject: SubjectDecoder
    columnizer: Columnizer
    spans: PaneDurations

    @classmethod
    def of(cls, revision: Revision[Watched]) -> "Intake":
        """Build the intake of one revision."""
        watched = revision.value
        subject = SubjectDecoder(watched.monitor)
        return cls(watched, subject, Columnizer(subject), PaneDurations.of(watched.monitor))


class SubjectIntake(NamedTuple):
    """What ingest needs for one subject, with all its revisions."""

    watched: Timeline[Watched]
    revisions: Timeline[Intake]
    panes: PaneGrid

    @classmethod
    def of(cls, watched: Timeline[Watched]) -> "SubjectIntake":
        """Build the intakes of all revisions of a subject."""
        revisions = watched.map(Intake.of)
        return cls(watched, revisions, PaneGrid(revisions.map(lambda each: each.value.spans)))


class Subjects:
    """Decoders and intakes of all subjects.

    It takes long to build them for many subjects. So a worker builds one instance for all its partitions, and
    the instance of each partition copies from it. Only the monitor that a decoder tries first differs between
    partitions.

    Args:
        registry: The monitors and references in force.
        common: The worker's instance to copy from; None to build.
    """

    def __init__(self, registry: MonitorsInForce, common: "Subjects | None" = None) -> None:
        self._registry = registry
        self._common = common
        self.generation = -1
        """The generation of the registry that this was built from."""
        self.intakes: dict[str, SubjectIntake] = {}
        self.kinds: dict[str, set[Kind]] = {}
        """By subject, the kinds of events that any of its revisions has."""
        self.named: dict[str, list[str]] = {}
        """By model or feature view, its subjects: one for each environment that is watched."""
        self.decoders: dict[str, EventDecoder] = {}
        self.labels = LabelDecoder()

    def refresh(self) -> None:
        """Rebuild if the registry has changed."""
        if self._registry.generation == self.generation:
            return
        if self._common is None:
            self._build()
        else:
            self._common.refresh()
            self._take_over(self._common)

    def _take_over(self, common: "Subjects") -> None:
        self.generation = common.generation
        self.intakes, self.kinds, self.named = common.intakes, common.kinds, common.named
        self.decoders = {kind: copy(decoder) for kind, decoder in common.decoders.items()}

    def _build(self) -> None:
        self.generation = self._registry.generation
        before, self.intakes, self.kinds, self.named = self.intakes, {}, {}, {}
        for name in self._registry.subjects():
            watched = self._registry.get(name)
            if watched is None:
                continue
            known = before.get(name)
            self.intakes[name] = known if known and known.watched is watched else SubjectIntake.of(watched)
            self.named.setdefault(name_of(name), []).append(name)
            self.kinds[name] = {kind for each in watched.history for kind in _kinds(each.monitor)}
        subjects = [intake.revisions.map(lambda each: each.value.subject) for intake in self.intakes.values()]
        self.decoders = {
            "predictions": EventDecoder((s for s in subjects if s.latest.monitor.model), "model"),
            "features": EventDecoder((s for s in subjects if s.latest.monitor.feature_view), "feature_view"),
        }

    def of_label(self, model: str | None, environment: str | None) -> Sequence[str | None]:
        """Return the subjects of a label: of its environment, or of each if it names none.

        A label without a model has the subject None, which stands for every model.
        """
        if model is None:
            return (None,)
        if environment is None:
            return self.named.get(model, ())
        subject = subject_of(model, environment)
        return (subject,) if subject in self.named.get(model, ()) else ()

    def of_kind(self, kind: Kind) -> Iterator[tuple[str, SubjectIntake]]:
        """Yield the subjects that have, or had, events of a kind."""
        for name, intake in self.intakes.items():
            if self.is_of_kind(name, kind):
                yield name, intake

    def is_of_kind(self, subject: str, kind: Kind) -> bool:
        """Return whether a subject has, or had, events of a kind."""
        return kind in self.kinds[subject]


def _kinds(monitor: Monitor) -> Iterator[Kind]:
    yield "predictions" if monitor.model else "features"
    if monitor.labels is not None:
        yield "labels"
