"""What is in force at a time, compared with a search through all changes."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.schemas.times import BEGINNING_MS, END_MS
from watchkeeper.streams.config.timeline import Revision, Timeline
from watchkeeper.streams.ingest.spans import PaneDurations, PaneGrid

SEEN: Counter[str] = Counter()
# Few distinct values, so that changes fall together and times fall on changes.
times = st.one_of(st.integers(-5, 30), st.sampled_from([BEGINNING_MS, 2**53, END_MS]))
changes = st.lists(st.integers(0, 25), max_size=5).map(
    lambda starts: [(start, f"v{number}") for number, start in enumerate(sorted(starts), 1)]
)


def in_force(known: list[tuple[int, str]], time_ms: int) -> str:
    """Return the value at a time: the last one whose change is not after it."""
    found = "v0"
    for from_ms, value in known:
        if from_ms <= time_ms:
            found = value
    return found


def at(known: list[tuple[int, str]], asked: list[int]) -> list[str]:
    timeline = Timeline("v0", *known)
    return [timeline.at(time_ms) for time_ms in asked]


def at_by_revision(known: list[tuple[int, str]], asked: list[int]) -> list[str]:
    timeline = Timeline("v0", *known)
    return [timeline.revision(time_ms).value for time_ms in asked]


def at_by_runs(known: list[tuple[int, str]], asked: list[int]) -> list[str]:
    runs = Timeline("v0", *known).runs(np.array(asked, dtype=np.int64))
    assert [run.start for _, run in runs] == [0, *(run.stop for _, run in runs[:-1])]
    assert all(before != after for (before, _), (after, _) in pairwise(runs))
    return [value for value, run in runs for _ in asked[run]]


def at_by_indices(known: list[tuple[int, str]], asked: list[int]) -> list[str]:
    timeline = Timeline("v0", *known)
    indices = timeline.indices(np.array(asked, dtype=np.int64))
    return [timeline.history[index] for index in np.broadcast_to(indices, len(asked))]


def at_by_map(known: list[tuple[int, str]], asked: list[int]) -> list[str]:
    mapped = Timeline("v0", *known).map(lambda revision: (revision.value, revision.from_ms))
    return [mapped.at(time_ms)[0] for time_ms in asked]


WAYS = [at, at_by_revision, at_by_runs, at_by_indices, at_by_map]
Way = Callable[[list[tuple[int, str]], list[int]], list[str]]


@pytest.mark.parametrize("way", WAYS)
@given(known=changes, asked=st.lists(times, max_size=12))
def test_every_way_finds_what_a_search_finds(
    way: Way, known: list[tuple[int, str]], asked: list[int]
) -> None:
    expected = [in_force(known, time_ms) for time_ms in asked]
    assert way(known, asked) == expected
    starts = [from_ms for from_ms, _ in known]
    SEEN["no change"] += not known
    SEEN["two changes at a time"] += len(set(starts)) < len(starts)
    SEEN["a time of a change"] += bool(set(starts) & set(asked))
    SEEN["one value for all"] += len(known) > 0 and len(set(expected)) == 1
    SEEN["three values or more"] += len(set(expected)) > 2
    SEEN["values that come again"] += len(set(expected)) < sum(
        one != other for one, other in pairwise(expected)
    )


def test_that_was_not_vacuous() -> None:
    if not SEEN:
        pytest.skip("the other tests of this file did not run")
    assert len(SEEN) == 6
    assert min(SEEN.values()) > 5, SEEN


def strictly_after(known: list[tuple[int, str]], asked: list[int]) -> list[str]:
    """Search wrongly: a change counts only after its time."""
    return at([(from_ms + 1, value) for from_ms, value in known], asked)


def without_the_second_at_a_time(known: list[tuple[int, str]], asked: list[int]) -> list[str]:
    """Search wrongly: of two changes at the same time the first one counts."""
    return at(list({from_ms: (from_ms, value) for from_ms, value in reversed(known)}.values())[::-1], asked)


def only_the_last_change(known: list[tuple[int, str]], asked: list[int]) -> list[str]:
    """Search wrongly: only what was applied last, and what was there before all changes, is known."""
    return at(known[-1:], asked)


@pytest.mark.parametrize("wrong", [strictly_after, without_the_second_at_a_time, only_the_last_change])
def test_a_wrong_search_is_found(wrong: Way) -> None:
    @given(known=changes, asked=st.lists(times, max_size=12))
    def compare(known: list[tuple[int, str]], asked: list[int]) -> None:
        assert wrong(known, asked) == [in_force(known, time_ms) for time_ms in asked]

    with pytest.raises(AssertionError):
        compare()


def test_revisions_cover_all_times_without_gap() -> None:
    timeline = Timeline("a", (10, "b"), (10, "c"), (30, "d"))
    bounds = [BEGINNING_MS, 10, 10, 30, END_MS]
    assert timeline.revisions == tuple(
        Revision(value, *between) for value, between in zip("abcd", pairwise(bounds), strict=True)
    )
    assert timeline.history == ("a", "b", "c", "d")
    assert timeline.latest == "d"
    assert repr(timeline) == "Timeline('a', (10, 'b'), (10, 'c'), (30, 'd'))"


def test_two_are_equal_if_they_change_to_the_same_at_the_same_time() -> None:
    timeline = Timeline("a", (10, "b"))
    assert timeline == Timeline("a", (10, "b"))
    assert timeline != Timeline("a", (11, "b"))
    assert timeline != Timeline("a", (10, "c"))
    assert timeline != Timeline("a")
    assert timeline != "a"


def test_changes_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="in the order of their times"):
        Timeline("a", (10, "b"), (9, "c"))


@given(
    first=st.tuples(st.integers(1, 6), st.integers(0, 20)),
    second=st.tuples(st.integers(1, 6), st.integers(0, 20)),
    panes=st.integers(0, 4),
    asked=st.lists(st.integers(0, 200), min_size=1, max_size=12),
)
def test_a_pane_follows_the_durations_at_its_start(
    first: tuple[int, int], second: tuple[int, int], panes: int, asked: list[int]
) -> None:
    change_ms = panes * first[0] * second[0]
    old, new = PaneDurations(*first, 0), PaneDurations(*second, 0)
    grid = PaneGrid(Timeline(old, (change_ms, new)))
    at = np.array(asked, dtype=np.int64)
    spans = [new if time_ms >= change_ms else old for time_ms in asked]
    starts = [time_ms // each.pane_ms * each.pane_ms for time_ms, each in zip(asked, spans, strict=True)]
    assert grid.starts(at).tolist() == starts
    found = np.array(starts, dtype=np.int64)
    ends = [start + each.pane_ms for start, each in zip(starts, spans, strict=True)]
    assert grid.ends(found).tolist() == ends
    due = [end + each.lateness_ms for end, each in zip(ends, spans, strict=True)]
    assert grid.due(found).tolist() == due
    assert [each.due_ms(time_ms) for time_ms, each in zip(asked, spans, strict=True)] == due
    for reached_ms in asked:
        # The last pane that is due, if there is one: panes of the old durations are due first.
        closed_ms = grid.closed_to(reached_ms)
        before = reached_ms - old.lateness_ms < change_ms
        expected = old if before else new
        least = (reached_ms - expected.lateness_ms) // expected.pane_ms * expected.pane_ms
        assert closed_ms == (least if before else max(least, change_ms))
