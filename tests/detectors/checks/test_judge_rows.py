"""What judging a window says as a whole."""

import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.detectors.checks.worlds import DAYS, World, day, declare
from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.judge_rows import FEATURE_CHECKS, judge_rows
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.findings import OUTPUT_CHECKS

NOW = DAYS + 8
STATISTICS = Path(__file__).parents[3] / "docs" / "reference" / "statistics.md"


@pytest.fixture(scope="module")
def world():
    return World()


def bad(judged, check):
    return [each for each in judged.findings if each.check == check and each.state == "bad"]


def test_a_moved_feature_is_drift_with_both_means(world):
    (finding,) = bad(world.judge(day(NOW, distance=lambda x: x * 1.4)), "drift")
    assert finding.feature == "distance"
    assert finding.p_value < 1e-9
    assert finding.value > finding.threshold
    assert finding.evidence["now"]["mean"] > 1.3 * finding.evidence["reference"]["mean"]
    assert len(finding.evidence["moved"]) == 3
    assert re.search(r"from the reference: its mean went from \d+\.?\d* to \d+", finding.explanation)


def test_a_moved_category_is_drift_with_the_one_that_moved_most(world):
    (finding,) = bad(world.judge(day(NOW, carrier=lambda c: ["B6" if x == "UA" else x for x in c])), "drift")
    assert finding.feature == "carrier"
    assert set(finding.evidence["moved"]) >= {"UA", "B6"}


def test_a_healthy_day_has_no_drift(world):
    for number in range(NOW, NOW + 40):
        assert bad(world.judge(day(number)), "drift") == []


def test_a_season_beyond_all_days_of_the_reference_is_drift(world):
    (finding,) = bad(world.judge(day(NOW, temp=lambda x: x + 20)), "drift")
    assert finding.feature == "temp"


def test_the_days_of_a_reference_without_times_are_not_known_to_differ():
    world = World(times=False)
    found = {each.feature for each in bad(world.judge(day(NOW)), "drift")}
    assert {"weekday", "nightly_price"} <= found <= {"weekday", "nightly_price", "temp", "rain"}


def test_a_quality_fault_is_not_drift_as_well(world):
    judged = world.judge(day(NOW, temp=lambda x: (x - 32) / 1.8))
    assert "temp" not in {each.feature for each in bad(judged, "drift")}
    (finding,) = bad(judged, "unit_change")
    assert "drift" in finding.evidence["explains"]


def test_a_moved_score_is_prediction_drift(world):
    judged = world.judge(day(NOW, scores=lambda x: np.sqrt(x)))
    (finding,) = bad(judged, "prediction_drift")
    assert finding.feature is None
    assert "the model output drifted" in finding.explanation
    assert bad(world.judge(day(NOW)), "prediction_drift") == []


def test_few_rows_are_no_data_and_never_ok(world):
    judged = world.judge(day(NOW, 12))
    reported = {each.check for each in judged.findings if each.state == "no_data"}
    assert reported == set(judged.checked)
    assert (
        "12 rows are too few" in next(each for each in judged.findings if each.state == "no_data").explanation
    )


def test_no_rows_can_be_judged(world):
    judged = world.judge(day(NOW, 0))
    assert {each.check for each in judged.findings} == set(judged.checked)


def test_a_missing_reference_is_no_data_for_drift():
    judged = World(reference=False).judge(day(NOW))
    reported = {each.check for each in judged.findings if each.state == "no_data"}
    assert reported == {"drift", "prediction_drift"}
    assert all("no reference" in each.explanation for each in judged.findings)


def test_where_no_reference_was_asked_for_drift_is_not_checked():
    judged = World(declare(reference=None), reference=False).judge(day(NOW))
    assert not {"drift", "prediction_drift"} & set(judged.checked)
    assert judged.findings == []


def test_all_checks_of_a_window_with_a_past_are_made(world):
    judged = world.judge(day(NOW))
    assert set(judged.checked) == {
        *FEATURE_CHECKS,
        *OUTPUT_CHECKS,
        "latency",
        "duplicates",
        "drift",
        "prediction_drift",
    }


def test_a_feature_that_the_reference_lacks_is_judged_without_it(world):
    features = {**world.monitor.model_dump(exclude_none=True)["features"], "visib": {"type": "number"}}
    monitor = declare(features=features)
    layout = Layout.of(monitor, world.reference)
    columns = day(NOW)
    columns.numbers = np.concatenate((columns.numbers, np.full((1, columns.rows), np.nan)))
    window = RowsProfile.empty(layout)
    window.add(columns)
    judged = judge_rows(monitor, layout, world.reference, window, None, None)
    assert [each.feature for each in judged.findings if each.check == "missing"] == ["visib"]


def test_a_window_of_another_layout_is_refused(world):
    other = RowsProfile.empty(Layout.of(declare(features={"x": {"type": "number"}}), None))
    with pytest.raises(ValueError, match="layout"):
        judge_rows(world.monitor, world.layout, None, other, None, None)


def test_a_segment_is_judged_by_its_own_reference():
    monitor = declare(features={"temp": {"type": "number"}}, segments=["origin"])
    rng = np.random.default_rng(0)
    temp = np.concatenate((rng.normal(60, 5, 3000), rng.normal(90, 5, 3000)))
    origins = ["EWR"] * 3000 + ["MIA"] * 3000
    scores = rng.random(6000)
    reference = build_reference(
        monitor, Columns(6000, temp[None], [], scores=scores), {"origin": origins}, built_at_ms=0
    )
    layout = Layout.of(monitor, reference)
    window = RowsProfile.empty(layout)
    window.add(Columns(1000, rng.normal(60, 5, 1000)[None], [], scores=rng.random(1000)))
    drifted = {
        segment: bool(bad(judge_rows(monitor, layout, reference, window, None, segment), "drift"))
        for segment in (None, "origin=EWR", "origin=MIA")
    }
    assert drifted == {None: True, "origin=EWR": False, "origin=MIA": True}
    judged = judge_rows(monitor, layout, reference, window, None, "origin=MIA")
    assert bad(judged, "drift")[0].explanation.startswith("In origin=MIA, temp")
    unknown = judge_rows(monitor, layout, reference, window, None, "origin=JFK")
    assert {each.state for each in unknown.findings} == {"no_data"}


def test_the_statistics_are_those_of_numpy(world):
    columns = day(NOW)
    found = {(each.name, each.feature): each.value for each in world.judge(columns).statistics}
    temp = columns.numbers[0]
    assert found["rows", None] == 400
    assert found["mean", "temp"] == pytest.approx(temp.mean())
    assert found["sd", "temp"] == pytest.approx(temp.std(ddof=1))
    assert found["max", "temp"] == temp.max()
    assert found["missing_ratio", "nightly_price"] == pytest.approx(np.isnan(columns.numbers[4]).mean())
    assert found["prediction_mean", None] == pytest.approx(columns.scores.mean())
    assert found["latency_p95_ms", None] == pytest.approx(np.quantile(columns.latency_ms, 0.95), rel=0.05)


@pytest.mark.parametrize("broken", [np.nan, np.inf, 1e308])
def test_a_judgement_can_always_be_sent(world, broken):
    judged = world.judge(
        day(NOW, temp=lambda x: x * 0 + broken, rain=lambda x: x + broken, scores=lambda x: x * 0 + broken)
    )
    sent = json.loads(msgspec.json.encode(judged))
    assert all(isinstance(each["value"], int | float) for each in sent[0])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(judged.findings), type=list[msgspec.Raw])


def documented():
    return set(re.findall(r"^\| `(\w+)` \|", STATISTICS.read_text(), re.MULTILINE))


def test_every_statistic_of_rows_is_documented(world):
    emitted = {each.name for each in world.judge(day(NOW)).statistics}
    assert len(emitted) > 20
    assert emitted <= documented()
