import pytest

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.evaluate.silence import Silence

HOUR = 3_600_000
EVENT, NOW = 1000 * HOUR, 500_000 * HOUR


def monitor(**sensitivity):
    return Monitor.model_validate(
        {
            "feature_view": "weather", "owner": {"team": "t"}, "features": {"x": {"type": "number"}},
            "sensitivity": sensitivity,
        }
    )  # fmt: skip


def judged(silence, hours, idle=True, **sensitivity):
    return silence.judge(monitor(**sensitivity), idle, NOW + round(hours * HOUR))


def heard():
    return Silence("features", NOW, EVENT)


def test_a_subject_is_silent_after_two_windows_of_nothing():
    silence = heard()
    assert judged(silence, 2.0) is None
    window = judged(silence, 3.0)
    assert (window.version, window.kind, window.rows, window.checked) == ("", "features", 0, ["silent"])
    assert (window.window_start_ms, window.window_end_ms) == (EVENT + 2 * HOUR, EVENT + 3 * HOUR)
    assert (
        window.findings[0].explanation
        == "weather has published nothing for 3 hours; the limit is 120 minutes."
    )
    assert (window.findings[0].value, window.findings[0].threshold) == (10800, 7200)


def test_silence_is_told_again_at_each_window_end_and_not_between():
    silence = heard()
    ends = [window.window_end_ms for k in range(40) if (window := judged(silence, 2.5 + k / 8))]
    assert ends == [EVENT + hours * HOUR for hours in (3, 4, 5, 6, 7)]


def test_a_subject_that_is_not_idle_everywhere_is_not_silent():
    assert judged(heard(), 50, idle=False) is None


def test_after_a_silence_as_many_windows_are_good_as_an_alert_needs_to_resolve():
    silence = heard()
    assert judged(silence, 5, resolve_after=2).findings
    told = []
    for hours in range(6, 12):
        silence.note_rows(NOW + hours * HOUR, EVENT + hours * HOUR)
        told.append(judged(silence, hours, idle=False, resolve_after=2))
    assert [window.findings for window in told[:2]] == [[], []]
    assert [window.window_end_ms for window in told[:2]] == [EVENT + 6 * HOUR, EVENT + 7 * HOUR]
    assert told[2:] == [None] * 4


def test_the_allowed_silence_can_be_stated():
    assert judged(heard(), 3, silent_after="PT5H") is None
    assert judged(heard(), 6, silent_after="PT5H")
    assert judged(heard(), 1, silent_after="PT30M")


def test_a_long_absence_of_our_own_tells_only_the_last_window():
    silence = heard()
    assert judged(silence, 1000).window_end_ms == EVENT + 1000 * HOUR
    assert judged(silence, 1000.5) is None


@pytest.mark.parametrize("hours", [0, 0.5, 1])
def test_a_subject_that_was_never_silent_needs_no_window(hours):
    assert judged(heard(), hours) is None
