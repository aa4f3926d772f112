"""Labels, and the store of early labels: labels that arrive before their prediction."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple


class LabelValue(NamedTuple):
    """A label event. A `label` of None retracts the earlier label."""

    prediction_id: str
    model: str | None
    label: float | None
    label_ms: int
    offset: int
    latest_ms: int = 0
    """The latest label time of the labels that arrived before this one."""
    earlier: "LabelValue | None" = None
    """The previous label of the same prediction, if both may be needed again."""
    reach_ms: int = 0
    """How far the label moves event time: its time, but not beyond the time at which it was appended."""
    appended_ms: int = 0
    """When it was appended to its topic."""

    def history(self) -> "list[LabelValue]":
        """Return this label and the earlier ones of its prediction, in the order of arrival."""
        found = [self]
        while (earlier := found[-1].earlier) is not None:
            found.append(earlier)
        return found[::-1]


class EarlyLabels:
    """Labels of one partition that wait for a prediction: their first, or that of another version."""

    def __init__(self) -> None:
        self._of: dict[str | None, _ModelLabels] = {}
        """By the model that labels name; None for those that name none."""
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def __contains__(self, truth: LabelValue) -> bool:
        """Whether there is a label for the same prediction."""
        named = self._of.get(truth.model)
        return named is not None and truth.prediction_id in named.waiting

    def add(self, truth: LabelValue, met: bool) -> None:
        """Keep a label. `met`: whether a prediction has arrived for it."""
        self._of.setdefault(truth.model, _ModelLabels()).add(truth, met)
        self._count += 1

    def meet(self, truth: LabelValue) -> None:
        """Record that a prediction has arrived for a label."""
        if truth.model in self._of:
            self._of[truth.model].unmet.discard(truth.offset)

    def of(self, model: str, ids: Sequence[str]) -> list[LabelValue]:
        """Return the labels for these predictions of a model."""
        named = [self._of[name].waiting for name in (model, None) if name in self._of]
        return [truth for i in ids for waiting in named if i in waiting for truth in waiting[i]]

    def firsts(self) -> Iterator[LabelValue]:
        """Yield the first label for each prediction."""
        return (truths[0] for named in self._of.values() for truths in named.waiting.values())

    def names(self, model: str | None) -> bool:
        """Return whether there is a label that names a model, or none for None."""
        return model in self._of

    def is_awaited(self, model: str) -> bool:
        """Return whether there is a label without any prediction that may belong to a model."""
        return any(self._of[name].unmet for name in (model, None) if name in self._of)

    def held_ms(self, model: str, since_ms: int) -> int | None:
        """Return the earliest time of the labels that hold a model's panes open; None if there are none.

        These are the labels that no prediction has arrived for.

        Args:
            model: The model.
            since_ms: Labels that were appended earlier hold nothing. It must not decrease between calls.
        """
        found = (self._of[name].held_ms(since_ms) for name in (model, None) if name in self._of)
        return min((time_ms for time_ms in found if time_ms is not None), default=None)

    def expire(self, model: str | None, before_ms: int, appended_before_ms: int | None = None) -> int:
        """Forget labels whose predictions are overdue; return how many of them are orphans.

        Args:
            model: The model that the labels name; None for the labels that name none.
            before_ms: Labels with an earlier time are forgotten.
            appended_before_ms: Only labels that were appended before this; None for all.
        """
        named = self._of.get(model)
        if named is None:
            return 0
        old: list[LabelValue] = []
        kept = []
        while named.by_time and named.by_time[0][0] < before_ms:
            entry = heappop(named.by_time)
            truth = named.find(entry)
            if truth is None:
                continue
            young = appended_before_ms is not None and truth.appended_ms >= appended_before_ms
            if young:
                kept.append(entry)
            else:
                old.append(truth)
        for entry in kept:
            heappush(named.by_time, entry)
        named.tidy()
        return self._forget(model, old)

    def bound(self, most: int) -> int:
        """Forget the oldest labels until at most `most` are left; return how many of them are orphans.

        The model with the most labels loses them.
        """
        orphans = 0
        while self._count > most:
            model = max(self._of, key=lambda name: self._of[name].count)
            orphans += self._forget(model, self._of[model].oldest())
        return orphans

    def _forget(self, model: str | None, truths: Sequence[LabelValue]) -> int:
        named = self._of[model]
        orphans = named.forget(truths)
        self._count -= len(truths)
        if not named.waiting:
            del self._of[model]
        return orphans


class _ModelLabels:
    """The early labels that name one model, or no model."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[LabelValue]] = {}
        """By the id of their prediction."""
        self.count = 0
        self.unmet: set[int] = set()
        """Offsets of the labels that no prediction has arrived for."""
        self.by_time: list[tuple[int, int, str]] = []
        """A heap of time, offset and id. It may contain labels that are forgotten."""
        self._holding: list[tuple[int, int, int]] = []
        """A heap of time, offset and append time of unmet labels, and of some that are met or forgotten."""

    def add(self, truth: LabelValue, met: bool) -> None:
        """Keep a label."""
        self.waiting.setdefault(truth.prediction_id, []).append(truth)
        self.count += 1
        heappush(self.by_time, (truth.label_ms, truth.offset, truth.prediction_id))
        if not met:
            self.unmet.add(truth.offset)
            heappush(self._holding, (truth.label_ms, truth.offset, truth.appended_ms))

    def find(self, entry: tuple[int, int, str]) -> LabelValue | None:
        """Return the label of an entry of `by_time`; None if it is forgotten."""
        _, offset, prediction_id = entry
        return next((t for t in self.waiting.get(prediction_id, ()) if t.offset == offset), None)

    def oldest(self) -> list[LabelValue]:
        """Return the labels for the prediction that has waited longest."""
        return next(iter(self.waiting.values()))

    def held_ms(self, since_ms: int) -> int | None:
        """Return the earliest time of the unmet labels that were appended at or after `since_ms`."""
        holding = self._holding
        while holding and (holding[0][1] not in self.unmet or holding[0][2] < since_ms):
            heappop(holding)
        return holding[0][0] if holding else None

    def tidy(self) -> None:
        """Drop entries of labels that hold nothing any more, so that the heap stays as small as the store."""
        while self._holding and self._holding[0][1] not in self.unmet:
            heappop(self._holding)

    def forget(self, truths: Sequence[LabelValue]) -> int:
        """Forget labels; return how many of them are orphans."""
        for truth in truths:
            left = [each for each in self.waiting[truth.prediction_id] if each.offset != truth.offset]
            if left:
                self.waiting[truth.prediction_id] = left
            else:
                del self.waiting[truth.prediction_id]
        self.count -= len(truths)
        offsets = {truth.offset for truth in truths}
        orphans = len(offsets & self.unmet)
        self.unmet -= offsets
        return orphans
