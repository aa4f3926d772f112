import numpy as np
import pytest

from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate.label_coverage import CohortCoverage, Expectation, LabelCoverage, window

HOUR = 60
WITHIN = 12 * HOUR


def wanted(share=None, min_labels=50, within_ms=WITHIN):
    return Timeline(Expectation(within_ms, HOUR, min_labels, share))


def lived(hours, labels_until, lag=3, labelled=0.9, rows=lambda _: 100, batch=1, **expected):
    """Let hours pass; give the hour at which each cohort was judged, and whether it was bad."""
    coverage, judged = LabelCoverage(), []
    owed = {}
    for hour in range(hours):
        coverage.add(False, hour * HOUR, rows(hour))
        at = -(-(hour + lag) // batch) * batch
        owed[at] = owed.get(at, 0) + round(labelled * rows(hour))
        if hour in owed and hour < labels_until:
            coverage.add(True, hour * HOUR, owed[hour])
        judged += coverage.judge((hour + 1) * HOUR, wanted(**expected))
    return [(end_ms // HOUR, finding) for end_ms, _, finding, _ in judged]


def bad(judged):
    return [hour for hour, finding in judged if finding]


def test_labels_that_come_in_time_are_fine():
    judged = lived(100, labels_until=100)
    assert bad(judged) == []
    assert len(judged) == 100 - 12


@pytest.mark.parametrize("share", [None, 0.9])
def test_labels_that_stop_are_found_once_those_expected_are_overdue(share):
    found = bad(lived(100, labels_until=50, share=share))
    # 12 hours of waiting and the cohort's own hour; the labels until then are few enough half an hour later.
    assert 50 + 12 <= found[0] <= 50 + 14
    assert found == list(range(found[0], 101))


def test_labels_that_stop_are_found_with_less_traffic_than_performance_is_measured_on():
    found = bad(lived(100, labels_until=50, rows=lambda _: 60, min_labels=200))
    assert 50 + 12 <= found[0] <= 50 + 14
    assert bad(lived(100, labels_until=100, rows=lambda _: 60, min_labels=200)) == []
    assert lived(100, labels_until=50, rows=lambda _: 40, min_labels=200) == []  # 36 expected


def test_no_label_ever_is_found():
    assert bad(lived(20, labels_until=0)) == list(range(13, 21))


def test_few_labels_are_fine_where_few_are_normal():
    assert bad(lived(100, labels_until=100, labelled=0.2)) == []


def test_labels_in_daily_batches_are_fine():
    assert bad(lived(200, labels_until=200, batch=24, within_ms=30 * HOUR)) == []


def test_traffic_that_swings_with_the_day_is_fine():
    def by_day(hour):
        return 500 + round(450 * np.sin(hour / 24 * 2 * np.pi))

    assert bad(lived(200, labels_until=200, lag=11, rows=by_day)) == []


def test_too_few_predictions_say_nothing():
    assert lived(50, labels_until=0, rows=lambda _: 49) == []


def test_the_share_of_the_reference_decides_where_it_is_known():
    coverage = LabelCoverage()
    coverage.add(False, 0, 1000)
    coverage.add(True, 0, 400)
    ((end_ms, rows, finding, _),) = coverage.judge(13 * HOUR, wanted(share=0.9))
    assert (end_ms, rows) == (13 * HOUR, 1000)
    assert (finding.value, finding.threshold) == (0.4, 0.45)
    assert finding.explanation == (
        "At most 400 of 1000 predictions have a label, and all labels are due; normally 90% get one."
    )


def test_corrections_that_take_back_more_than_came_are_no_labels():
    coverage = LabelCoverage()
    coverage.add(False, 0, 1000)
    coverage.add(True, 0, -3)
    assert coverage.judge(13 * HOUR, wanted())[0][2].value == 0


def test_while_labels_are_idle_they_are_due_only_some_time_after_their_predictions_were_read():
    coverage, read_ms = LabelCoverage(), 10**6
    for hour in range(48):  # a replay: predictions of two days come at once, and their labels after them
        coverage.add(False, hour * HOUR, 100, read_ms)
    assert coverage.judge(48 * HOUR, wanted(), read_ms + WITHIN - 1, idle=True) == []
    judged = coverage.judge(48 * HOUR, wanted(), read_ms + WITHIN, idle=True)
    assert [each.end_ms // HOUR for each in judged] == list(range(13, 49))
    assert all(each.finding for each in judged)


def test_labels_that_flow_are_judged_by_event_time_alone():
    coverage = LabelCoverage()
    for hour in range(48):
        coverage.add(False, hour * HOUR, 100, 10**6)
    assert len(coverage.judge(48 * HOUR, wanted(), 10**6)) == 36


def test_the_counts_stay_few():
    coverage = LabelCoverage()
    for hour in range(1000):
        coverage.add(False, hour * HOUR, 100)
        coverage.add(True, hour * HOUR, 90)
        coverage.judge(hour * HOUR, wanted())
    assert len(coverage.predictions) + len(coverage.labels) + len(coverage.read_ms) < 60


def test_the_judgement_is_told_as_a_window_of_labels():
    told = window("m", "2", CohortCoverage(13 * HOUR, 100, None, HOUR))
    assert (told.kind, told.window_start_ms, told.window_end_ms) == ("labels", 12 * HOUR, 13 * HOUR)
    assert (told.rows, told.findings, told.checked) == (100, [], ["labels_late"])
