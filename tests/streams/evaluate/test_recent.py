import numpy as np

from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.references import Binning, NumberBinning
from watchkeeper.streams.evaluate.recent import SEGMENTS_MAX, WINDOWS, Recent

LAYOUT = Layout(Binning({"x": NumberBinning((0.0,))}, {}))


def span(value, rows=10):
    profile = RowsProfile.empty(LAYOUT)
    profile.add(Columns(rows, np.full((1, rows), float(value)), []))
    return {"": profile}


def test_nothing_is_known_at_first():
    assert Recent().profile("", LAYOUT) is None


def test_the_past_is_one_to_two_generations_of_windows():
    recent, known = Recent(), []
    for n in range(20):
        recent.add(span(n), 60, 60)
        past = recent.profile("", LAYOUT)
        known.append((past.spans.count, past.number("x").lowest))
    assert known[:4] == [(1, 0), (2, 0), (3, 0), (4, 0)]
    assert [spans for spans, _ in known[7:12]] == [8, 5, 6, 7, 8]
    assert [lowest for _, lowest in known[7:13]] == [0, 4, 4, 4, 4, 8]


def test_small_spans_of_rolling_windows_count_as_the_time_they_are():
    recent = Recent()
    for n in range(30):
        recent.add(span(n), 10, 60)
    assert WINDOWS * 6 <= recent.profile("", LAYOUT).spans.count <= 2 * WINDOWS * 6


def test_each_span_is_told_apart():
    recent = Recent()
    recent.add(span(1, rows=3), 60, 60)
    recent.add(span(2, rows=8), 60, 60)
    spans = recent.profile("", LAYOUT).spans
    assert (spans.count, spans.rows_min, spans.rows_max, spans.constant) == (2, 3, 8, {"x": 2})


def test_a_segment_that_pauses_keeps_its_past():
    recent = Recent()
    recent.add(span(1) | {"origin=EWR": span(7)[""]}, 60, 60)
    for n in range(30):
        recent.add(span(n), 60, 60)
    assert recent.profile("origin=EWR", LAYOUT).number("x").lowest == 7
    assert recent.size_bytes > 0


def test_segments_that_come_and_go_do_not_fill_the_memory():
    recent = Recent()
    recent.add(span(1), 60, 60)
    for n in range(3 * SEGMENTS_MAX):
        recent.add({"origin=EWR": span(2)[""], f"device={n}": span(n)[""]}, 60, 60)
    assert len(recent.segments) <= SEGMENTS_MAX + 2
    kept = [
        recent.profile(name, LAYOUT) is not None for name in ("", "origin=EWR", f"device={n}", "device=0")
    ]
    assert kept == [True, True, True, False]
