import msgspec

from tests.alerting.windows import HOUR_MS, monitor
from watchkeeper.alerting.faults import FAULTS_MAX, FaultHistory, label_wait_ms


def test_a_fault_that_ended_where_a_window_begins_is_not_in_it():
    faults = FaultHistory()
    faults.begin("FeatureMissing", "temp", 10, at_ms=15)
    assert faults.within(0, 10) == []
    assert [fault.ended_ms for fault in faults.within(0, 11)] == [None]
    faults.end("FeatureMissing", "temp", 20, at_ms=30)
    assert faults.within(20, 30) == []
    assert len(faults.within(19, 30)) == 1


def test_only_the_newest_faults_are_remembered():
    faults = FaultHistory()
    for start_ms in range(FAULTS_MAX + 5):
        faults.begin("FeatureMissing", "temp", start_ms, start_ms + 1)
        faults.end("FeatureMissing", "temp", start_ms + 1, start_ms + 3)
    assert [faults.past[0].started_ms, len(faults.past), len(faults.noted)] == [5, FAULTS_MAX, FAULTS_MAX]


def test_what_was_not_known_yet_is_not_seen():
    faults = FaultHistory()
    faults.begin("FeatureMissing", "temp", 10, at_ms=20)
    faults.end("FeatureMissing", "temp", 30, at_ms=50)
    faults.begin("FeatureStuck", "x1", 40, at_ms=60)
    assert [len(faults.as_of(at_ms).past) for at_ms in (19, 20, 59, 60)] == [0, 1, 1, 2]
    assert [faults.as_of(at_ms).past[0].ended_ms for at_ms in (49, 50)] == [None, 30]
    assert faults.as_of(60) == faults


def test_faults_from_before_it_was_noted_when_have_always_been_known():
    old = {"past": [("FeatureMissing", "temp", 10, 20), ("FeatureStuck", "x1", 30, None)]}
    faults = msgspec.convert(old, FaultHistory)
    assert faults.as_of(0).past == faults.past
    faults.end("FeatureStuck", "x1", 40, at_ms=50)
    assert [fault.ended_ms for fault in faults.as_of(49).past] == [20, None]


def test_labels_reach_back_as_far_as_they_are_expected():
    assert label_wait_ms(monitor()) == HOUR_MS
    assert label_wait_ms(monitor(labels=None, retraining=None)) == 0
