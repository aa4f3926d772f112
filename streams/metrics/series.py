"""The statistics of the newest windows as Prometheus series, up to a maximum number."""

from collections.abc import Callable, Hashable
from typing import NamedTuple

from prometheus_client import Counter, Gauge

from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.schemas.subjects import environment_of

__all__ = ["LABELS", "StatisticSeries"]

LABELS = ("subject", "environment", "kind", "version", "segment", "feature", "statistic")
"""The label names of the metric `watchkeeper_statistic`."""
OUTDATED_AFTER_WINDOWS = 10
"""Number of windows without a version or segment after which its series are removed. Chosen by hand: freed
series against gaps in the graphs of small segments."""

Labels = tuple[str, ...]
"""The label values of one series."""


class _Shown(NamedTuple):
    """The series that are shown for one version and segment."""

    owner: Hashable
    window_end_ms: int
    series: set[Labels]


_Group = dict[tuple[str, str | None], _Shown]
"""(Version, segment) -> series, for one subject and kind."""


class StatisticSeries:
    """Shows the statistics of the newest window, and removes outdated series.

    The series of a version or segment are outdated when its subject has had ten more windows without it.

    Args:
        gauge: The metric with the labels `LABELS`.
        dropped: Counts the statistics that are not shown.
        max_series: Maximum number of series.
    """

    def __init__(self, gauge: Gauge, dropped: Counter, max_series: int) -> None:
        self._gauge = gauge
        self._dropped = dropped
        self._free = max_series
        self._groups: dict[tuple[str, str], _Group] = {}
        self.is_watched: Callable[[str], bool] = lambda _: True
        """Whether a subject has a monitor."""

    def show(self, window: WindowStatistics, owner: Hashable) -> None:
        """Show the statistics of a window, unless a newer window is shown or its monitor was removed.

        Args:
            window: The statistics.
            owner: The stage and partition to pass to `forget`.
        """
        if not self.is_watched(window.subject):
            return
        group = self._groups.setdefault((window.subject, window.kind), {})
        self._remove(group, _outdated(group, window))
        key = (window.version, window.segment)
        shown = group.get(key) or _Shown(owner, window.window_end_ms, set())
        if shown.window_end_ms > window.window_end_ms:
            return
        values = _values(window)
        self._remove_series(shown.series - values.keys())
        group[key] = _Shown(owner, window.window_end_ms, self._set(values, shown.series & values.keys()))

    def drop_unwatched(self) -> None:
        """Remove the series of subjects whose monitors were removed."""
        for subject, kind in list(self._groups):
            if not self.is_watched(subject):
                group = self._groups.pop((subject, kind))
                self._remove(group, list(group))

    def forget(self, owner: Hashable) -> None:
        """Remove the series of an owner, because another worker shows them now."""
        for group in self._groups.values():
            self._remove(group, [key for key, shown in group.items() if shown.owner == owner])

    def _set(self, values: dict[Labels, float], shown: set[Labels]) -> set[Labels]:
        for labels, value in values.items():
            if labels in shown or self._free > 0:
                self._free -= labels not in shown
                shown.add(labels)
                self._gauge.labels(*labels).set(value)
            else:
                self._dropped.inc()
        return shown

    def _remove(self, group: _Group, keys: list[tuple[str, str | None]]) -> None:
        for key in keys:
            self._remove_series(group.pop(key).series)

    def _remove_series(self, series: set[Labels]) -> None:
        for labels in series:
            self._gauge.remove(*labels)
        self._free += len(series)


def _outdated(group: _Group, window: WindowStatistics) -> list[tuple[str, str | None]]:
    size_ms = window.window_end_ms - window.window_start_ms
    oldest_ms = window.window_end_ms - OUTDATED_AFTER_WINDOWS * size_ms
    return [key for key, shown in group.items() if shown.window_end_ms < oldest_ms]


def _values(window: WindowStatistics) -> dict[Labels, float]:
    common: Labels = (
        window.subject,
        environment_of(window.subject),
        window.kind,
        window.version,
        window.segment or "",
    )
    values = {(*common, each.feature or "", each.name): each.value for each in window.statistics}
    return {(*common, "", "rows"): float(window.rows)} | values
