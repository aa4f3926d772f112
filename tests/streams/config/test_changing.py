"""When a change takes effect, and which earlier revisions are kept."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.revisions import MonitorRecord, MonitorRevision
from watchkeeper.streams.config.changing import MARGIN_MS, Start, next_start, start_at_or_after, with_revision
from watchkeeper.streams.config.state import Configuration
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.evaluate.windows import WindowDurations

HOUR = 3_600_000
NOW = 1_795_435_200_000 + 90_000
"""A whole hour and a half minute."""


def monitor(team: str = "a", window: str | None = None, **windows: Any) -> Monitor:
    document = {
        "model": "m",
        "owner": {"team": team},
        "task": "regression",
        "features": {"x": {"type": "number"}},
    }
    return Monitor.model_validate(document | {"windows": windows, "labels": {"window": window}})


@pytest.mark.parametrize(
    ("before", "after", "after_ms"),
    [
        (monitor(), monitor("b"), HOUR),
        (monitor(size="PT15M"), monitor(size="PT20M"), HOUR),
        (monitor(size="PT1H", every="PT10M"), monitor(size="PT1H", every="PT15M"), HOUR // 2),
        (monitor(window="P1D"), monitor(), 24 * HOUR),
    ],
)
def test_a_change_waits_for_an_end_of_windows_of_before_and_of_after(
    before: Monitor, after: Monitor, after_ms: int
) -> None:
    start = next_start(before, after, NOW)
    assert start.cuts == ()
    assert start.at_ms >= NOW + MARGIN_MS
    assert start.at_ms == -(-NOW // after_ms) * after_ms
    for each in (before, after):
        assert start.at_ms % WindowDurations.of(each, "predictions").every_ms == 0


def test_long_windows_of_labels_are_cut_rather_than_waited_for() -> None:
    start = next_start(monitor(window="P30D"), monitor("b", window="P30D"), NOW)
    assert start.cuts == ("labels.window",)
    assert start.at_ms - NOW <= HOUR


def test_windows_without_a_common_end_in_a_week_are_cut_between_panes() -> None:
    before, after = monitor(pane="PT7M", size="PT49H"), monitor(pane="PT11M", size="PT121H")
    start = next_start(before, after, NOW)
    assert start.cuts == ("windows", "labels.window")
    assert start.at_ms % (77 * 60_000) == 0


def test_a_stated_time_is_rounded_up_to_the_end_of_a_pane() -> None:
    assert start_at_or_after(monitor(), monitor(), 7 * HOUR + 1) == Start(
        7 * HOUR + 300_000, ("windows", "labels.window")
    )
    assert start_at_or_after(monitor(), monitor(), 7 * HOUR) == Start(7 * HOUR)
    with pytest.raises(UserError, match="before the year 10000"):
        start_at_or_after(
            monitor(pane="P999999D", size="P999999D"), monitor(pane="P999998D", size="P999998D"), NOW
        )


def revision(number: int, at_ms: int | None, team: str | None = None) -> MonitorRevision:
    return MonitorRevision(revision=number, takes_effect_at_ms=at_ms, monitor=monitor(team or f"t{number}"))


def test_a_change_that_is_still_to_come_gives_way() -> None:
    first, pending = revision(1, None), revision(2, NOW + HOUR)
    new = revision(3, NOW + 2 * HOUR)
    assert with_revision([first, pending], new, NOW) == [first, new]
    assert with_revision([first, revision(2, NOW + 5_000)], new, NOW) == [
        first,
        revision(2, NOW + 5_000),
        new,
    ]
    assert with_revision([first, pending], revision(3, NOW + 2 * HOUR, "t1"), NOW) == [first]


def test_few_revisions_are_kept_and_the_oldest_stands_for_those_before() -> None:
    known = [revision(0, None)]
    for number in range(1, 30):
        known = with_revision(known, revision(number, number * HOUR), NOW)
    assert [each.revision for each in known] == list(range(20, 30))
    assert known[0].takes_effect_at_ms is None


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=4, unique=True), st.integers(1, 50))
def test_no_pane_holds_a_change_however_the_record_was_written(times: list[int], minutes: int) -> None:
    revisions = [revision(0, None)]
    revisions += [revision(i + 1, at_ms) for i, at_ms in enumerate(sorted(times))]
    after = monitor(pane=f"PT{minutes}M", size=f"PT{minutes}M")
    revisions.append(MonitorRevision(revision=9, takes_effect_at_ms=2 * 10**7, monitor=after))
    configuration = Configuration()
    configuration.learn("monitors", b"m", MonitorRecord(revisions=revisions).encode())
    watched = configuration.watched("m")
    assert watched is not None
    for earlier, later in pairwise(watched.revisions):
        assert later.from_ms >= earlier.from_ms
        assert later.from_ms % WindowDurations.of(later.value.monitor, "predictions").pane_ms == 0
        assert later.from_ms % WindowDurations.of(earlier.value.monitor, "predictions").pane_ms == 0
