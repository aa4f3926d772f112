"""Which columns an alarm names."""

from collections.abc import Mapping

MEMBER = 0.05
"""Share of the largest column's evidence from which another column is part of the alarm."""


def involved(evidence: Mapping[str, float]) -> set[str]:
    """Name those of whose change an alarm speaks: what is one by itself, or has a twentieth of the most.

    >>> sorted(involved({"a": 1e6, "b": 2.0, "c": 0.5}))
    ['a', 'b']
    >>> len(involved({f"feature {number}": 0.04 for number in range(25)}))
    25
    """
    least = min(1.0, MEMBER * max(evidence.values(), default=0.0))
    return {name for name, share in evidence.items() if share >= least}
