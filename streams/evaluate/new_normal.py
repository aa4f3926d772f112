"""Decides which windows may become recent windows, the baseline of abrupt faults.

A window with a fault never does, until the owner accepts the changed state as the new normal, or it has
lasted as long as the monitor states. Drift is judged against the reference, not against the recent windows.
So drifting windows are kept out only for a while: a fault that begins within a window may show only as drift
until the next one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Accepted, Check, Finding
from watchkeeper.schemas.revisions import Acceptance
from watchkeeper.streams.evaluate.judgement import SERVING, WindowJudgement
from watchkeeper.streams.evaluate.traffic import BY_MONITOR
from watchkeeper.streams.evaluate.window_rules import WindowRules
from watchkeeper.streams.evaluate.windows import ALL

WINDOWS = 8
"""Number of consecutive windows after which drifting windows become recent windows. Chosen by hand: a larger
number keeps a fault out of the baseline for longer, and leaves the baseline older."""
_DRIFT = "drift in "
"""Marks a streak of drift. No segment begins like this, because names of features have no spaces."""


class NewNormal(NamedTuple):
    """A finding whose state is normal from this window on."""

    check: Check
    segment: str
    feature: str | None
    by: str

    def as_data(self) -> Accepted:
        """Return it as it is published."""
        return Accepted(self.check, self.segment or None, self.feature, self.by)

    def covers(self, finding: Finding) -> bool:
        """Return whether it is about this finding."""
        return (finding.check, finding.segment or ALL, finding.feature) == self[:3]


def longer_streaks(streaks: Mapping[str, int], judgement: WindowJudgement) -> dict[str, int]:
    """Count consecutive windows with each fault of serving, and with drift, by segment."""
    names = {_DRIFT + segment for segment in judgement.drifting}
    names |= {_streak(each) for each in judgement.findings if each.state == "bad" and each.check in SERVING}
    return {name: streaks.get(name, 0) + 1 for name in names}


def not_yet_normal(streaks: Mapping[str, int], windows: int) -> set[str]:
    """Return the segments that have drifted for at most this many windows.

    >>> sorted(not_yet_normal({"latency in country=NL": 9, "drift in country=BE": 1, "drift in ": 9}, 8))
    ['country=BE']
    """
    drifting = {name: streak for name, streak in streaks.items() if name.startswith(_DRIFT)}
    return {name.removeprefix(_DRIFT) for name, streak in drifting.items() if streak <= windows}


def accepted(
    streaks: Mapping[str, int], judgement: WindowJudgement, stated: Sequence[Acceptance], rules: WindowRules
) -> list[NewNormal]:
    """Return the findings that are the new normal: those that the owner accepts, and those that have lasted.

    Args:
        streaks: The number of consecutive bad windows of each fault.
        judgement: The judgement on the window.
        stated: What the owner accepts from this window on.
        rules: The rules in force, which state after how long a change is normal.
    """
    after = rules.monitor.sensitivity.new_normal_after
    found = []
    for each in judgement.findings:
        if each.state != "bad":
            continue
        by = next((one.by for one in stated if _accepts(one, each)), None)
        lasted_ms = streaks.get(_streak(each), 0) * rules.spans.every_ms
        if by is None and after is not None and lasted_ms >= milliseconds(after):
            by = BY_MONITOR
        if by is not None:
            found.append(NewNormal(each.check, each.segment or ALL, each.feature, by))
    return found


def without(judgement: WindowJudgement, gone: Iterable[NewNormal]) -> WindowJudgement:
    """Return a judgement without the findings that are normal now."""
    gone = list(gone)
    if not gone:
        return judgement
    judged = {
        segment: each._replace(
            findings=[one for one in each.findings if not any(normal.covers(one) for normal in gone)]
        )
        for segment, each in judgement.judged.items()
    }
    return judgement._replace(judged=judged)


def _accepts(acceptance: Acceptance, finding: Finding) -> bool:
    segment, feature = acceptance.segment, acceptance.feature
    return (
        acceptance.check == finding.check
        and segment in (None, finding.segment)
        and feature in (None, finding.feature)
    )


def _streak(finding: Finding) -> str:
    return f"{finding.check} in {finding.segment or ALL}"
