"""Far fewer or far more events than in any recent window."""

from datetime import timedelta
from math import gcd

from scipy.special import gammainc, gammaincc

from detectors import wording
from detectors.case import Case
from schemas.findings import Finding
from schemas.monitors import Windows

_FACTOR = 5.0
_SPANS_MIN = 3


def applies(case: Case) -> bool:
    """Whether there are enough recent windows, and windows close by time."""
    recent = case.recent
    return recent is not None and recent.spans >= _SPANS_MIN and case.monitor.windows.rows is None


def check(case: Case) -> Finding | None:
    """Find a window with a fifth of the rows of the smallest recent one, or five times those of the largest.

    Chance is ruled out by a Poisson test against that window, so that few rows, where a fifth is nothing
    unusual, do not count.
    """
    recent, rows = case.recent, case.window.rows
    if recent is None or not applies(case):
        return None
    spans = _spans_per_window(case.monitor.windows)
    fewest, most = recent.rows_min * spans, recent.rows_max * spans
    if rows * _FACTOR < fewest:
        return _finding(case, "fewer", fewest, float(gammaincc(rows + 1, fewest)))
    if rows > most * _FACTOR:
        return _finding(case, "more", most, float(gammainc(rows, most)))
    return None


def _spans_per_window(windows: Windows) -> int:
    """Count the spans that recent windows are remembered by in one window: 1 where windows do not overlap."""
    second = timedelta(milliseconds=1)
    size, every = windows.size // second, (windows.every or windows.size) // second
    return size // gcd(size, every)


def _finding(case: Case, how: str, usual: int, p_value: float) -> Finding | None:
    if p_value > case.monitor.sensitivity.p_value:
        return None
    rows, least = case.window.rows, "fewest" if how == "fewer" else "most"
    return Finding(
        check="volume",
        state="bad",
        explanation=f"{case.where}{rows} rows came, far {how} than the {least} of recent windows, {usual}.",
        value=float(rows),
        threshold=usual / _FACTOR if how == "fewer" else usual * _FACTOR,
        p_value=p_value,
        segment=case.segment,
        evidence={"rows": rows, f"{least}_in_recent_windows": usual, "ratio": wording.tidy(rows / usual)},
    )
