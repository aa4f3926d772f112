"""Checks for broken data, one cause each. Every finding needs both a relevant effect and a significant test.

Each check is a module with a function `check(case, feature)`, or `check(case)` for a property of whole rows.
It returns a finding or None. A check that needs more than a window and a past has a function `applies(case)`.
"""

from watchkeeper.detectors.checks.quality import (
    category_renamed,
    duplicates,
    latency,
    missing,
    out_of_range,
    output,
    stuck,
    unit_change,
    unseen_category,
    wrong_type,
)
from watchkeeper.detectors.checks.quality.proportions import rise_p_value
from watchkeeper.detectors.checks.quality.share_rise import RowShare, is_rising, past_shares, share_rise
from watchkeeper.detectors.checks.quality.units import CONVERSIONS, Conversion, conversions_for

__all__ = [
    "CONVERSIONS",
    "Conversion",
    "RowShare",
    "category_renamed",
    "conversions_for",
    "duplicates",
    "is_rising",
    "latency",
    "missing",
    "out_of_range",
    "output",
    "past_shares",
    "rise_p_value",
    "share_rise",
    "stuck",
    "unit_change",
    "unseen_category",
    "wrong_type",
]
