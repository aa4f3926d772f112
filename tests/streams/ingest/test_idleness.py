"""A subject is idle only for certain: not while the broker is down, nor by the previous worker's clock."""

from tests.streams.ingest.test_stage import NOW_MS, fold, panes, prediction, records
from watchkeeper.streams.ingest.stage import KINDS

IDLE_MS = 5_000


def _closed(ingest: object, now_ms: int) -> int:
    """Report that all topics are read to their ends; return how many panes that closes."""
    for kind in KINDS:
        ingest.caught_up(kind, now_ms)
    return len([pane for pane in panes(ingest.outputs()) if pane.segment is None])


def test_after_an_outage_idle_time_starts_again():
    ingest = fold()
    ingest.tick(NOW_MS)
    ingest.fold("predictions", records([prediction(0, 1)]), NOW_MS)
    ingest.outputs()
    for kind in KINDS:
        ingest.end_unknown(kind)
    back_ms = NOW_MS + 600_000
    assert _closed(ingest, back_ms) == 0  # publishers are about to send the events of the outage
    assert _closed(ingest, back_ms + IDLE_MS - 1) == 0
    assert _closed(ingest, back_ms + IDLE_MS) == 1


def test_after_an_outage_an_idle_partition_reports_that_only_after_the_idle_time():
    ingest = fold()
    ingest.tick(NOW_MS)
    _closed(ingest, NOW_MS)
    for kind in KINDS:
        ingest.caught_up(kind, NOW_MS + 2 * IDLE_MS)
    assert ingest.outputs() != []
    ingest.end_unknown("labels")
    for since_back_ms, reports in ((0, False), (IDLE_MS - 1, False), (IDLE_MS, True)):
        for kind in KINDS:
            ingest.caught_up(kind, NOW_MS + 600_000 + since_back_ms)
        assert (ingest.outputs() != []) == reports


def test_rows_seen_by_a_clock_that_was_ahead_do_not_keep_a_subject_busy():
    before = fold()
    before.fold("predictions", records([prediction(0, 1)]), NOW_MS + 3_600_000)
    ingest = fold()
    ingest.restore(before.snapshot())
    ingest.tick(NOW_MS)
    assert _closed(ingest, NOW_MS) == 0
    assert _closed(ingest, NOW_MS + IDLE_MS) == 1
