from alerting.faults import MOST, Faults, reach_ms
from tests.alerting.windows import HOUR_MS, monitor


def test_a_fault_that_ended_where_a_window_begins_is_not_in_it():
    faults = Faults()
    faults.begin("FeatureMissing", "temp", 10)
    assert faults.within(0, 10) == []
    assert [fault.ended_ms for fault in faults.within(0, 11)] == [None]
    faults.end("FeatureMissing", "temp", 20)
    assert faults.within(20, 30) == []
    assert len(faults.within(19, 30)) == 1
    assert faults.active() == []


def test_only_the_newest_faults_are_remembered():
    faults = Faults()
    for start_ms in range(MOST + 5):
        faults.begin("FeatureMissing", "temp", start_ms)
        faults.end("FeatureMissing", "temp", start_ms + 1)
    assert [faults.past[0].started_ms, len(faults.past)] == [5, MOST]


def test_labels_reach_back_as_far_as_they_are_expected():
    assert reach_ms(monitor()) == HOUR_MS
    assert reach_ms(monitor(labels=None, retraining=None)) == 0
