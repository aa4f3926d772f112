"""The engine bets on segments, too: what lasts in one is found, and what comes in bursts is no drift."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.streams.evaluate.evaluating import (
    MINUTE,
    START,
    evaluating,
    findings,
    fold,
    monitor,
    pane,
    reached,
    statistics,
    value,
)
from watchkeeper.detectors.checks import build_reference as reference
from watchkeeper.detectors.checks.budget import engine_budget_ms
from watchkeeper.detectors.engine.model import reference_model
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.state import Watched

ORIGINS = ("AMS", "BRU", "CDG", "DUS")
ROWS = 10
"""Of each origin a minute."""


class Stream:
    """Rows of four origins whose temperatures follow each other, each row a share of the one before."""

    def __init__(self, seed, follows=0.0):
        self.rng = np.random.default_rng(seed)
        self.follows = follows
        self.last = self.rng.normal(size=len(ORIGINS))

    def minutes(self, count, warmer=0.0):
        temps = np.empty((count * ROWS, len(ORIGINS)))
        for i, news in enumerate(self.rng.normal(size=temps.shape)):
            self.last = self.follows * self.last + np.sqrt(1 - self.follows**2) * news
            temps[i] = 50 + 10 * self.last
        temps[:, 0] += warmer  # in AMS alone
        n = temps.size
        sky = self.rng.choice(["clear", "rain"], n).tolist()
        return Columns(n, temps.reshape(1, -1), [sky], scores=self.rng.random(n))


def watched(stream, minutes=500, **changes):
    of = monitor(**changes)
    origins = list(ORIGINS) * (minutes * ROWS)
    times_ms = START - (minutes - np.repeat(np.arange(minutes), ROWS * len(ORIGINS))) * float(MINUTE)
    built = reference.build_reference(
        of, stream.minutes(minutes), {"origin": origins}, built_at_ms=7, times_ms=times_ms
    )
    return Watched(of, {None: built})


def panes(of, columns, at_min):
    layout, start_ms = of.layout("1"), START + at_min * MINUTE
    for i, segment in enumerate((None, *(f"origin={name}" for name in ORIGINS))):
        profile = RowsProfile.empty(layout)
        profile.add(columns if i == 0 else columns.take(np.arange(i - 1, columns.rows, len(ORIGINS))))
        profile.see_times(start_ms, start_ms + MINUTE - 1)
        yield pane(of, "1", segment, "predictions", start_ms, layout.id, profile.rows, profile.encode())


def live(folding, of, stream, start, end, warmer=0.0):
    told = []
    for at_min in range(start, end):
        columns = stream.minutes(1, warmer)
        told += fold(folding, *panes(of, columns, at_min), *[reached(i, at_min + 1) for i in range(2)])
    return told


def drifting(told):
    return [
        (window.window_end_ms, each.segment, each.feature)
        for window in findings(told)
        for each in window.findings
        if (each.check, each.state) == ("drift", "bad")
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_change_that_lasts_in_one_segment_is_found_in_it_alone(seed):
    stream = Stream(seed)
    of = watched(stream)
    folding = evaluating(of)
    assert drifting(live(folding, of, stream, 0, 100)) == []
    told = live(folding, of, stream, 100, 200, warmer=6.0)  # of 50 rows a window; they vary by 10
    found = drifting(told)
    assert {segment for _, segment, _ in found} == {"origin=AMS"}
    assert {feature for _, _, feature in found} == {"temp"}
    assert len(found) >= 5  # of 20 windows; windows by themselves told one or two
    assert found[0][0] <= START + 130 * MINUTE
    alarms = [
        each.evidence["detector_alarms_ms"]
        for window in findings(told)
        for each in window.findings
        if (each.check, each.segment, each.state) == ("drift", "origin=AMS", "bad")
    ]
    assert all(START + 100 * MINUTE < alarm["engine"] <= START + 200 * MINUTE for alarm in alarms)


def test_rows_that_follow_each_other_as_in_the_reference_are_no_drift_of_a_segment():
    by_windows_alone = 0
    for seed in (1, 2, 3, 4):
        stream = Stream(seed, follows=0.98)
        of = watched(stream, minutes=150)
        assert drifting(live(evaluating(of), of, stream, 0, 150)) == []
        alone = Watched(of.monitor, {None: without_segments(of.references[None])})
        by_windows_alone += len(drifting(live(evaluating(alone), alone, stream, 0, 150)))
    assert by_windows_alone >= 4


def without_segments(built):
    """Take away what the engine knows of segments."""
    model = reference_model(built)
    model.segments = {}
    return msgspec.structs.replace(built, engine=msgspec.msgpack.encode(model))


def test_segments_share_half_of_the_engines_budget():
    stream = Stream(4)
    of = watched(stream)
    told = live(evaluating(of), of, stream, 0, 5)
    for segment, share in [(None, 0.5), *((f"origin={name}", 0.125) for name in ORIGINS)]:
        (window,) = statistics(told, segment)
        evidence = sum(each.value for each in window.statistics if each.name == "engine_evidence")
        spent = 5 * MINUTE / engine_budget_ms(of.monitor, share)
        assert spent / 4 < evidence < 4 * spent  # the first rows say little


def test_a_dimension_that_the_monitor_no_longer_has_takes_nothing_of_the_budget():
    stream = Stream(5)
    of = watched(stream)
    of = replace(of, monitor=Monitor.model_validate({**of.monitor.model_dump(), "segments": []}))
    told = live(evaluating(of), of, stream, 0, 5)
    assert value(statistics(told, "origin=AMS")[0], "engine_evidence", "temp") is None
    evidence = sum(each.value for each in statistics(told)[0].statistics if each.name == "engine_evidence")
    spent = 5 * MINUTE / engine_budget_ms(of.monitor)
    assert spent / 4 < evidence < 4 * spent


def test_the_largest_segments_are_bet_on_as_far_as_there_is_room(monkeypatch):
    built = watched(Stream(6), minutes=100).references[None]  # 1,000 rows of each: just enough
    assert len(reference_model(built).segments) == len(ORIGINS)
    assert reference_model(watched(Stream(6), minutes=99).references[None]).segments == {}
    monkeypatch.setattr(reference, "MODELS_MAX", 3)
    assert len(reference_model(watched(Stream(6)).references[None]).segments) == 3
    size = len(msgspec.msgpack.encode(reference_model(built).segments["origin=AMS"]))
    monkeypatch.setattr(reference, "MODELS_BYTES", 2.5 * size)
    assert len(reference_model(watched(Stream(6)).references[None]).segments) == 2
