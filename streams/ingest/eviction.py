"""Decides whose waiting predictions are forgotten when there are too many."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Evictable(Protocol):
    """The waiting predictions of one version."""

    def __len__(self) -> int:
        """Return their number."""
        ...

    @property
    def first_offset(self) -> int | None:
        """The offset of the oldest chunk; None if there is none."""
        ...

    def forget_oldest(self) -> int:
        """Forget the oldest chunk; return its number of predictions."""
        ...


def evict(versions: Mapping[str, Sequence[Evictable]], most: int) -> dict[str, int]:
    """Forget the oldest predictions of the subjects with most, until at most `most` are left.

    The subject counts, however many versions it has: one with less than its equal part loses nothing.

    Args:
        versions: By subject, the waiting predictions of its versions.
        most: Number of predictions that may be left.

    Returns:
        The number of forgotten predictions by subject.
    """
    left = {subject: sum(map(len, each)) for subject, each in versions.items()}
    forgotten: dict[str, int] = {}
    total = sum(left.values())
    while total > most:
        subject = max(left, key=lambda name: left[name])
        offsets = [(each.first_offset, i) for i, each in enumerate(versions[subject])]
        _, oldest = min((offset, i) for offset, i in offsets if offset is not None)
        count = versions[subject][oldest].forget_oldest()
        total -= count
        left[subject] -= count
        forgotten[subject] = forgotten.get(subject, 0) + count
    return forgotten
