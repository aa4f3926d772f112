"""What fires enters no baseline until its cause ends, its owner accepts it, or a stated time is over."""

import msgspec
import numpy as np
import pytest

from tests.streams.evaluate.evaluating import (
    MINUTE,
    SOURCES,
    START,
    Registry,
    findings,
    fold,
    minutes,
    pane,
    reached,
    rows,
    watched,
)
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.findings import Accepted
from watchkeeper.schemas.revisions import Acceptance
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate.stage import EvaluateFold

BEGINS, ENDS = 62, 562
"""The fault begins in mid-window, and lasts for 100 windows of five minutes."""
WHOLE = list(range(70, ENDS, 5))
"""The ends of the windows that hold nothing but the fault."""


class Live:
    """A subject whose panes are sent minute by minute."""

    def __init__(self, registry=None, **changes):
        self.of = watched(**changes)
        self.registry = registry or Registry({"delay": self.of})
        self.folding = EvaluateFold(self.registry, SOURCES)
        self.rng = np.random.default_rng(5)
        self.told = []

    def accept(self, at_min, *acceptances):
        after = Watched(self.of.monitor, self.of.references, 1, acceptances)
        self.registry["delay"] = Timeline(self.of, (START + at_min * MINUTE, after))

    def live(
        self, first, last, n=100, duplicates=0.0, slower=1.0, segments=True, versions=("1",), parts=(1, 1)
    ):
        for minute in range(first, last):
            panes = []
            for version in versions:
                columns = rows(self.rng, n // len(versions))
                columns.latency_ms = columns.latency_ms * slower
                panes += self._panes(
                    columns, minute, version, round(duplicates * n), parts if segments else ()
                )
            if minute % 50 == 7:
                self.restart()
            self.told += fold(self.folding, *panes, *(reached(i, minute + 1) for i in range(2)))
        return self

    def restart(self):
        restored = EvaluateFold(self.registry, SOURCES)
        restored.restore(self.folding.snapshot())
        self.folding = restored

    def _panes(self, columns, minute, version, duplicates, parts):
        layout, start_ms = self.of.layout(version), START + minute * MINUTE
        names = {None: columns.rows}
        names |= {f"origin={i}": columns.rows * part // sum(parts) for i, part in enumerate(parts)}
        made = []
        for segment, count in names.items():
            profile = RowsProfile.empty(layout)
            profile.add(columns.take(np.arange(count)))
            profile.duplicates = duplicates if segment is None else 0
            if count:
                profile.see_times(start_ms, start_ms + MINUTE - 1)
                encoded = profile.encode()
                made.append(
                    pane(self.of, version, segment, "predictions", start_ms, layout.id, count, encoded)
                )
        return made

    def bad(self, check):
        """Return the ends of the windows in which a check was bad, with the segments."""
        return [
            (minutes(window)[1], finding.segment)
            for window in findings(self.told)
            for finding in window.findings
            if (finding.check, finding.state) == (check, "bad")
        ]

    def accepted(self):
        return [(minutes(window)[1], each) for window in findings(self.told) for each in window.accepted]


FAULTS = {
    "duplicates": {"duplicates": 0.25},
    "latency": {"slower": 4.0},
    "volume": {"n": 50},
}


@pytest.mark.parametrize("check", FAULTS)
def test_a_fault_fires_for_as_long_as_it_lasts(check):
    of = Live().live(0, BEGINS).live(BEGINS, ENDS, **FAULTS[check])
    found = [end for end, segment in of.bad(check) if segment is None]
    assert set(WHOLE) <= {*found, 70, 75}
    assert of.live(ENDS, ENDS + 33).bad(check)[-1][0] <= ENDS + 3
    assert of.accepted() == []


@pytest.mark.parametrize("check", FAULTS)
def test_what_is_accepted_is_normal_at_once_and_a_further_change_is_bad_again(check):
    of = Live().live(0, BEGINS).live(BEGINS, 100, **FAULTS[check])
    of.accept(110, Acceptance(check=check, by="alice"))
    of.live(100, 200, **FAULTS[check])
    assert max(end for end, _ in of.bad(check)) == 110
    assert {(end, each.check, each.by) for end, each in of.accepted()} == {(115, check, "alice")}
    again = {"duplicates": {"duplicates": 0.6}, "latency": {"slower": 16.0}, "volume": {"n": 24}}
    assert 205 <= min(end for end, _ in of.live(200, 260, **again[check]).bad(check) if end > 110) <= 225


@pytest.mark.parametrize("check", FAULTS)
def test_a_fault_becomes_normal_after_the_time_that_the_monitor_states(check):
    of = Live(sensitivity={"new_normal_after": "PT1H"}).live(0, BEGINS).live(BEGINS, 200, **FAULTS[check])
    assert 115 <= max(end for end, _ in of.bad(check)) <= 135
    assert {each.by for _, each in of.accepted()} == {"sensitivity.new_normal_after"}


@pytest.mark.parametrize(
    ("check", "half", "whole"),
    [
        ("duplicates", {"duplicates": 0.03}, {"duplicates": 0.056}),
        ("latency", {"slower": 1.4}, {"slower": 2.2}),
    ],
)
def test_the_window_in_which_a_fault_begins_is_not_learned(check, half, whole):
    of = Live().live(0, 60).live(60, 65, **half).live(65, 85, **whole)
    assert [end for end, segment in of.bad(check) if segment is None] == [70, 75, 80, 85]


def test_accepting_one_change_leaves_the_others_bad():
    fault = {"duplicates": 0.25, "slower": 4.0}
    of = Live().live(0, BEGINS).live(BEGINS, 100, **fault)
    of.accept(110, Acceptance(check="latency", by="alice"))
    of.live(100, 200, **fault)
    assert max(end for end, _ in of.bad("latency")) == 110
    assert max(end for end, _ in of.bad("duplicates")) == 200


def test_what_is_accepted_in_one_segment_stays_bad_in_the_others():
    of = Live().live(0, BEGINS).live(BEGINS, 100, slower=4.0)
    of.accept(110, Acceptance(check="latency", segment="origin=0", by="alice"))
    of.live(100, 200, slower=4.0)
    after = {segment for end, segment in of.bad("latency") if end > 110}
    assert after == {None, "origin=1"}
    assert [each for _, each in of.accepted()] == [Accepted("latency", "origin=0", None, "alice")]


def test_the_window_that_the_beginning_of_the_stream_cuts_is_neither_judged_nor_learned():
    of = Live().live(4, 5, n=30).live(5, 120)
    assert of.bad("volume") == []


def test_the_rows_of_the_reference_say_nothing_about_traffic():
    for per_minute in (1, 4000):
        assert Live(rows_per_min=per_minute).live(3, 120).bad("volume") == []


def test_a_loss_in_one_segment_and_its_silence_are_told_for_the_segment():
    less = Live().live(0, 150).live(150, 220, parts=(9, 1), n=110)
    assert {segment for _, segment in less.bad("volume")} == {"origin=0", "origin=1"}
    gone = Live().live(0, 150).live(150, 220, parts=(1,))
    assert {segment for _, segment in gone.bad("volume")} >= {"origin=1"}
    assert gone.bad("volume")[0][0] <= 170


def test_a_rollout_of_a_version_is_no_change_of_traffic():
    of = Live().live(0, 100).live(100, 130, versions=("1", "2")).live(130, 200, versions=("2",))
    assert of.bad("volume") == []


def test_after_a_long_gap_the_first_window_is_not_judged():
    of = Live().live(0, 100).live(147, 200)
    assert of.bad("volume") == []


def test_windows_that_close_by_rows_have_no_traffic():
    windows = {"pane": "PT1M", "size": "PT5M", "lateness": "PT0S", "rows": 300}
    assert Live(windows=windows).live(0, 60).live(60, 120, n=10).bad("volume") == []


def test_rolling_windows_are_judged_once_for_each_span():
    windows = {"pane": "PT1M", "size": "PT5M", "every": "PT1M", "lateness": "PT0S"}
    of = Live(windows=windows).live(0, 100).live(100, 130, n=30)
    assert next(end for end, segment in of.bad("volume") if segment is None) in (110, 115, 120)
    assert all(end % 5 == 0 for end, _ in of.bad("volume"))


def test_the_state_does_not_grow_while_a_fault_lasts():
    of = Live().live(0, BEGINS).live(BEGINS, 120, n=50, slower=4.0)
    before = len(of.folding.snapshot())
    of.live(120, 400, n=50, slower=4.0)
    assert len(of.folding.snapshot()) < 1.2 * before


def test_findings_without_acceptance_are_written_as_before():
    of = Live().live(0, 10)
    (first, *_) = findings(of.told)
    assert b"accepted" not in msgspec.msgpack.encode(first)
