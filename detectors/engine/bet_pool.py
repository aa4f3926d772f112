"""The bets of several banks in one vector, so that one operation updates all of them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats


class Pooled(Protocol):
    """A bank, as far as a pool knows it."""

    @property
    def wealth(self) -> Floats:
        """Wealth of its bets."""

    def join(self, pool: "BetPool", place: slice) -> None:
        """Keep wealth and weights in a pool.

        Args:
            pool: The pool.
            place: The bank's part of the pool.
        """


class BetPool:
    """Wealth and weights of the bets of one or several banks.

    Args:
        bets: Number of bets.
    """

    def __init__(self, bets: int) -> None:
        self.wealth, self.weights = np.zeros(bets), np.zeros(bets)

    @classmethod
    def of(cls, banks: Sequence[Pooled]) -> "BetPool":
        """Move the bets of banks into one pool.

        Args:
            banks: At least one bank.
        """
        ends = np.cumsum([bank.wealth.size for bank in banks]).tolist()
        pool = cls(ends[-1])
        for bank, end in zip(banks, ends, strict=True):
            bank.join(pool, slice(end - bank.wealth.size, end))
        return pool

    def play(self, factors: Floats, rows: float) -> float:
        """Update all bets with one block and return the evidence of all columns: 1 or more is an alarm.

        Args:
            factors: L of every bet (see `detectors/engine/bank.py`), bank after bank, of shape (bets,).
            rows: Number of rows that came, usable or not; or the milliseconds that the block spans.

        >>> pool = BetPool(2)
        >>> pool.weights[:] = 0.5, 0.25
        >>> pool.play(np.array([2.0, 1.0]), 8)  # 0.5 * 16 + 0.25 * 8
        10.0
        """
        self.wealth += rows
        self.wealth *= factors
        return float(self.wealth @ self.weights)
