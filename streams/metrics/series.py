"""The statistics of the newest windows as Prometheus series, bounded in number."""

from collections.abc import Hashable
from typing import NamedTuple

from prometheus_client import Counter, Gauge

from watchkeeper.schemas.statistics import WindowStatistics

__all__ = ["LABELS", "StatisticSeries"]

LABELS = ("subject", "kind", "version", "segment", "feature", "statistic")
OUTDATED_AFTER_WINDOWS = 10
"""Windows without a version or segment after which its series are removed. Chosen by hand."""

Labels = tuple[str, ...]


class _Shown(NamedTuple):
    """The series shown of one version and segment."""

    owner: Hashable
    window_end_ms: int
    series: set[Labels]


_Shelf = dict[tuple[str, str | None], _Shown]


class StatisticSeries:
    """Shows the statistics of each window instead of the last one's, and removes outdated series.

    A version or segment is outdated when its subject has had ten more windows without it.
    """

    def __init__(self, gauge: Gauge, dropped: Counter, max_series: int) -> None:
        self._gauge = gauge
        self._dropped = dropped
        self._left = max_series
        self._shelves: dict[tuple[str, str], _Shelf] = {}

    def show(self, window: WindowStatistics, owner: Hashable) -> None:
        """Show a window's statistics, unless a newer window is shown."""
        shelf = self._shelves.setdefault((window.subject, window.kind), {})
        self._remove(shelf, _outdated(shelf, window))
        key = (window.version, window.segment)
        shown = shelf.get(key) or _Shown(owner, window.window_end_ms, set())
        if shown.window_end_ms > window.window_end_ms:
            return
        values = _values(window)
        self._take_away(shown.series - values.keys())
        shelf[key] = _Shown(owner, window.window_end_ms, self._set(values, shown.series & values.keys()))

    def forget(self, owner: Hashable) -> None:
        """Remove the series that an owner has shown: another worker shows them now."""
        for shelf in self._shelves.values():
            self._remove(shelf, [key for key, shown in shelf.items() if shown.owner == owner])

    def _set(self, values: dict[Labels, float], shown: set[Labels]) -> set[Labels]:
        for labels, value in values.items():
            if labels in shown or self._left > 0:
                self._left -= labels not in shown
                shown.add(labels)
                self._gauge.labels(*labels).set(value)
            else:
                self._dropped.inc()
        return shown

    def _remove(self, shelf: _Shelf, keys: list[tuple[str, str | None]]) -> None:
        for key in keys:
            self._take_away(shelf.pop(key).series)

    def _take_away(self, series: set[Labels]) -> None:
        for labels in series:
            self._gauge.remove(*labels)
        self._left += len(series)


def _outdated(shelf: _Shelf, window: WindowStatistics) -> list[tuple[str, str | None]]:
    size_ms = window.window_end_ms - window.window_start_ms
    oldest_ms = window.window_end_ms - OUTDATED_AFTER_WINDOWS * size_ms
    return [key for key, shown in shelf.items() if shown.window_end_ms < oldest_ms]


def _values(window: WindowStatistics) -> dict[Labels, float]:
    whose: Labels = (window.subject, window.kind, window.version, window.segment or "")
    values = {(*whose, each.feature or "", each.name): each.value for each in window.statistics}
    return {(*whose, "", "rows"): float(window.rows)} | values
