"""The sums of the last blocks of rows, from which the start of a change is estimated."""

from collections.abc import Sequence

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats

Sums = tuple[Floats, Floats]
"""Sums of scores, of shape (blocks, channels, scores), and usable rows, of shape (blocks, channels)."""


class History:
    """The last blocks of each group of channels.

    The means of a bank follow only blocks that leave the history, so the engine does not learn a change while
    it looks for it.

    Args:
        blocks_max: Number of blocks that are kept.

    >>> history, ones = History(2), (np.ones((3, 1, 1)), np.ones((3, 1)))
    >>> [(sums, rows)] = history.leaving([ones])
    >>> rows.ravel().tolist()  # the third block displaces the first
    [0.0, 0.0, 1.0]
    >>> history.add([ones])
    >>> len(history)
    2
    """

    def __init__(self, blocks_max: int) -> None:
        self._blocks_max = blocks_max
        self.groups: list[Sums] = []
        """The blocks of each group, oldest first."""

    def __len__(self) -> int:
        return len(self.groups[0][0]) if self.groups else 0

    def leaving(self, new: Sequence[Sums]) -> list[Sums]:
        """Return the block that each new block displaces; zeros while there is room.

        Args:
            new: New blocks of each group.
        """
        room = self._blocks_max - len(self)
        count = len(new[0][0]) if new else 0
        return [(_late(sums, room, count), _late(rows, room, count)) for sums, rows in self._then(new)]

    def add(self, new: Sequence[Sums]) -> None:
        """Add new blocks and drop the oldest.

        Args:
            new: New blocks of each group.
        """
        self.groups = cut(self._then(new), -self._blocks_max, None)

    def clear(self) -> None:
        """Drop all blocks."""
        self.groups = []

    def _then(self, new: Sequence[Sums]) -> list[Sums]:
        """Return the blocks, then the new ones."""
        if not self.groups:
            return list(new)
        return [
            (np.concatenate((sums, more)), np.concatenate((rows, others)))
            for (sums, rows), (more, others) in zip(self.groups, new, strict=True)
        ]


def cut(groups: Sequence[Sums], start: int, end: int | None) -> list[Sums]:
    """Return blocks of each group by position.

    Args:
        groups: Blocks of each group.
        start: First block; negative: counted from the end.
        end: Block after the last; None: up to the end.
    """
    return [(sums[start:end], rows[start:end]) for sums, rows in groups]


def _late(blocks: Floats, room: int, count: int) -> Floats:
    """Return zeros while there is room, then the first blocks."""
    late = np.zeros((count, *blocks.shape[1:]))
    late[room:] = blocks[: max(0, count - room)]
    return late
