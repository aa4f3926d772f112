"""What a checkpoint and a log say about each other, exhaustively over small logs."""

from itertools import product

import pytest

from watchkeeper.streams.fold.log_change import CHANGES, MEANINGS, LogChange, examine
from watchkeeper.streams.fold.log_state import LogMark
from watchkeeper.streams.kafka.log_facts import UNKNOWN, LogFacts

MARK = LogMark("a", 0, 100)


def _found(mark: LogMark | None, position: int | None, now: LogFacts) -> list[LogChange]:
    return examine(mark, position, now)


@pytest.mark.parametrize(
    ("mark", "position", "now"),
    [
        (MARK, 100, LogFacts("a", 0, 100)),
        (MARK, 80, LogFacts("a", 80, 120, committed=80)),
        (MARK, 100, LogFacts("", 0, 100)),  # a broker without ids
        (MARK, 100, LogFacts("a", 0, UNKNOWN)),  # a broker without exact ends
        (None, 0, LogFacts("a", 50, 100)),  # a topic that was never read, with an older checkpoint
        (None, None, LogFacts("a", 50, 100)),  # nothing was ever saved or committed
        (None, None, LogFacts("a", 0, 0, committed=0)),
        (LogMark("a", 0, 0), 0, LogFacts("a", 0, 7)),
    ],
)
def test_a_log_that_only_grows_has_not_changed(mark, position, now):
    assert _found(mark, position, now) == []


@pytest.mark.parametrize(
    ("mark", "position", "now", "expected"),
    [
        (MARK, 80, LogFacts("b", 0, 10), [LogChange("recreated", 0, 80, 100)]),
        (
            MARK,
            80,
            LogFacts("b", 0, 500),
            [LogChange("recreated", 0, 80, 100)],
        ),  # it has outgrown the old one
        (MARK, 100, LogFacts("b", 3, 9), [LogChange("recreated", 3, 100, 100)]),
        (None, 80, LogFacts("b", 0, 10), [LogChange("recreated", 0, 80, 80)]),  # an older checkpoint
        (MARK, 80, LogFacts("a", 0, 60), [LogChange("truncated", 60, 80, 100)]),
        (MARK, 80, LogFacts("a", 0, 90), [LogChange("truncated", 80, 90, 100)]),
        (MARK, 80, LogFacts("a", 95, 120), [LogChange("overtaken", 95, 80, 95)]),
        (MARK, 0, LogFacts("a", 95, 120), [LogChange("overtaken", 95, 0, 95)]),
        (MARK, 80, LogFacts("a", 0, 120, committed=110), [LogChange("checkpoint_behind", 80, refold_to=110)]),
        (
            MARK,
            80,
            LogFacts("a", 95, 120, committed=110),
            [LogChange("overtaken", 95, 80, 95), LogChange("checkpoint_behind", 95, refold_to=110)],
        ),
        (None, None, LogFacts("a", 0, 120, committed=110), [LogChange("checkpoint_lost", 110)]),
        (None, None, LogFacts("a", 0, 90, committed=110), [LogChange("checkpoint_lost", 0)]),
        (None, None, LogFacts("a", 5, 120, committed=110, compacted=True), [LogChange("checkpoint_lost", 5)]),
        (
            None,
            None,
            LogFacts("a", 115, 120, committed=110),
            [LogChange("checkpoint_lost", 110), LogChange("overtaken", 115, 110, 115)],
        ),
    ],
)
def test_each_change_is_named_with_what_is_lost_and_where_to_go_on(mark, position, now, expected):
    assert _found(mark, position, now) == expected


def test_wherever_a_log_begins_and_ends_reading_goes_on_inside_it():
    tried = set()
    for id_, known, position, start, end, committed in product(
        ("", "a", "b"), range(5), range(5), range(4), range(4), range(-1, 4)
    ):
        if position > known or start > end:
            continue
        now = LogFacts(id_, start, end, committed=committed)
        at = position
        for change in _found(LogMark("a", 0, known), position, now):
            tried.add(change.change)
            at = change.position
            assert 0 <= change.lost_from <= change.lost_to <= max(known, start), (change, now)
            assert change.refold_to <= end
        assert start <= at <= end, (position, known, now)
    assert tried == {"recreated", "truncated", "overtaken", "checkpoint_behind"}


def test_every_change_has_a_meaning():
    assert set(MEANINGS) == set(CHANGES)
