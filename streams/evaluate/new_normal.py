"""What is not as usual stays out of the recent past, until it has lasted long enough to be a new normal."""

from collections.abc import Mapping

from watchkeeper.streams.evaluate.judgement import Verdict

WINDOWS = 8
"""So long, in windows that follow each other."""
_DRIFT = "drift in "
"""Before a segment; no segment is named so, as names of features have no spaces."""


def longer(streaks: Mapping[str, int], verdict: Verdict) -> dict[str, int]:
    """Count windows in a row with unusual traffic, and with drift, by segment.

    Drift is among it because what begins within a window may be a fault that only the next one shows whole.
    """
    names = verdict.unusual | {_DRIFT + segment for segment in verdict.drifting}
    return {name: streaks.get(name, 0) + 1 for name in names}


def not_yet_normal(streaks: Mapping[str, int], windows: int) -> set[str]:
    """Name the segments in which something has lasted for so many windows at most.

    >>> sorted(not_yet_normal({"country=NL": 8, "drift in country=BE": 1, "": 9}, 8))
    ['country=BE', 'country=NL']
    """
    return {name.removeprefix(_DRIFT) for name, streak in streaks.items() if streak <= windows}
