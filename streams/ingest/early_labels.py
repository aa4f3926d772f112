"""Labels, and those of them that came before their predictions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class LabelValue(NamedTuple):
    """A label event: None retracts what was said before."""

    prediction_id: str
    model: str | None
    label: float | None
    label_ms: int
    offset: int
    latest_ms: int = 0
    """The latest label time that had come before it."""
    earlier: "LabelValue | None" = None
    """The label for the same prediction that came before this one, where both may be needed again."""

    def history(self) -> "list[LabelValue]":
        """Return this label and those before it, the first to come first."""
        found = [self]
        while (earlier := found[-1].earlier) is not None:
            found.append(earlier)
        return found[::-1]


Key = tuple[str | None, str]
"""The model that a label names, if any, and its prediction."""


class EarlyLabels:
    """Labels of one partition whose predictions are still to come, or may come from another version."""

    def __init__(self) -> None:
        self._waiting: dict[Key, list[LabelValue]] = {}
        self._count = 0
        self._met: set[int] = set()
        """Offsets of those that a prediction has come for."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, truth: LabelValue) -> bool:
        """Whether another label for the same prediction waits."""
        return (truth.model, truth.prediction_id) in self._waiting

    def add(self, truth: LabelValue, met: bool) -> None:
        """Keep a label; `met` says that a prediction has come for it."""
        self._waiting.setdefault((truth.model, truth.prediction_id), []).append(truth)
        self._count += 1
        if met:
            self.meet(truth)

    def meet(self, truth: LabelValue) -> None:
        """Note that a prediction has come for a label."""
        self._met.add(truth.offset)

    def of(self, model: str, ids: Sequence[str]) -> list[LabelValue]:
        """Return the labels for these predictions of a model."""
        keys: list[Key] = [key for i in ids for key in ((model, i), (None, i))]
        return [truth for key in keys if key in self._waiting for truth in self._waiting[key]]

    def firsts(self) -> Iterator[LabelValue]:
        """Yield the first label for each prediction."""
        return (truths[0] for truths in self._waiting.values())

    def expire(self, model: str | None, before_ms: int) -> int:
        """Forget labels whose predictions should have come by now; return for how many none has."""
        old = {
            key: [truth for truth in truths if truth.label_ms < before_ms]
            for key, truths in self._waiting.items()
            if key[0] == model
        }
        return sum(self._forget(key, truths) for key, truths in old.items() if truths)

    def bound(self, most: int) -> int:
        """Forget the oldest beyond so many; return for how many of them no prediction has come."""
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
