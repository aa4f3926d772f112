import msgspec
import numpy as np
import pytest

from benchmarks.detection.__main__ import main
from benchmarks.detection.arl import Arl
from benchmarks.detection.contestant import NeverFires
from benchmarks.detection.contestants import CONTESTANTS, Entry
from benchmarks.detection.effort import FULL, QUICK
from benchmarks.detection.healthy import HEALTHY, MINUTE_MS, MONDAY_MS
from benchmarks.detection.measure import on_changes, on_healthy
from benchmarks.detection.rows import Row
from benchmarks.detection.streams import ERRORS, NORMAL, REFERENCE_ROWS, generator
from benchmarks.detection.tasks import choose

KEYS = ["detector", "stream", "change", "arl_target", "arl_measured", "alarms", "delay_mean", "miss_rate"]


class Beyond:
    """Alarms at each value above a threshold, so the rows to an alarm have a geometric distribution."""

    def __init__(self, threshold):
        self.threshold = threshold
        self.fitted = 0

    def fit(self, reference):
        assert len(reference) == REFERENCE_ROWS
        self.fitted += 1

    def alarms(self, values, first_only):
        found = np.flatnonzero(values > self.threshold).tolist()
        return found[:1] if first_only else found


def entry(contestant, **more):
    return Entry("tried", lambda _target, _sample: contestant, **more)


def test_the_arl_of_a_detector_that_fires_at_random_is_one_over_its_share():
    rows = on_changes(entry(Beyond(2.326348)), None, NORMAL, FULL._replace(alarms=2000, repetitions=100))
    assert rows[0].arl_measured == pytest.approx(100, rel=0.05)
    assert rows[0].arl_measured == pytest.approx(rows[0].events / rows[0].alarms, abs=0.1)
    shift = next(row for row in rows if row.change == "mean+.5")
    assert shift.delay_mean == pytest.approx(1 / 0.0339, rel=0.3)
    assert shift.miss_rate == 0


def test_it_is_measured_until_there_are_alarms_or_rows_enough():
    effort = QUICK._replace(stream_rows=1000, events=5000, alarms=30)
    assert on_changes(entry(NeverFires()), 1e4, NORMAL, effort)[0].events == 5000
    assert on_changes(entry(Beyond(1.6)), 1e4, NORMAL, effort)[0].events == 1000
    assert not Arl(2_999_999, 29).enough(30, 3_000_000)


def test_what_is_missed_counts_as_the_limit():
    rows = on_changes(entry(NeverFires()), 1e4, ERRORS, QUICK)
    assert [row.delay_mean for row in rows] == [6000] * 4
    assert [row.miss_rate for row in rows] == [1] * 4
    assert rows[0].alarms == 0
    assert rows[0].arl_measured == rows[0].events


def test_each_repetition_has_a_fit_of_its_own():
    contestant = Beyond(3.0)
    on_changes(entry(contestant), None, NORMAL, QUICK._replace(events=20_000, alarms=10_000))
    assert contestant.fitted == 20_000 / QUICK.stream_rows + QUICK.repetitions


def test_a_contestant_that_does_not_take_the_values_has_no_rows():
    picky = entry(NeverFires(), takes=lambda values: bool(np.isin(values, (0, 1)).all()))
    assert on_changes(picky, None, NORMAL, QUICK) == []
    assert len(on_changes(picky, None, ERRORS, QUICK)) == 4


class WithClock(NeverFires):
    times: tuple[int, int] | None = None

    def clock(self, start_ms, every_ms):
        self.times = start_ms, every_ms


def test_a_contestant_with_a_clock_gets_the_times_of_the_stream():
    contestant = WithClock()
    (row,) = on_healthy(entry(contestant), 1e4, HEALTHY["rounded"], QUICK)
    assert contestant.times is None
    assert (row.change, row.delay_mean, row.budget) == ("none", None, QUICK.healthy_rows / 1e4)
    on_healthy(entry(contestant), 1e4, HEALTHY["daily and weekly"], QUICK)
    assert contestant.times == (MONDAY_MS, MINUTE_MS)


@pytest.mark.parametrize("name", CONTESTANTS)
def test_every_contestant_takes_part_and_only_the_dummy_fires_at_once(name):
    taken = CONTESTANTS[name]
    reference = ERRORS.healthy(generator("test"), 600)
    target = 200.0 if "calibrated" in name and "engine" not in name else taken.targets[0]
    contestant = taken.make(target, reference)
    contestant.fit(reference)
    found = contestant.alarms(np.concatenate([reference[:600], np.ones(600)]), first_only=True)
    assert found == sorted(found)[:1]
    assert all(type(position) is int for position in found)
    if "fires" not in name:
        assert len(found) == 1 or name == "river EDDM", "a jump of errors to 1 was not detected"


def test_the_report_has_its_keys_in_order(tmp_path, capsys):
    file = tmp_path / "report.json"
    main(["--quick", "--only", "never", "--stream", "errors", "--json", str(file), "--processes", "1"])
    rows = msgspec.json.decode(file.read_bytes())
    assert [row["change"] for row in rows] == [*ERRORS.changes, "none", "none"]
    assert [list(row)[: len(KEYS)] for row in rows] == [KEYS] * len(rows)
    assert msgspec.json.decode(file.read_bytes(), type=list[Row])
    assert "never fires" in capsys.readouterr().out


def test_contestants_and_streams_are_chosen_by_parts_of_their_names():
    tasks = choose(["KS"], ["normal", "AR(1)"])
    assert {task.contestant for task in tasks} == {"river KSWIN", "scipy KS, tumbling", *_kswins()}
    assert {task.stream for task in tasks} == {"normal", "AR(1) .5", "AR(1) .9"}
    assert choose(["nobody"], []) == []


def _kswins():
    return [name for name in CONTESTANTS if "kswin" in name]
