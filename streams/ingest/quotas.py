"""Counts by subject what went beyond its quotas. No subject takes room from another one."""

from typing import Literal, get_args

from msgspec import Struct

Quota = Literal["versions", "segments", "waiting"]
"""A bound on what one subject may use: versions and segment values with own statistics, and predictions that
wait for labels."""
QUOTAS: tuple[Quota, ...] = get_args(Quota)


class Exceeded(Struct):
    """By subject and quota, the number of rows since the first that went beyond it.

    >>> exceeded = Exceeded()
    >>> exceeded.add("risk", "versions", 3)
    >>> exceeded.add("risk", "versions", 0)
    >>> exceeded.rows
    {'risk': {'versions': 3}}
    """

    rows: dict[str, dict[Quota, int]] = {}

    def add(self, subject: str, quota: Quota, rows: int) -> None:
        """Count rows beyond a quota."""
        if rows:
            of_subject = self.rows.setdefault(subject, {})
            of_subject[quota] = of_subject.get(quota, 0) + rows
