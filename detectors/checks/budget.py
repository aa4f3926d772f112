"""Divides the owner's budget of false pages among the tests of windows and the engine."""

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor

_OF_WINDOWS = 0.5
"""Share of the budget for the tests of closed windows. The engine gets the rest, half for rows and half for
labels. Chosen by hand: a larger share detects sudden faults earlier and slow ones later."""
_CHECKS = 10
"""Number of kinds of checks of a window, among which its budget is divided equally."""
LEVEL_MAX = 1e-4
"""The largest level of a test, for windows of any length. Chosen by hand: rows of a window depend on each
other, so a larger level detects smaller faults and raises more false pages than it states."""


def level(monitor: Monitor) -> float:
    """Give the significance level of one kind of check in one window, for all features together.

    Half of the budget is divided equally among the windows of its period, the kinds of checks, and all rows
    and the segment dimensions. `sensitivity.p_value` overrides it.

    Args:
        monitor: The monitor, which states the budget.

    Returns:
        The level, a probability.

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
    """Give the mean time to a false alarm of the engine in milliseconds, for rows and for labels each.

    Args:
        monitor: The monitor, which states the budget.
        share: The share of this budget, 0 to 1, for bets on a part of the rows, such as a segment.
    """
    each = (1 - _OF_WINDOWS) / 2 * monitor.false_pages.at_most * share
    return milliseconds(monitor.false_pages.per) / each
