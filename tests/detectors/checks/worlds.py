"""A subject with a healthy past, and windows of it in which one thing is broken."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.judge_rows import judge_rows
from watchkeeper.detectors.checks.judgement import Judgement
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.findings import Finding
from watchkeeper.schemas.monitors import Monitor

DAY_MS = 86_400_000
DAYS = 60
ROWS = 400
FEATURES: dict[str, Any] = {
    "temp": {"type": "number", "range": [-30, 130]},
    "distance": {"type": "number"},
    "rain": {"type": "number"},
    "weekday": {"type": "integer"},
    "nightly_price": {"type": "number", "required": False},
    "carrier": {"type": "category"},
    "night": {"type": "boolean"},
}


def declare(**changes: Any) -> Monitor:
    """Declare the subject, with some keys replaced."""
    return Monitor.model_validate(
        {
            "model": "delays",
            "owner": {"team": "ops"},
            "task": "binary-classification",
            "features": FEATURES,
            "windows": {"size": "P1D", "pane": "PT1H"},
            "reference": {"file": "reference.parquet"},
            "labels": {},
            **changes,
        }
    )


def day(number: int, rows: int = ROWS, **changes: Callable[[Any], Any]) -> Columns:
    """Draw one day: temperature has seasons, rain is mostly zero, weekday and price are constant all day.

    A change is a function of a column, by the name of its feature; or of all columns, as `columns`.
    """
    rng = np.random.default_rng(number)
    season = 60 + 12 * np.sin(number / 9.0)
    drawn: dict[str, Any] = {
        "temp": np.round(rng.normal(season, 5, rows), 1),
        "distance": np.round(rng.lognormal(6.5, 0.5, rows)),
        "rain": np.where(rng.random(rows) < 0.05 + 0.5 * (number % 11 == 0), rng.gamma(0.5, 0.2, rows), 0.0),
        "weekday": np.full(rows, float(number % 7)),
        "nightly_price": np.where(rng.random(rows) < 0.3, np.nan, 100.0 + number % 30),
        "carrier": rng.choice(["UA", "B6", "EV", "DL", "VX"], rows, p=[0.35, 0.3, 0.2, 0.1, 0.05]).tolist(),
        "night": rng.choice(["false", "true"], rows).tolist(),
        "scores": rng.beta(2, 5, rows),
        "latency_ms": rng.gamma(3, 10, rows),
    }
    whole = changes.pop("columns", lambda columns: columns)
    for name, change in changes.items():
        drawn[name] = change(drawn[name])
    numbers = np.stack([drawn[name] for name in ("temp", "distance", "rain", "weekday", "nightly_price")])
    categories = [drawn["carrier"], drawn["night"]]
    columns: Columns = whole(
        Columns(rows, numbers, categories, scores=drawn["scores"], latency_ms=drawn["latency_ms"])
    )
    return columns


class World:
    """A monitor with its reference of sixty healthy days and seven sealed days since."""

    def __init__(
        self,
        monitor: Monitor | None = None,
        *,
        reference: bool = True,
        times: bool = True,
        recent: int = 7,
        changes: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        """Build the past; `changes` are made to the days of the reference."""
        self.monitor = monitor or declare()
        days = [day(number, **(changes or {})) for number in range(DAYS)]
        joined = Columns(
            DAYS * ROWS,
            np.concatenate([one.numbers for one in days], axis=1),
            [[name for one in days for name in one.categories[i]] for i in range(2)],
            scores=np.concatenate([one.scores for one in days]),
            latency_ms=np.concatenate([one.latency_ms for one in days]),
        )
        times_ms = np.repeat(np.arange(DAYS), ROWS) * float(DAY_MS) if times else None
        built = build_reference(self.monitor, joined, {}, built_at_ms=0, times_ms=times_ms)
        self.reference = built if reference else None
        self.layout = Layout.of(self.monitor, self.reference)
        self.recent = self._past(range(DAYS, DAYS + recent)) if recent else None

    def _past(self, days: range) -> RowsProfile:
        past = RowsProfile.empty(self.layout)
        for number in days:
            window = self.window(day(number))
            window.seal()
            past.merge(window)
        return past

    def window(self, columns: Columns) -> RowsProfile:
        """Count the rows of a window."""
        window = RowsProfile.empty(self.layout)
        window.add(columns)
        return window

    def judge(self, columns: Columns, **marks: int) -> Judgement:
        """Judge a window; marks are set on its profile, such as `duplicates`."""
        window = self.window(columns)
        for name, mark in marks.items():
            setattr(window, name, mark)
        return judge_rows(self.monitor, self.layout, self.reference, window, self.recent, None)

    def faults(self, columns: Columns, **marks: int) -> list[Finding]:
        """Judge a window; give what is bad besides drift."""
        findings = self.judge(columns, **marks).findings
        return [each for each in findings if each.state == "bad" and "drift" not in each.check]
