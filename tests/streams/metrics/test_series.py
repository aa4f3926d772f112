"""Statistics on show: the newest, and never more than stated."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge

from watchkeeper.schemas.statistics import Statistic, WindowStatistics
from watchkeeper.streams.metrics.series import LABELS, StatisticSeries

HOUR_MS = 3_600_000


class Shown:
    """Series with a registry of their own."""

    def __init__(self, max_series: int = 100) -> None:
        self.registry = CollectorRegistry()
        gauge = Gauge("statistic", "…", LABELS, registry=self.registry)
        self.series = StatisticSeries(gauge, Counter("dropped", "…", registry=self.registry), max_series)

    def values(self) -> dict[tuple[str, str, str], float]:
        """Return what is on show by version, feature and statistic."""
        return {
            (sample.labels["version"], sample.labels["feature"], sample.labels["statistic"]): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "statistic"
        }

    @property
    def dropped(self) -> float | None:
        return self.registry.get_sample_value("dropped_total")


def window(hour: int, statistics: dict[str, float], version: str = "1", rows: int = 10) -> WindowStatistics:
    return WindowStatistics(
        "delay", version, None, "predictions", hour * HOUR_MS, (hour + 1) * HOUR_MS, rows,
        [Statistic("psi", value, name) for name, value in statistics.items()],
    )  # fmt: skip


def test_the_newest_window_is_on_show() -> None:
    shown = Shown()
    shown.series.show(window(1, {"a": 0.1, "b": 0.2}), 0)
    shown.series.show(window(2, {"a": 0.3, "c": 0.4}, rows=20), 0)
    assert shown.values() == {("1", "a", "psi"): 0.3, ("1", "c", "psi"): 0.4, ("1", "", "rows"): 20}


def test_an_older_window_that_comes_again_changes_nothing() -> None:
    shown = Shown()
    shown.series.show(window(2, {"a": 0.3}), 0)
    shown.series.show(window(1, {"a": 0.1}), 0)
    assert shown.values()["1", "a", "psi"] == 0.3


def test_a_version_that_ended_leaves_after_ten_windows() -> None:
    shown = Shown()
    shown.series.show(window(1, {"a": 0.1}, version="old"), 0)
    shown.series.show(window(11, {"a": 0.2}, version="new"), 0)
    assert ("old", "a", "psi") in shown.values()
    shown.series.show(window(12, {"a": 0.2}, version="new"), 0)
    assert set(shown.values()) == {("new", "a", "psi"), ("new", "", "rows")}


def test_what_is_beyond_the_limit_is_dropped_and_counted() -> None:
    shown = Shown(max_series=3)
    shown.series.show(window(1, {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}), 0)
    assert len(shown.values()) == 3
    assert shown.dropped == 2
    shown.series.show(window(2, {"d": 0.5}), 0)
    assert shown.values() == {("1", "", "rows"): 10, ("1", "d", "psi"): 0.5}


def test_a_partition_takes_its_series_along() -> None:
    shown = Shown(max_series=2)
    shown.series.show(window(1, {"a": 0.1}), 3)
    shown.series.forget(2)
    assert len(shown.values()) == 2
    shown.series.forget(3)
    assert shown.values() == {}
    shown.series.show(window(1, {"a": 0.1}), 3)
    assert len(shown.values()) == 2


Windows = st.builds(
    window,
    st.integers(0, 30),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), max_size=6),
    st.sampled_from("123"),
)


def test_the_limit_holds_whatever_comes() -> None:
    dropped: list[float] = []

    @given(st.lists(st.tuples(Windows, st.integers(0, 1)), min_size=5, max_size=30), st.integers(1, 12))
    def check(sent: list[tuple[WindowStatistics, int]], limit: int) -> None:
        shown = Shown(limit)
        for each, partition in sent:
            shown.series.show(each, partition)
            assert 0 < len(shown.values()) <= limit
        dropped.append(shown.dropped or 0)
        for partition in (0, 1):
            shown.series.forget(partition)
        assert shown.values() == {}
        assert shown.series._free == limit

    check()
    assert min(dropped) == 0 < max(dropped)


def test_the_series_of_a_removed_monitor_leave_and_stay_away() -> None:
    shown, watched = Shown(max_series=4), {"delay"}
    shown.series.is_watched = watched.__contains__
    shown.series.show(window(1, {"a": 0.1, "b": 0.2}), 0)
    shown.series.drop_unwatched()
    assert len(shown.values()) == 3
    watched.clear()
    shown.series.drop_unwatched()
    assert shown.values() == {}
    shown.series.show(window(2, {"a": 0.3}), 0)  # its last window, published when it was removed
    assert shown.values() == {}
    watched.add("delay")
    shown.series.show(window(3, {"a": 0.1, "b": 0.2, "c": 0.3}), 0)
    assert (len(shown.values()), shown.dropped) == (4, 0)
