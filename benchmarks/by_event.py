"""Statistics with River, one event at a time, as a user would write them. Used with Faust and with Quix."""

from typing import Any

from river import drift, stats

from benchmarks.events import CATEGORIES, NUMBERS


class NumberStatistics:
    """Mean, variance, median, ADWIN and nulls of one numeric feature."""

    def __init__(self) -> None:
        self.mean = stats.Mean()
        self.variance = stats.Var()
        self.median = stats.Quantile(0.5)
        self.adwin = drift.ADWIN()
        self.nulls = 0
        self.drifts = 0

    def update(self, value: float | None) -> None:
        """Add the feature's value of one event."""
        if value is None:
            self.nulls += 1
            return
        self.mean.update(value)
        self.variance.update(value)
        self.median.update(value)
        self.adwin.update(value)
        if self.adwin.drift_detected:
            self.drifts += 1


class CategoryStatistics:
    """Counts and nulls of one categorical feature."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.nulls = 0

    def update(self, value: str | None) -> None:
        """Add the feature's value of one event."""
        if value is None:
            self.nulls += 1
            return
        self.counts[value] = self.counts.get(value, 0) + 1


class StatisticsByEvent:
    """The statistics of all features of one model, updated with one event at a time."""

    def __init__(self) -> None:
        self.events = 0
        self.numbers = {name: NumberStatistics() for name in NUMBERS}
        self.categories = {name: CategoryStatistics() for name in CATEGORIES}

    def update(self, event: dict[str, Any]) -> None:
        """Add one decoded prediction."""
        self.events += 1
        features = event["features"]
        for name, number in self.numbers.items():
            number.update(features.get(name))
        for name, category in self.categories.items():
            category.update(features.get(name))
