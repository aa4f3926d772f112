"""Labels, and the store of early labels: labels that arrive before their prediction."""

from collections.abc import Iterator, Sequence
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

    def history(self) -> "list[LabelValue]":
        """Return this label and the earlier ones of its prediction, in the order of arrival."""
        found = [self]
        while (earlier := found[-1].earlier) is not None:
            found.append(earlier)
        return found[::-1]


Key = tuple[str | None, str]
"""The model that a label names, if any, and the id of its prediction."""


class EarlyLabels:
    """Labels of one partition that wait for a prediction: their first, or that of another version."""

    def __init__(self) -> None:
        self._waiting: dict[Key, list[LabelValue]] = {}
        self._count = 0
        self._met: set[int] = set()
        """Offsets of the labels that a prediction has arrived for."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, truth: LabelValue) -> bool:
        """Whether there is a label for the same prediction."""
        return (truth.model, truth.prediction_id) in self._waiting

    def add(self, truth: LabelValue, met: bool) -> None:
        """Keep a label. `met`: whether a prediction has arrived for it."""
        self._waiting.setdefault((truth.model, truth.prediction_id), []).append(truth)
        self._count += 1
        if met:
            self.meet(truth)

    def meet(self, truth: LabelValue) -> None:
        """Record that a prediction has arrived for a label."""
        self._met.add(truth.offset)

    def of(self, model: str, ids: Sequence[str]) -> list[LabelValue]:
        """Return the labels for these predictions of a model."""
        keys: list[Key] = [key for i in ids for key in ((model, i), (None, i))]
        return [truth for key in keys if key in self._waiting for truth in self._waiting[key]]

    def firsts(self) -> Iterator[LabelValue]:
        """Yield the first label for each prediction."""
        return (truths[0] for truths in self._waiting.values())

    def expire(self, model: str | None, before_ms: int) -> int:
        """Forget labels whose predictions are overdue; return how many of them are orphans.

        Args:
            model: The model that the labels name; None for the labels that name none.
            before_ms: Labels with an earlier time are forgotten.
        """
        old = {
            key: [truth for truth in truths if truth.label_ms < before_ms]
            for key, truths in self._waiting.items()
            if key[0] == model
        }
        return sum(self._forget(key, truths) for key, truths in old.items() if truths)

    def bound(self, most: int) -> int:
        """Forget the oldest labels until at most `most` are left; return how many of them are orphans."""
        unmet = 0
        while self._count > most:
            unmet += self._forget(*next(iter(self._waiting.items())))
        return unmet

    def _forget(self, key: Key, truths: Sequence[LabelValue]) -> int:
        offsets = {truth.offset for truth in truths}
        kept = [truth for truth in self._waiting.pop(key) if truth.offset not in offsets]
        if kept:
            self._waiting[key] = kept
        self._count -= len(offsets)
        unmet = len(offsets - self._met)
        self._met -= offsets
        return unmet
