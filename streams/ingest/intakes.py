"""What ingest needs to know of every monitored subject, built anew where the registry changes."""

from collections.abc import Iterator
from copy import copy
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.ingest.columnizer import Columnizer
from watchkeeper.streams.ingest.decode import EventDecoder, LabelDecoder, SubjectDecoder
from watchkeeper.streams.ingest.spans import PaneDurations


class MonitorsInForce(Protocol):
    """The monitors and references that are in force."""

    @property
    def generation(self) -> int: ...  # noqa: D102

    def get(self, subject: str) -> Watched | None: ...  # noqa: D102

    def subjects(self) -> list[str]: ...  # noqa: D102


class Intake(NamedTuple):
    """One subject as ingest sees it, for panes from `from_ms` on; `before` is for earlier ones."""

    watched: Watched
    subject: SubjectDecoder
    columnizer: Columnizer
    spans: PaneDurations
    before: "Intake | None" = None

    @classmethod
    def of(cls, watched: Watched) -> "Intake":
        """Prepare what is in force, and what was before."""
        before = cls.of(watched.before) if watched.before is not None else None
        subject = SubjectDecoder(watched.monitor, watched.from_ms, before.subject if before else None)
        spans = PaneDurations.of(watched.monitor, watched.from_ms, before.spans if before else None)
        return cls(watched, subject, Columnizer(subject), spans, before)

    def at(self, time_ms: int) -> "Intake":
        """Return what holds for the pane that starts at a time."""
        found = self
        while found.before is not None and time_ms < found.watched.from_ms:
            found = found.before
        return found

    def runs(self, times: NDArray[np.int64]) -> "list[tuple[Intake, slice]]":
        """Split rows, in their order, where what holds for them changes."""
        if self.before is None or (times >= self.watched.from_ms).all():
            return [(self, slice(0, len(times)))]
        starts = [each.from_ms for each in self.watched.history()[1:]]
        number = np.searchsorted(starts, times, side="right")
        bounds = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(times)]
        return [(self.at(int(times[first])), slice(first, end)) for first, end in pairwise(bounds)]


class Subjects:
    """Decoders and intakes of all subjects.

    Building them takes long for many subjects: a worker has one for all its partitions, and each of them one
    that takes over from it (`common`). Only which monitor a decoder tries first is each one's own.
    """

    def __init__(self, registry: MonitorsInForce, common: "Subjects | None" = None) -> None:
        self._registry = registry
        self._common = common
        self._generation = -1
        self.intakes: dict[str, Intake] = {}
        self._kinds: dict[str, set[Kind]] = {}
        self.decoders: dict[str, EventDecoder] = {}
        self.labels = LabelDecoder()

    def refresh(self) -> None:
        """Take in what has changed in the registry, if anything has."""
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
            self.intakes[name] = known if known and known.watched is watched else Intake.of(watched)
            self._kinds[name] = {kind for each in watched.history() for kind in _kinds(each.monitor)}
        subjects = [intake.subject for intake in self.intakes.values()]
        self.decoders = {
            "predictions": EventDecoder((s for s in subjects if s.monitor.model), "model"),
            "features": EventDecoder((s for s in subjects if s.monitor.feature_view), "feature_view"),
        }

    def of_kind(self, kind: Kind) -> Iterator[tuple[str, Intake]]:
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
