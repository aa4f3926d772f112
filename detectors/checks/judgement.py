"""The judgement on the rows or labels of one window."""

from typing import NamedTuple

from watchkeeper.schemas.findings import Check, Finding
from watchkeeper.schemas.statistics import Statistic


class Judgement(NamedTuple):
    """The judgement on one window: its statistics, its findings and the checks that were made."""

    statistics: list[Statistic]
    """The numbers of the window."""
    findings: list[Finding]
    """The checks that are bad or have no data."""
    checked: list[Check]
    """The checks that were made. Without a finding a check is ok. Checks that do not apply are not listed."""
    rising: bool = False
    """Whether more values are broken than in any past window, even if too few for a finding."""


def no_data(check: Check, explanation: str, segment: str | None) -> Finding:
    """Return the finding of a check that lacks data: it is neither ok nor bad.

    Args:
        check: The check.
        explanation: The missing data, as a sentence.
        segment: The segment; None: all rows.
    """
    return Finding(check=check, state="no_data", explanation=explanation, segment=segment)
