"""Each planted fault is named for what it is, and what is only like it is not."""

from pathlib import Path

import numpy as np
import pytest

from tests.detectors.checks.worlds import DAYS, ROWS, World, day, declare
from watchkeeper.schemas.findings import OUTPUT_CHECKS, QUALITY_CHECKS

NOW = DAYS + 8
OF_ROWS_ELSEWHERE = {"silent", "volume", "rejected", "clock", "late", *OUTPUT_CHECKS}
"""Checks of the stream, and of the output (`test_output.py`)."""


@pytest.fixture(scope="module")
def world():
    return World()


def only(findings, check, feature=None):
    """Expect one finding, of this check and feature, and give it."""
    assert [(each.check, each.feature) for each in findings] == [(check, feature)]
    assert len(findings[0].explanation) < 300
    assert findings[0].explanation.endswith(".")
    return findings[0]


def some(share, value):
    """Replace a share of a column, every so many rows."""

    def change(column):
        every = round(1 / share)
        if isinstance(column, list):
            return [value if i % every == 0 else each for i, each in enumerate(column)]
        return np.where(np.arange(len(column)) % every == 0, value, column)

    return change


@pytest.mark.parametrize("number", range(DAYS, DAYS + 120, 3))
def test_a_healthy_day_has_no_fault(world, number):
    assert world.faults(day(number)) == []


@pytest.mark.parametrize("number", range(NOW, NOW + 12))
def test_fahrenheit_to_celsius_is_named(world, number):
    finding = only(world.faults(day(number, temp=lambda x: (x - 32) / 1.8)), "unit_change", "temp")
    assert finding.evidence["conversion"] == "degF to degC"
    assert finding.evidence["factor"] == pytest.approx(1 / 1.8)
    assert "degF to degC" in finding.explanation
    assert "drift" in finding.evidence["explains"]


@pytest.mark.parametrize(
    ("factor", "name"),
    [(1.609344, "mi to km"), (1000.0, "km to m or m to mm"), (1 / 1000, "m to km or mm to m"),
     (0.3048, "ft to m"), (1609.344, "mi to m"), (2.54, "in to cm"), (10.0, "x10")],
)  # fmt: skip
def test_a_conversion_of_a_steady_feature_is_named(world, factor, name):
    finding = only(world.faults(day(NOW, distance=lambda x: x * factor)), "unit_change", "distance")
    assert finding.evidence["conversion"] == name
    assert finding.evidence["factor"] == pytest.approx(factor)


def partly(share, change, seed):
    """Change a share of the rows, drawn at random."""
    return lambda column: np.where(
        np.random.default_rng(seed).random(len(column)) < share, change(column), column
    )


@pytest.mark.parametrize("number", range(NOW, NOW + 6))
@pytest.mark.parametrize(
    ("feature", "change", "share", "name"),
    [
        ("temp", lambda x: (x - 32) / 1.8, 0.5, "degF to degC"),
        ("temp", lambda x: (x - 32) / 1.8 + 273.15, 0.1, "degF to K"),
        ("temp", lambda x: (x - 32) / 1.8 + 273.15, 0.9, "degF to K"),
        ("distance", lambda x: x * 1000, 0.1, "km to m or m to mm"),
        ("distance", lambda x: x * 1000, 0.8, "km to m or m to mm"),
        ("distance", lambda x: x * 100, 0.5, "m to cm"),
    ],
)
def test_a_conversion_of_some_of_the_rows_is_named(world, feature, change, share, name, number):
    finding, *others = world.faults(day(number, **{feature: partly(share, change, number)}))
    assert (finding.check, finding.feature) == ("unit_change", feature)
    assert finding.evidence["conversion"] == name
    assert finding.evidence["share"] == pytest.approx(share, abs=0.15)
    assert f"of {ROWS} rows: their mean" in finding.explanation
    assert [other.check for other in others] == []


@pytest.mark.parametrize("number", range(NOW, NOW + 6))
@pytest.mark.parametrize(
    ("feature", "change"),
    [
        ("temp", lambda x: x - 25),  # where no conversion of the name leads
        ("temp", lambda x: x + 700),
        ("distance", lambda x: x * 5.5),
        ("distance", lambda x: x * 330),
        ("distance", lambda x: x * np.linspace(1, 300, len(x))),  # and not everywhere between
        ("temp", lambda x: np.full(len(x), 15.0)),  # all alike
    ],
)
def test_a_second_sort_of_rows_is_no_conversion(world, feature, change, number):
    faults = world.faults(day(number, **{feature: partly(0.5, change, number)}))
    assert "unit_change" not in {each.check for each in faults}


def test_a_unit_change_explains_what_is_out_of_range(world):
    finding = only(world.faults(day(NOW, temp=lambda x: (x - 32) / 1.8 + 273.15)), "unit_change", "temp")
    assert finding.evidence["conversion"] == "degF to K"
    assert finding.evidence["explains"] == ["out_of_range", "drift"]


@pytest.mark.parametrize("factor", [1.03, 0.9, 1.3])
def test_a_factor_that_is_no_conversion_is_not_called_one(world, factor):
    assert world.faults(day(NOW, distance=lambda x: x * factor)) == []


@pytest.mark.parametrize("wet", [0.6, 0.9, 1.0])
def test_a_wet_day_is_not_a_change_of_unit(world, wet):
    rng = np.random.default_rng(0)
    rain = lambda x: np.where(rng.random(len(x)) < wet, rng.gamma(2, 0.5, len(x)), 0.0)  # noqa: E731
    assert world.faults(day(NOW, rain=rain)) == []


def test_a_sentinel_is_out_of_range_and_no_unit(world):
    finding = only(world.faults(day(NOW, temp=some(0.5, -999.0))), "out_of_range", "temp")
    assert finding.evidence["lowest"] == -999


def test_without_recent_windows_a_season_is_not_a_unit():
    world = World(recent=0)
    judged = world.judge(day(NOW, temp=lambda x: x * 0.6))
    assert "unit_change" not in judged.checked


def test_a_renamed_category_is_named(world):
    renamed = lambda column: ["United" if each == "UA" else each for each in column]  # noqa: E731
    finding = only(world.faults(day(NOW, carrier=renamed)), "category_renamed", "carrier")
    assert finding.evidence["renamed"] == {"UA": "United"}
    assert finding.evidence["share_now"]["United"] == pytest.approx(0.35, abs=0.06)
    assert "unseen_category" in finding.evidence["explains"]


def test_a_small_category_may_be_renamed_too(world):
    renamed = lambda column: ["Virgin" if each == "VX" else each for each in column]  # noqa: E731
    finding = only(world.faults(day(NOW, 1500, carrier=renamed)), "category_renamed", "carrier")
    assert finding.evidence["renamed"] == {"VX": "Virgin"}


def test_all_categories_in_lower_case_are_paired_by_their_letters(world):
    finding = only(
        world.faults(day(NOW, carrier=lambda c: [x.lower() for x in c])), "category_renamed", "carrier"
    )
    assert finding.evidence["renamed"] == {name: name.lower() for name in ("UA", "B6", "EV", "DL", "VX")}


def test_a_new_category_beside_the_old_ones_is_unseen_not_renamed(world):
    finding = only(world.faults(day(NOW, carrier=some(0.25, "AA"))), "unseen_category", "carrier")
    assert finding.evidence["most_common"] == {"AA": 100}


def test_a_new_category_of_another_share_is_unseen_not_renamed(world):
    def change(column):
        return [("AA" if i % 4 else "B6") if each == "UA" else each for i, each in enumerate(column)]

    only(world.faults(day(NOW, 1200, carrier=change)), "unseen_category", "carrier")


def test_a_category_split_in_many_is_unseen_not_renamed(world):
    split = lambda column: [f"UA-{i % 40}" if each == "UA" else each for i, each in enumerate(column)]  # noqa: E731
    only(world.faults(day(NOW, carrier=split)), "unseen_category", "carrier")


def test_a_category_that_vanishes_alone_is_no_fault_of_the_data(world):
    gone = lambda column: ["B6" if each == "UA" else each for each in column]  # noqa: E731
    assert world.faults(day(NOW, carrier=gone)) == []


@pytest.mark.parametrize("feature", ["temp", "weekday"])
def test_a_null_burst_is_named(world, feature):
    finding = only(world.faults(day(NOW, **{feature: some(0.25, np.nan)})), "missing", feature)
    assert finding.value == pytest.approx(0.25)
    assert "is missing in 25% of 400 rows" in finding.explanation


def test_a_null_burst_in_a_category_is_named(world):
    only(world.faults(day(NOW, carrier=some(0.2, None))), "missing", "carrier")


def test_values_that_are_usually_missing_may_be_missing(world):
    assert world.faults(day(NOW, nightly_price=some(0.5, np.nan))) == []
    only(world.faults(day(NOW, nightly_price=some(1.0, np.nan))), "missing", "nightly_price")


def test_few_missing_values_are_no_burst(world):
    assert world.faults(day(NOW, temp=some(0.03, np.nan))) == []


def test_few_rows_are_no_proof_of_a_burst(world):
    gone = some(1.0, np.nan)
    assert "missing" not in {fault.check for fault in world.faults(day(NOW, 15, nightly_price=gone))}
    assert "missing" in {fault.check for fault in world.faults(day(NOW, 350, nightly_price=gone))}


def test_a_past_without_any_value_does_not_excuse_that_values_are_missing():
    nothing = World(changes={"temp": some(1.0, np.nan), "carrier": some(1.0, None)}, recent=0)
    missing = day(NOW, temp=some(0.25, np.nan), carrier=some(1.0, None), nightly_price=some(0.5, np.nan))
    found = {(fault.check, fault.feature) for fault in nothing.faults(missing)}
    assert found >= {("missing", "temp"), ("missing", "carrier")}
    assert ("missing", "nightly_price") not in found


def test_a_feature_that_was_required_is_missing_also_without_a_past():
    world = World(reference=False, recent=0)
    only(world.faults(day(NOW, temp=some(0.25, np.nan))), "missing", "temp")
    assert world.faults(day(NOW, nightly_price=some(0.5, np.nan))) == []


def test_values_of_a_wrong_type_are_named(world):
    def as_text(columns):
        columns.numbers[1, ::4] = np.nan
        columns.wrong_type = np.zeros((7, columns.rows), bool)
        columns.wrong_type[1, ::4] = True
        return columns

    finding = only(world.faults(day(NOW, columns=as_text)), "wrong_type", "distance")
    assert "not of type number" in finding.explanation


def test_values_out_of_range_are_named(world):
    only(world.faults(day(NOW, temp=some(0.2, 150.0))), "out_of_range", "temp")


def test_one_value_out_of_range_is_no_fault(world):
    assert world.faults(day(NOW, temp=some(1 / ROWS, 1e308))) == []


def test_a_stuck_number_is_named(world):
    finding = only(world.faults(day(NOW, temp=lambda x: np.full(len(x), 61.3))), "stuck", "temp")
    assert "the value 61.3 in all 400 rows" in finding.explanation


def test_a_stuck_category_is_named(world):
    only(world.faults(day(NOW, carrier=lambda c: ["DL"] * len(c))), "stuck", "carrier")


def test_a_feature_that_is_mostly_one_value_is_not_stuck(world):
    assert world.faults(day(NOW, rain=lambda x: np.zeros(len(x)))) == []


def test_a_calendar_is_not_stuck(world):
    assert world.recent.spans.constant["weekday"] == 7
    assert world.faults(day(NOW + 1)) == []


def test_stuck_is_not_judged_where_it_is_not_known_how_windows_vary():
    judged = World(recent=3, reference=False).judge(day(NOW, temp=lambda x: np.full(len(x), 61.3)))
    assert "stuck" not in judged.checked


def test_slow_serving_is_named(world):
    finding = only(world.faults(day(NOW, latency_ms=lambda x: x * 3)), "latency")
    assert finding.evidence["now_ms"]["p50"] > 2 * finding.evidence["before_ms"]["p50"]
    assert world.faults(day(NOW, latency_ms=lambda x: x * 1.5)) == []


def test_duplicates_are_named(world):
    assert only(world.faults(day(NOW), duplicates=100), "duplicates").value == pytest.approx(0.2)
    assert world.faults(day(NOW), duplicates=5) == []


def test_two_faults_are_both_named(world):
    faults = world.faults(day(NOW, temp=lambda x: (x - 32) / 1.8, carrier=some(0.3, None)))
    assert {(each.check, each.feature) for each in faults} == {
        ("unit_change", "temp"),
        ("missing", "carrier"),
    }


def test_a_fault_of_one_feature_can_have_two_causes(world):
    faults = world.faults(day(NOW, temp=lambda x: some(0.25, np.nan)((x - 32) / 1.8)))
    assert [each.check for each in faults] == ["unit_change", "missing"]


def test_sensitivity_decides_how_large_a_fault_must_be():
    tolerant = World(declare(sensitivity={"missing_ratio": 0.5}))
    assert tolerant.faults(day(NOW, temp=some(0.25, np.nan))) == []
    only(tolerant.faults(day(NOW, temp=some(0.9, np.nan))), "missing", "temp")


def test_every_check_of_rows_has_a_planted_fault_here():
    here = Path(__file__).read_text()
    of_rows = [check for check in QUALITY_CHECKS if check not in OF_ROWS_ELSEWHERE]
    assert [check for check in of_rows if f'"{check}"' not in here] == []
