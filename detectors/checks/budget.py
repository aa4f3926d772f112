"""How the owner's budget of false pages becomes the levels of tests and the threshold of the engine."""

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor

_OF_WINDOWS = 0.5
"""Of the budget is for tests of closed windows; the engine gives the rest half to rows and half to labels."""
_CHECKS = 10
"""Kinds of checks that are made of each window."""
LEVEL_MAX = 1e-4
"""No test has a larger level, however long windows are: rows of a window depend on each other."""


def level(monitor: Monitor) -> float:
    """Give the level of one kind of check in one window, for all features together.

    Half of the budget is shared over the windows of its time, and over the kinds of checks and the dimensions
    of segments. `sensitivity.p_value` overrides it.

    >>> from watchkeeper.schemas.monitors import Monitor
    >>> monitor = Monitor.model_validate({"feature_view": "v", "owner": {"team": "t"},
    ...     "features": {"a": {"type": "number"}}, "windows": {"pane": "PT1M", "size": "PT10M"}})
    >>> round(level(monitor), 8)  # 4320 windows of ten minutes in 30 days
    1.157e-05
    """
    stated = monitor.sensitivity.p_value
    if stated is not None:
        return stated
    windows = monitor.windows
    looks = monitor.false_pages.per / (windows.every or windows.size)
    tests = looks * _CHECKS * (1 + len(monitor.segments))
    return min(LEVEL_MAX, _OF_WINDOWS * monitor.false_pages.at_most / tests)


def engine_budget_ms(monitor: Monitor, share: float = 1.0) -> float:
    """Give the mean time to a false alarm that the engine keeps to, on rows and on labels each.

    What bets on a part of the rows only, as those of a segment, has a share of it.
    """
    each = (1 - _OF_WINDOWS) / 2 * monitor.false_pages.at_most * share
    return milliseconds(monitor.false_pages.per) / each
