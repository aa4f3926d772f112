"""What judging one window gives."""

from typing import NamedTuple

from watchkeeper.schemas.findings import Check, Finding
from watchkeeper.schemas.statistics import Statistic


class Judgement(NamedTuple):
    """The numbers of a window, what is not ok, and what was looked at."""

    statistics: list[Statistic]
    findings: list[Finding]
    checked: list[Check]
    """The checks made; one that has no finding is ok. What could not be made at all is not among them."""
    rising: bool = False
    """Whether more values are broken than ever, be it fewer than count as a fault."""


def no_data(check: Check, explanation: str, segment: str | None) -> Finding:
    """Say that a check can't be made: neither ok nor bad."""
    return Finding(check=check, state="no_data", explanation=explanation, segment=segment)
