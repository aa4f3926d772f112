"""Joins labels to their predictions, and adds them to the panes of the time at which they became known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles.rows import LabelsProfile
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.ingest.early_labels import LabelValue
from watchkeeper.streams.ingest.intakes import Intake
from watchkeeper.streams.ingest.join import CLOCKS_DIFFER_MS, Labelled, Waiting
from watchkeeper.streams.ingest.panes import SEGMENTS_MAX, PaneKey
from watchkeeper.streams.ingest.partition import Partition
from watchkeeper.streams.ingest.rows import VersionRows

NO_SCORE = float("nan")
Scores = NDArray[np.float64] | None


class LabelsIntake:
    """Folds labels into one partition's panes, each once its prediction is known."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def wait(
        self, batch: VersionRows, scores: Scores, late: NDArray[np.bool_], before_ms: int
    ) -> tuple[list[int], list[Labelled]]:
        """Let predictions wait for their labels; return repeats, and the labels that came before them.

        Late predictions do not wait: neither they nor their labels are in any statistic.
        """
        join = self._partition.join.version(batch.subject, batch.version)
        ids = [event.prediction_id for event in batch.rows.events]
        repeats = join.repeats(ids, late.tolist())
        waiting = _waiting(batch, scores, ids, [*repeats, *np.flatnonzero(late).tolist()], before_ms)
        if waiting is None:
            return repeats, []
        truths = self._partition.join.labels_before(join, waiting.ids)
        join.add(waiting)
        matches = []
        for truth in truths:
            match = join.match(truth, self._is_late)
            if match is not None:
                self._partition.join.early.meet(truth)
                matches.append(match)
        return repeats, matches

    def match(self, truths: Sequence[LabelValue]) -> list[Labelled]:
        """Match labels with known predictions; keep the other labels until their predictions come."""
        watched = self._partition.subjects.intakes
        join = self._partition.join
        return [match for truth in truths for match in join.match(truth, watched, self._is_late)]

    def add(self, matches: Sequence[Labelled]) -> None:
        """Fold joined labels; a correction takes back what it corrects."""
        groups: dict[tuple[PaneKey, int], list[Labelled]] = {}
        for match in matches:
            for key, sign in self._places(match):
                for segment in (None, *self._segments(match, key.start_ms)):
                    groups.setdefault((key._replace(segment=segment), sign), []).append(match)
        for (key, sign), labelled in groups.items():
            _fold(self._profile(key), labelled, sign)

    def _places(self, match: Labelled) -> list[tuple[PaneKey, int]]:
        """Return the panes that a label changes, with the sign; none if one of them is closed."""
        account = self._partition.labels
        places = self._changed(match)
        closed_ms = self._partition.clock("labels", match.subject).closed_ms
        # What came before the label decides, not the chunks. The clock decides only where all was idle.
        if match.late or any(key.end_ms <= closed_ms for key, _ in places):
            account.late += 1
            self._open(match, max(match.latest_ms, closed_ms)).late += 1
            return []
        account.matched += match.before is None
        account.corrected += match.before is not None
        if match.before is not None:
            spans = self._at(match.subject, match.label_ms).spans
            is_open = spans.due_ms(match.label_ms) > match.latest_ms
            self._open(match, match.label_ms if is_open else match.before_ms).corrected += 1
        return places

    def _changed(self, match: Labelled) -> list[tuple[PaneKey, int]]:
        places = []
        if match.label is not None:
            places.append((self._key(match, match.label_ms), 1))
        if match.before is not None:
            places.append((self._key(match, match.before_ms), -1))
        return places

    def _is_late(self, subject: str, times: Sequence[int], latest_ms: int) -> bool:
        """Whether a pane of one of the times was closed by the labels that had come before."""
        revisions = self._partition.subjects.intakes[subject].revisions
        return any(revisions.at(time_ms).spans.due_ms(time_ms) <= latest_ms for time_ms in times)

    def _at(self, subject: str, time_ms: int) -> Intake:
        """Return what is in force for a label that became known at a time."""
        return self._partition.subjects.intakes[subject].revisions.at(time_ms)

    def _key(self, match: Labelled, time_ms: int) -> PaneKey:
        intake = self._at(match.subject, time_ms)
        pane_ms = intake.spans.pane_ms
        start_ms = time_ms // pane_ms * pane_ms
        layout = intake.watched.layout(match.version)
        return PaneKey("labels", match.subject, match.version, None, start_ms, start_ms + pane_ms, layout.id)

    def _open(self, match: Labelled, time_ms: int) -> LabelsProfile:
        return self._profile(self._key(match, time_ms))

    def _profile(self, key: PaneKey) -> LabelsProfile:
        layout = self._at(key.subject, key.start_ms).watched.layout(key.version)
        return self._partition.panes.labels(key, layout)

    def _segments(self, match: Labelled, start_ms: int) -> list[str]:
        """Return the segments of a label's pane that its prediction belongs to.

        Only dimensions declared at the pane's start count. A prediction made before a dimension was declared
        has no value for it.
        """
        if not match.segments:
            return []
        declared = self._at(match.subject, start_ms).watched.monitor.segments
        name = self._partition.panes.name
        pairs = ((d, value) for d, value in match.segments if d in declared)
        return [f"{d}={name(SEGMENTS_MAX, match.subject, d, value)}" for d, value in pairs]

    def expire(self, subject: str) -> None:
        """Forget predictions whose labels are overdue, and labels whose predictions should have come.

        If no labels come at all, predictions are the clock, but only once labels are idle. Labels that are
        behind, or that come later than predictions after an outage, are not missing.
        """
        predictions = self._partition.clock("predictions", subject)
        # Another version may still make a prediction of the same id, and needs the same labels.
        labels = self._partition.clock("labels", subject)
        labels_ms = min(labels.latest_ms, predictions.closed_ms)
        predictions_ms = predictions.latest_ms if labels.idle else BEGINNING_MS
        for join in self._partition.join.of_subject.get(subject, ()):
            join.expire(labels_ms, predictions_ms)
        self._partition.labels.orphaned += self._orphans(subject, predictions.closed_ms)

    def forget_orphans(self) -> None:
        """Forget labels that were counted as orphans before and have been read again."""
        for (kind, subject), clock in self._partition.clocks.items():
            if kind == "predictions":
                self._orphans(subject, clock.closed_ms)

    def _orphans(self, subject: str, closed_ms: int) -> int:
        # A prediction that could still meet such a label would be late.
        early = self._partition.join.early
        named = early.expire(subject, closed_ms - CLOCKS_DIFFER_MS)
        return named + early.expire(None, self._slowest_ms() - CLOCKS_DIFFER_MS)

    def _slowest_ms(self) -> int:
        """Return the time up to which panes of all subjects are closed. A label may name no model."""
        watched = self._partition.subjects.intakes
        clocks = self._partition.clocks.items()
        active = (c for (kind, name), c in clocks if kind == "predictions" and name in watched and not c.idle)
        return min((clock.closed_ms for clock in active), default=BEGINNING_MS)


def _waiting(
    batch: VersionRows, scores: Scores, ids: list[str], others: list[int], before_ms: int
) -> Waiting | None:
    left_out = set(others)
    first = [i for i in range(len(ids)) if i not in left_out] if others else list(range(len(ids)))
    if not first:
        return None
    every = slice(None) if not others else first
    published = batch.intake.columnizer.published_labels(batch.rows.events)
    return Waiting(
        [ids[i] for i in first] if others else ids,
        batch.rows.times[every],
        np.full(len(first), NO_SCORE) if scores is None else scores[every],
        [published[i] for i in first] if others else published,
        batch.intake.watched.monitor.segments,
        [[values[i] for i in first] for values in batch.segments] if others else batch.segments,
        batch.intake.spans.label_ms,
        _overdue_ms(batch.intake),
        batch.rows.offset,
        before_ms,
    )


def _overdue_ms(intake: Intake) -> int:
    spans = intake.spans
    return spans.label_ms + 2 * spans.pane_ms + spans.lateness_ms + CLOCKS_DIFFER_MS


def _fold(profile: LabelsProfile, labelled: Sequence[Labelled], sign: int) -> None:
    def column(values: Sequence[float | None]) -> NDArray[np.float64]:
        return np.array(values, dtype=np.float64)

    taken_back = sign < 0
    times = [match.before_ms if taken_back else match.label_ms for match in labelled]
    profile.add(
        column([match.score for match in labelled]),
        column([match.before if taken_back else match.label for match in labelled]),
        column([float(time - match.event_ms) for time, match in zip(times, labelled, strict=True)]),
        column([match.predicted for match in labelled]),
        sign,
    )
