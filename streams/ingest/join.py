"""Labels meet their predictions, by `prediction_id`, within one partition and in any order.

Predictions wait in memory for as long as labels are expected; they are not copied into checkpoints, because
the topic holds them: after a restart they are read again from the offset of the oldest that still waits.
"""

from collections import deque
from collections.abc import Container, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WAITING_MAX = 1_000_000


class Labelled(NamedTuple):
    """A label and the prediction that it belongs to. `before` is the label that it corrects."""

    subject: str
    version: str
    event_ms: int
    score: float
    predicted: float
    segments: tuple[tuple[str, str], ...]
    """Dimensions with the prediction's values, as they were when it was made."""
    label: float | None
    label_ms: int
    before: float | None
    before_ms: int
    latest_ms: int
    """The latest label time that had come before this label: what is late is decided by that."""
    corrections: tuple[int, ...]
    """When earlier labels for the same prediction were corrected."""


class Truth(NamedTuple):
    """A label event: None retracts what was said before."""

    prediction_id: str
    model: str | None
    label: float | None
    label_ms: int
    offset: int
    latest_ms: int = 0
    """The latest label time that had come before it."""
    corrections: tuple[int, ...] = ()
    """When it corrected labels that waited with it for the prediction."""


class Waiting:
    """Predictions of one chunk, subject and version that wait for their labels.

    `before_ms` is the latest event time of the subject before the chunk: it decided which of them were late.
    They keep the dimensions of segments, and the time that they wait, of the monitor that was in force.
    """

    __slots__ = (
        "before_ms", "dimensions", "event_ms", "first_label", "ids", "labels",
        "last_ms", "offset", "predicted", "scores", "segments", "within_ms",
    )  # fmt: skip

    def __init__(
        self,
        ids: Sequence[str],
        event_ms: NDArray[np.int64],
        scores: NDArray[np.float64],
        predicted: Sequence[float],
        dimensions: Sequence[str],
        segments: Sequence[Sequence[str]],
        within_ms: int,
        offset: int,
        before_ms: int,
    ) -> None:
        self.ids = ids
        self.before_ms = before_ms
        self.event_ms = event_ms
        self.last_ms = int(event_ms.max())
        self.scores = scores
        self.predicted = predicted
        self.dimensions = dimensions
        self.segments = segments
        self.within_ms = within_ms
        self.offset = offset
        self.labels: dict[int, Truth] = {}
        self.first_label: Truth | None = None


class VersionJoin:
    """The predictions of one subject and version that wait."""

    def __init__(self, subject: str, version: str) -> None:
        self.subject = subject
        self.version = version
        self.index: dict[str, tuple[Waiting, int]] = {}
        self.waiting: deque[Waiting] = deque()

    def repeats(self, ids: Sequence[str]) -> list[int]:
        """Return which of the ids are known already or stand twice in the list."""
        if self.index.keys().isdisjoint(ids) and len(set(ids)) == len(ids):
            return []
        seen: set[str] = set()
        found = []
        for i, prediction_id in enumerate(ids):
            if prediction_id in self.index or prediction_id in seen:
                found.append(i)
            seen.add(prediction_id)
        return found

    def add(self, rows: Waiting) -> None:
        """Let predictions wait; none of them may be a repeat."""
        self.index.update(zip(rows.ids, zip(repeat(rows), range(len(rows.ids))), strict=True))
        self.waiting.append(rows)

    def match(self, truth: Truth) -> Labelled | None:
        """Give a label to its prediction; None where that is unknown or the label came after its time."""
        found = self.index.get(truth.prediction_id)
        if found is None:
            return None
        rows, i = found
        event_ms = int(rows.event_ms[i])
        if truth.label_ms - event_ms > rows.within_ms:
            return None
        before = rows.labels.get(i)
        rows.labels[i] = truth
        if rows.first_label is None or truth.offset < rows.first_label.offset:
            rows.first_label = truth
        return Labelled(
            self.subject,
            self.version,
            event_ms,
            float(rows.scores[i]),
            rows.predicted[i],
            tuple((name, values[i]) for name, values in zip(rows.dimensions, rows.segments, strict=True)),
            truth.label,
            truth.label_ms,
            before.label if before else None,
            before.label_ms if before else 0,
            truth.latest_ms,
            (truth.label_ms,) if before else truth.corrections,
        )

    def labels_of(self, ids: Sequence[str]) -> list[Truth]:
        """Return the labels known for any of these predictions."""
        known = (self.index[i] for i in ids if i in self.index)
        return [rows.labels[i] for rows, i in known if i in rows.labels]

    def expire(self, labels_ms: int, predictions_ms: int) -> None:
        """Forget predictions whose labels are overdue, once labels and predictions have come so far.

        By the labels' own time; without labels by the predictions', at twice the time, to bound memory.
        """
        while self.waiting:
            rows = self.waiting[0]
            if rows.last_ms >= max(labels_ms - rows.within_ms, predictions_ms - 2 * rows.within_ms):
                return
            self.forget_oldest()

    def forget_oldest(self) -> int:
        """Forget the oldest chunk; return how many predictions that were."""
        rows = self.waiting.popleft()
        for prediction_id in rows.ids:
            if self.index[prediction_id][0] is rows:
                del self.index[prediction_id]
        return len(rows.ids)


class Join:
    """All predictions and early labels that wait in one partition."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], VersionJoin] = {}
        self.early: dict[tuple[str | None, str], Truth] = {}
        self._early_met: set[tuple[str | None, str]] = set()
        self.evicted = 0

    def version(self, subject: str, version: str) -> VersionJoin:
        """Return the predictions of a version, creating its place."""
        key = (subject, version)
        if key not in self.versions:
            self.versions[key] = VersionJoin(subject, version)
        return self.versions[key]

    def labels_before(self, rows: VersionJoin, ids: Sequence[str]) -> list[Truth]:
        """Return the labels that came before these predictions, early ones and those of sibling versions."""
        found = []
        if self.early:
            keys = [key for i in ids for key in ((rows.subject, i), (None, i))]
            found += [self.early[key] for key in keys if key in self.early]
        for sibling in self.versions.values():
            if sibling.subject == rows.subject and sibling is not rows:
                found += sibling.labels_of(ids)
        return found

    def match(self, truth: Truth, subjects: Container[str]) -> list[Labelled]:
        """Give a label to every version that made the prediction; none yet: keep it for when they come."""
        candidates = (
            join for join in self.versions.values() if truth.model is None or join.subject == truth.model
        )
        found = [join.match(truth) for join in candidates if join.subject in subjects]
        matches = [match for match in found if match is not None]
        key = (truth.model, truth.prediction_id)
        if not matches or key in self.early:
            earlier = self.early.pop(key, None)
            if earlier is not None:
                truth = truth._replace(corrections=(*earlier.corrections, truth.label_ms))
            self.early[key] = truth
        return matches

    def meet(self, truth: Truth) -> None:
        """Note that a prediction has come for a label that was there before it."""
        self._early_met.add((truth.model, truth.prediction_id))

    def expire_early(self, subject: str | None, before_ms: int) -> int:
        """Forget labels whose predictions should have come by now; return for how many none has."""
        old = [k for k, truth in self.early.items() if k[0] == subject and truth.label_ms < before_ms]
        for key in old:
            del self.early[key]
        orphans = sum(key not in self._early_met for key in old)
        self._early_met.difference_update(old)
        return orphans

    def bound(self) -> None:
        """Keep memory bounded: forget the oldest beyond `WAITING_MAX`, and count them."""
        while sum(len(join.index) for join in self.versions.values()) > WAITING_MAX:
            largest = max(self.versions.values(), key=lambda join: len(join.index))
            self.evicted += largest.forget_oldest()
        while len(self.early) > WAITING_MAX:
            oldest = next(iter(self.early))
            del self.early[oldest]
            self.evicted += oldest not in self._early_met
            self._early_met.discard(oldest)
        self.versions = {key: join for key, join in self.versions.items() if join.waiting}

    def needs(self) -> dict[str, int]:
        """Return from which offsets predictions and labels must be read to build this again."""
        first = {
            "predictions": [rows.offset for rows in self._chunks()],
            "labels": [truth.offset for truth in self._first_labels()],
        }
        return {topic: min(offsets) for topic, offsets in first.items() if offsets}

    def clocks(self) -> dict[str, dict[str, int]]:
        """Return how far each subject had come there: it decided, and will again, which rows were late."""
        predictions: dict[str, tuple[int, int]] = {}
        for join in self.versions.values():
            for rows in join.waiting:
                _keep_first(predictions, join.subject, rows.offset, rows.before_ms)
                break
        labels: dict[str, tuple[int, int]] = {}
        for truth in self._first_labels():
            _keep_first(labels, truth.model or "", truth.offset, truth.latest_ms)
        found = {"predictions": predictions, "labels": labels}
        return {topic: {name: ms for name, (_, ms) in first.items()} for topic, first in found.items()}

    def _chunks(self) -> Iterator[Waiting]:
        return (rows for join in self.versions.values() for rows in join.waiting)

    def _first_labels(self) -> Iterator[Truth]:
        yield from (rows.first_label for rows in self._chunks() if rows.first_label is not None)
        yield from self.early.values()


def _keep_first(first: dict[str, tuple[int, int]], name: str, offset: int, ms: int) -> None:
    if name not in first or offset < first[name][0]:
        first[name] = (offset, ms)
