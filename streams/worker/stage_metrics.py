"""Updates the metrics of a worker's folds with the functions that the stages declare."""

from collections.abc import Iterable, Sequence
from typing import Any

from watchkeeper.streams.fold.protocol import Fold
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.stage import Stage


class Observer:
    """Calls the metric functions of stages for the folds of each partition.

    Args:
        metrics: The metrics of the worker.
        stages: The stages of the worker.
    """

    def __init__(self, metrics: Metrics, stages: Sequence[Stage[Any]]) -> None:
        self._metrics = metrics
        self._stages = {stage.name: stage for stage in stages}
        self._seen: dict[tuple[str, int], tuple[Fold, int]] = {}

    def saved(self, stage: str, number: int, fold: Fold) -> None:
        """Show a fold whose state was just saved."""
        self._stages[stage].observe_saved(self._metrics, number, fold)

    def look(self, stage: str, number: int, fold: Fold) -> None:
        """Show a fold if it has changed since the last call. Otherwise this is cheap."""
        if self._is_new(stage, number, fold):
            self._stages[stage].observe_changed(self._metrics, number, fold)

    def forget(self, stage: str, number: int) -> None:
        """Remove the metrics of a partition that was lost, and release its fold, whose state may be large."""
        self._metrics.forget(stage, number)
        self._seen.pop((stage, number), None)

    def _is_new(self, stage: str, number: int, fold: Fold) -> bool:
        seen = self._seen.get((stage, number))
        self._seen[stage, number] = fold, fold.revision
        return seen is None or seen[0] is not fold or seen[1] != fold.revision


def named(assignment: Iterable[Any]) -> str:
    """Return assigned partitions as text, by topic."""
    by_topic: dict[str, list[int]] = {}
    for tp in sorted(assignment):
        by_topic.setdefault(tp.topic, []).append(tp.partition)
    return ", ".join(f"{topic} {partitions}" for topic, partitions in by_topic.items())
