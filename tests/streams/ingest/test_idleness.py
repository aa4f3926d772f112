"""Idle is what is known to be: not while the broker is away, nor by the clock of the worker before."""

from tests.streams.ingest.test_stage import NOW_MS, fold, panes, prediction, records
from watchkeeper.streams.ingest.stage import KINDS

IDLE_MS = 5_000


def _closed(ingest: object, now_ms: int) -> int:
    """Tell it that all topics are read to their ends; return how many panes that closes."""
    for kind in KINDS:
        ingest.caught_up(kind, now_ms)
    return len([pane for pane in panes(ingest.outputs()) if pane.segment is None])


def test_after_an_outage_idleness_is_counted_anew():
    ingest = fold()
    ingest.tick(NOW_MS)
    ingest.fold("predictions", records([prediction(0, 1)]), NOW_MS)
    ingest.outputs()
    for kind in KINDS:
        ingest.out_of_sight(kind)
    back_ms = NOW_MS + 600_000
    assert _closed(ingest, back_ms) == 0  # what publishers kept meanwhile is about to come
    assert _closed(ingest, back_ms + IDLE_MS - 1) == 0
    assert _closed(ingest, back_ms + IDLE_MS) == 1


def test_after_an_outage_a_partition_that_was_idle_says_so_again_only_then():
    ingest = fold()
    ingest.tick(NOW_MS)
    _closed(ingest, NOW_MS)
    for kind in KINDS:
        ingest.caught_up(kind, NOW_MS + 2 * IDLE_MS)
    assert ingest.outputs() != []
    ingest.out_of_sight("labels")
    for since_back_ms, says_so in ((0, False), (IDLE_MS - 1, False), (IDLE_MS, True)):
        for kind in KINDS:
            ingest.caught_up(kind, NOW_MS + 600_000 + since_back_ms)
        assert (ingest.outputs() != []) == says_so


def test_rows_seen_by_a_clock_that_was_ahead_do_not_keep_a_subject_busy():
    before = fold()
    before.fold("predictions", records([prediction(0, 1)]), NOW_MS + 3_600_000)
    ingest = fold()
    ingest.restore(before.snapshot())
    ingest.tick(NOW_MS)
    assert _closed(ingest, NOW_MS) == 0
    assert _closed(ingest, NOW_MS + IDLE_MS) == 1
