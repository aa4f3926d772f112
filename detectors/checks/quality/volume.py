"""Finds far fewer or far more events than in any window before."""

from datetime import timedelta

from scipy.special import gammainc, gammaincc

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.budget import level
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.detectors.profiles.spans import LIMIT_SPANS_MIN, RECENT_SPANS_MIN, span_ms
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Finding

_FACTOR = 5.0
"""The smallest ratio to the extremes of the past that is a finding. Chosen by hand: smaller ratios are common
in daily traffic."""


def applies(case: Case) -> bool:
    """Whether windows close by time and their variation is known, over days or over many windows.

    Args:
        case: The window and what it is compared with.
    """
    windows = case.monitor.windows
    if case.spans is None or windows.rows is not None:
        return False
    # A quiet night is not a fault, and short windows need a day of history to show one.
    enough = RECENT_SPANS_MIN if span_ms(windows) >= milliseconds(timedelta(days=1)) else LIMIT_SPANS_MIN
    return case.spans.count >= enough


def check(case: Case) -> Finding | None:
    """Find a window with a fifth of the rows of the smallest one before, or five times those of the largest.

    A Poisson test against that window rules out chance: with few rows, a fifth is common.

    Args:
        case: The window and what it is compared with.

    Returns:
        A finding, or None.
    """
    rows = case.window.rows
    if case.spans is None or not applies(case):
        return None
    windows = case.monitor.windows
    spans = windows.size // timedelta(milliseconds=span_ms(windows))
    fewest, most = case.spans.rows_min * spans, case.spans.rows_max * spans
    if rows * _FACTOR < fewest:
        return _finding(case, "fewer", fewest, float(gammaincc(rows + 1, fewest)))
    if rows > most * _FACTOR:
        return _finding(case, "more", most, float(gammainc(rows, most)))
    return None


def _finding(case: Case, how: str, before: int, p_value: float) -> Finding | None:
    if p_value > level(case.monitor):
        return None
    rows = case.window.rows
    extreme, bound = ("fewest", "at least") if how == "fewer" else ("most", "at most")
    return Finding(
        check="volume",
        state="bad",
        explanation=(f"{case.where}{rows} rows arrived; every earlier window had {bound} {before}."),
        value=float(rows),
        threshold=before / _FACTOR if how == "fewer" else before * _FACTOR,
        p_value=p_value,
        segment=case.segment,
        evidence={"rows": rows, f"{extreme}_before": before, "ratio": wording.tidy(rows / before)},
    )
