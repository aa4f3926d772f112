"""Joins labels to their predictions, and adds them to the panes of the labels' times."""

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
"""The score of predictions of a subject without a model's output."""
Scores = NDArray[np.float64] | None


class LabelsIntake:
    """Folds labels into the panes of one partition, once their predictions are known."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def wait(
        self, batch: VersionRows, scores: Scores, late: NDArray[np.bool_], before_ms: int
    ) -> tuple[list[int], list[Labelled]]:
        """Add predictions that wait; return the indices of repeats, and the labels that arrived before them.

        Late predictions do not wait: neither they nor their labels are in any statistic.

        Args:
            batch: The predictions.
            scores: The output of the model for each.
            late: Whether each is late.
            before_ms: The latest event time of the subject before the chunk.
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
        """Join labels to known predictions; keep the other labels until their predictions arrive."""
        watched = self._partition.subjects.intakes
        join = self._partition.join
        return [match for truth in truths for match in join.match(truth, watched, self._is_late)]

    def add(self, matches: Sequence[Labelled]) -> None:
        """Fold joined labels. A correction also subtracts the label that it corrects."""
        groups: dict[tuple[PaneKey, int], list[Labelled]] = {}
        for match in matches:
            for key, sign in self._places(match):
                for segment in (None, *self._segments(match, key.start_ms)):
                    groups.setdefault((key._replace(segment=segment), sign), []).append(match)
        for (key, sign), labelled in groups.items():
            _fold(self._profile(key), labelled, sign)

    def _places(self, match: Labelled) -> list[tuple[PaneKey, int]]:
        """Return the panes that a label changes and the sign of the change; none if one of them is closed."""
        account = self._partition.labels
        places = self._changed(match)
        closed_ms = self._partition.clock("labels", match.subject).closed_ms
        # The labels that arrived before decide, not the chunks. The wall clock decides only if all was idle.
        if match.late or any(key.end_ms <= closed_ms for key, _ in places):
            account.late += 1
            self._partition.tallies.count("labels", match.subject, 0, 1, 0)
            self._open(match, max(match.latest_ms, closed_ms)).late += 1
            return []
        self._partition.tallies.count("labels", match.subject, 1, 0, 0)
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
        """Return whether the pane of one of the times was closed at the latest label time."""
        revisions = self._partition.subjects.intakes[subject].revisions
        return any(revisions.at(time_ms).spans.due_ms(time_ms) <= latest_ms for time_ms in times)

    def _at(self, subject: str, time_ms: int) -> Intake:
        """Return the intake in force for a label of a time."""
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
        """Forget predictions whose labels are overdue, and labels whose predictions are overdue.

        The time of the labels decides. If none arrive, the time of the predictions decides, but only once
        labels are idle: labels that are behind, or arrive after predictions after an outage, are not missing.
        """
        predictions = self._partition.clock("predictions", subject)
        # Predictions of the same id may still arrive from another version and need the same labels.
        labels = self._partition.clock("labels", subject)
        labels_ms = min(labels.latest_ms, predictions.closed_ms)
        predictions_ms = predictions.latest_ms if labels.idle else BEGINNING_MS
        for join in self._partition.join.of_subject.get(subject, ()):
            join.expire(labels_ms, predictions_ms)
        self._partition.labels.orphaned += self._orphans(subject, predictions.closed_ms)

    def forget_orphans(self) -> None:
        """Forget labels that were read again but are already counted as orphans."""
        for (kind, subject), clock in self._partition.clocks.items():
            if kind == "predictions":
                self._orphans(subject, clock.closed_ms)

    def _orphans(self, subject: str, closed_ms: int) -> int:
        # Any prediction that could still arrive for these labels would be late.
        early = self._partition.join.early
        named = early.expire(subject, closed_ms - CLOCKS_DIFFER_MS)
        return named + early.expire(None, self._slowest_ms() - CLOCKS_DIFFER_MS)

    def _slowest_ms(self) -> int:
        """Return the time up to which all subjects' panes are closed, for labels that name no model."""
        watched = self._partition.subjects.intakes
        clocks = self._partition.clocks.items()
        active = (c for (kind, name), c in clocks if kind == "predictions" and name in watched and not c.idle)
        return min((clock.closed_ms for clock in active), default=BEGINNING_MS)


def _waiting(
    batch: VersionRows, scores: Scores, ids: list[str], excluded: list[int], before_ms: int
) -> Waiting | None:
    skipped = set(excluded)
    kept = [i for i in range(len(ids)) if i not in skipped] if excluded else list(range(len(ids)))
    if not kept:
        return None
    index = slice(None) if not excluded else kept
    published = batch.intake.columnizer.published_labels(batch.rows.events)
    return Waiting(
        [ids[i] for i in kept] if excluded else ids,
        batch.rows.times[index],
        np.full(len(kept), NO_SCORE) if scores is None else scores[index],
        [published[i] for i in kept] if excluded else published,
        batch.intake.watched.monitor.segments,
        [[values[i] for i in kept] for values in batch.segments] if excluded else batch.segments,
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

    retracts = sign < 0
    times = [match.before_ms if retracts else match.label_ms for match in labelled]
    profile.add(
        column([match.score for match in labelled]),
        column([match.before if retracts else match.label for match in labelled]),
        column([float(time - match.event_ms) for time, match in zip(times, labelled, strict=True)]),
        column([match.predicted for match in labelled]),
        sign,
    )
