"""Which columns an alarm names."""

from collections.abc import Mapping

MEMBER = 0.05
"""Minimum evidence of a column that is named, as a share of the evidence of the strongest column.

Chosen by hand: with more, columns that share a change raise alarms of their own later (commit c66c208).
"""


def involved(evidence: Mapping[str, float]) -> set[str]:
    """Return the columns that an alarm names: those that are an alarm by themselves, or have 5 % of the most.

    Args:
        evidence: Evidence of each column, in multiples of the budget.

    >>> sorted(involved({"a": 1e6, "b": 2.0, "c": 0.5}))
    ['a', 'b']
    >>> len(involved({f"feature {number}": 0.04 for number in range(25)}))
    25
    """
    least = min(1.0, MEMBER * max(evidence.values(), default=0.0))
    return {name for name, share in evidence.items() if share >= least}
