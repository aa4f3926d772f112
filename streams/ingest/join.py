"""Joins labels to their predictions by `prediction_id`, within one partition and in any order.

Predictions wait in memory for as long as labels are expected. Checkpoints do not contain them, because their
topic does: after a restart they are read again, from the offset of the oldest one that still waits.
"""

from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.streams.ingest.early_labels import EarlyLabels, LabelValue
from watchkeeper.streams.ingest.eviction import evict

WAITING_MAX = 1_000_000
"""Limit for the predictions that wait in one partition. Chosen by hand; each takes 0.7 kB of memory."""
CLOCKS_DIFFER_MS = 60_000
"""How many ms a label's time may be before its prediction's, because clocks of machines differ.

Chosen by hand: predictions and early labels are kept this much longer. Such a label counts at the time of the
prediction.
"""


class Labelled(NamedTuple):
    """A label with its prediction. `before` is the label that it corrects."""

    subject: str
    version: str
    event_ms: int
    score: float
    predicted: float
    segments: tuple[tuple[str, str], ...]
    """Pairs of a dimension and the prediction's value in it."""
    label: float | None
    label_ms: int
    before: float | None
    before_ms: int
    latest_ms: int
    """The latest time of the labels that arrived before this one. It decides whether this one is late."""
    late: bool = False
    """Whether its pane, or that of the label that it corrects, was closed when it arrived."""


IsLate = Callable[[str, Sequence[int], int], bool]
"""Returns whether the pane of one of a subject's times was closed at the latest label time."""


class Waiting:
    """Predictions of one chunk, subject and version that wait for their labels.

    Args:
        ids: The `prediction_id` of each prediction. The next three arguments are parallel to it.
        event_ms: The event times.
        scores: The outputs of the model.
        predicted: The predicted labels; NaN for none.
        dimensions: The segment dimensions of the monitor in force.
        segments: For each dimension, the value of each prediction.
        within_ms: How long after a prediction its label is expected, by the monitor in force.
        overdue_ms: How long after a prediction all panes of its labels are closed. It need not wait longer.
        offset: The offset of the chunk's first record.
        before_ms: The latest event time of the subject before the chunk. It decides which rows are late.
    """

    __slots__ = (
        "before_ms", "dimensions", "event_ms", "first_labels", "ids", "labels", "last_labels",
        "last_ms", "offset", "overdue_ms", "predicted", "scores", "segments", "within_ms",
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
        overdue_ms: int,
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
        self.overdue_ms = overdue_ms
        self.offset = offset
        self.labels: dict[int, LabelValue] = {}
        """By index of prediction, the label that counts."""
        self.last_labels: dict[int, LabelValue] = {}
        """By index of prediction, the label that arrived last, unless it is the only one and counts."""
        self.first_labels: dict[str | None, LabelValue] = {}
        """By the model that labels name (None for none), the label that arrived first."""


class VersionJoin:
    """The waiting predictions of one subject and version."""

    def __init__(self, subject: str, version: str) -> None:
        self.subject = subject
        self.version = version
        self.index: dict[str, tuple[Waiting, int]] = {}
        self.waiting: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self.index)

    @property
    def first_offset(self) -> int | None:
        """The offset of the oldest chunk; None if there is none."""
        return self.waiting[0].offset if self.waiting else None

    def repeats(self, ids: Sequence[str], late: Sequence[bool]) -> list[int]:
        """Return the indices of repeats: their id waits already, or occurs earlier and not late."""
        if self.index.keys().isdisjoint(ids) and len(set(ids)) == len(ids):
            return []
        seen: set[str] = set()
        found = []
        for i, prediction_id in enumerate(ids):
            if prediction_id in self.index or prediction_id in seen:
                found.append(i)
            elif not late[i]:
                seen.add(prediction_id)
        return found

    def add(self, rows: Waiting) -> None:
        """Add predictions that wait. None of them may be a repeat."""
        self.index.update(zip(rows.ids, zip(repeat(rows), range(len(rows.ids))), strict=True))
        self.waiting.append(rows)

    def match(self, truth: LabelValue, is_late: IsLate) -> Labelled | None:
        """Join a label to its prediction; None if that is unknown or the label's time is too far from it.

        A late label is returned as late, and the label before it continues to count.
        """
        found = self.index.get(truth.prediction_id)
        if found is None:
            return None
        rows, i = found
        event_ms = int(rows.event_ms[i])
        if not -CLOCKS_DIFFER_MS <= truth.label_ms - event_ms <= rows.within_ms:
            return None
        if truth.latest_ms - event_ms > rows.overdue_ms:
            return None  # the prediction may be forgotten already: the result must not depend on that
        before = rows.labels.get(i)
        label_ms = max(truth.label_ms, event_ms)
        before_ms = max(before.label_ms, event_ms) if before else 0
        changed = [] if truth.label is None else [label_ms]
        if before is not None and before.label is not None:
            changed.append(before_ms)
        late = is_late(self.subject, changed, truth.latest_ms)
        self._note(rows, i, truth, late)
        return Labelled(
            self.subject,
            self.version,
            event_ms,
            float(rows.scores[i]),
            rows.predicted[i],
            tuple([(name, values[i]) for name, values in zip(rows.dimensions, rows.segments, strict=True)]),
            truth.label,
            label_ms,
            before.label if before else None,
            before_ms,
            truth.latest_ms,
            late,
        )

    def _note(self, rows: Waiting, i: int, truth: LabelValue, late: bool) -> None:
        first = rows.first_labels.get(truth.model)
        if first is None or truth.offset < first.offset:
            rows.first_labels[truth.model] = truth
        last = rows.last_labels.get(i) or rows.labels.get(i)
        if late or last is not None:
            rows.last_labels[i] = truth._replace(earlier=last)
        if not late:
            rows.labels[i] = truth if truth.earlier is None else truth._replace(earlier=None)

    def labels_of(self, ids: Sequence[str]) -> list[LabelValue]:
        """Return the label that arrived last for each of these predictions."""
        known = (self.index[i] for i in ids if i in self.index)
        found = (rows.last_labels.get(i) or rows.labels.get(i) for rows, i in known)
        return [truth for truth in found if truth is not None]

    def expire(self, labels_ms: int, predictions_ms: int) -> None:
        """Forget predictions whose labels are overdue.

        Args:
            labels_ms: The time that labels have reached.
            predictions_ms: The time that predictions have reached. It counts if no labels arrive.
        """
        while self.waiting:
            rows = self.waiting[0]
            if rows.last_ms >= max(labels_ms - rows.overdue_ms, predictions_ms - 2 * rows.overdue_ms):
                return
            self.forget_oldest()

    def forget_oldest(self) -> int:
        """Forget the oldest chunk; return its number of predictions."""
        rows = self.waiting.popleft()
        for prediction_id in rows.ids:
            if self.index[prediction_id][0] is rows:
                del self.index[prediction_id]
        return len(rows.ids)


class Join:
    """The waiting predictions and early labels of one partition."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], VersionJoin] = {}
        self.of_subject: dict[str, list[VersionJoin]] = {}
        """The values of `versions` by subject. With many subjects, a search of all costs more than a fold."""
        self.early = EarlyLabels()
        self.evicted = 0
        """Number of predictions and unmatched labels that were forgotten because of `WAITING_MAX`."""

    def version(self, subject: str, version: str) -> VersionJoin:
        """Return the waiting predictions of a version."""
        key = (subject, version)
        if key not in self.versions:
            self.versions[key] = VersionJoin(subject, version)
            self.of_subject.setdefault(subject, []).append(self.versions[key])
        return self.versions[key]

    def labels_before(self, rows: VersionJoin, ids: Sequence[str]) -> list[LabelValue]:
        """Return the labels that arrived before these predictions: early ones or of other versions."""
        found = self.early.of(rows.subject, ids) if self.early else []
        for other in self.of_subject.get(rows.subject, ()):
            if other is not rows:
                found += [truth for last in other.labels_of(ids) for truth in last.history()]
        return sorted(dict.fromkeys(truth._replace(earlier=None) for truth in found), key=_offset)

    def match(self, truth: LabelValue, subjects: Container[str], is_late: IsLate) -> list[Labelled]:
        """Join a label to the prediction of every version that made it; keep an early label for later."""
        candidates = (
            join for join in self.versions.values() if truth.model is None or join.subject == truth.model
        )
        found = [join.match(truth, is_late) for join in candidates if join.subject in subjects]
        matches = [match for match in found if match is not None]
        if not matches or truth in self.early:
            self.early.add(truth, met=bool(matches))
        return matches

    def bound(self) -> dict[str, int]:
        """Forget the oldest beyond `WAITING_MAX`; return the number of forgotten predictions by subject."""
        forgotten = evict(self.of_subject, WAITING_MAX)
        self.evicted += sum(forgotten.values()) + self.early.bound(WAITING_MAX)
        if not all(join.waiting for join in self.versions.values()):
            self.versions = {key: join for key, join in self.versions.items() if join.waiting}
            self.of_subject = {}
            for join in self.versions.values():
                self.of_subject.setdefault(join.subject, []).append(join)
        return forgotten

    def needs(self) -> dict[str, int]:
        """Return the offsets from which predictions and labels must be read to rebuild this."""
        first = {
            "predictions": [rows.offset for rows in self._chunks()],
            "labels": [truth.offset for truth in self._first_labels()],
        }
        return {topic: min(offsets) for topic, offsets in first.items() if offsets}

    def clocks(self) -> dict[str, dict[str, int]]:
        """Return the time that subjects had reached at the offsets of `needs`: it decides what is late."""
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

    def _first_labels(self) -> Iterator[LabelValue]:
        yield from (truth for rows in self._chunks() for truth in rows.first_labels.values())
        yield from self.early.firsts()


def _offset(truth: LabelValue) -> int:
    return truth.offset


def _keep_first(first: dict[str, tuple[int, int]], name: str, offset: int, ms: int) -> None:
    if name not in first or offset < first[name][0]:
        first[name] = (offset, ms)
