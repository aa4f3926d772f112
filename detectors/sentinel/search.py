"""The search for a change in the rows of a table, from one reference on."""

from collections.abc import Sequence, Set

import numpy as np

from watchkeeper.detectors.engine.bank import State
from watchkeeper.detectors.engine.bet_pool import BetPool
from watchkeeper.detectors.engine.group import grouped, silence, silenced
from watchkeeper.detectors.sentinel import attribution
from watchkeeper.detectors.sentinel.attribution import ColumnEvidence
from watchkeeper.detectors.sentinel.fitting import Fitted
from watchkeeper.detectors.sentinel.history import History, cut
from watchkeeper.detectors.sentinel.joint import JOINT
from watchkeeper.detectors.tables.table import Table

BLOCK = 8
"""Number of rows that are processed together. Alarms come at the end of a block, for any split of the rows.

Chosen by hand: smaller blocks cost more time, larger ones delay every alarm.
"""
RECENT = 1024
"""Number of last rows that are kept to describe a change; the means follow older rows only.

Chosen by hand: with fewer, a slow change is learned before it is found; with more, a saved sentinel is
larger.
"""
EXPLAIN_ROWS_MIN = 32
"""Number of rows since a change that an alarm waits for, so that it can name the cause. Chosen by hand: with
fewer rows a unit change is often not named, with more every alarm of a large change comes later."""
AGE_MARGIN = 3.0
"""Difference of log likelihood at which a start of the change counts as too early: it is twenty times as
likely as any later start, because e^3 is 20."""

SavedHistory = list[tuple[list[list[list[float]]], list[list[float]]]]
"""Sums and usable rows of the last blocks of each group, as lists."""


class Search:
    """Bets on the channels of a table until they are an alarm.

    Args:
        fitted: The channels and the budget.
    """

    def __init__(self, fitted: Fitted) -> None:
        self._groups = grouped(fitted.channels, fitted.hours, fitted.budget)
        self._pool = BetPool.of([group.bank for group in self._groups])
        self._history = History(RECENT // BLOCK)

    def watch(self, rows: Table) -> tuple[int, bool]:
        """Bet on block after block, up to the first alarm.

        Args:
            rows: Rows with all watched columns; their number is a multiple of `BLOCK`.

        Returns:
            The number of rows used, and whether the alarm came.
        """
        sums = [group.sums(rows, BLOCK) for group in self._groups]
        past = self._history.leaving(sums)
        logs = [
            group.bank.growth(*seen, gone) for group, seen, gone in zip(self._groups, sums, past, strict=True)
        ]
        factors = np.exp(np.hstack([each.reshape(len(each), -1) for each in logs]))
        played, noted, raised = 0, 0, False
        while played < len(factors) and not raised:
            total = self._pool.play(factors[played], BLOCK)
            played += 1
            if total >= 1:
                self._history.add(cut(sums, noted, played))
                noted, raised = played, self._has_rows_enough()
        self._history.add(cut(sums, noted, played))
        for group, gone in zip(self._groups, cut(past, 0, played), strict=True):
            group.bank.learn(*gone)
        return played * BLOCK, raised

    def _has_rows_enough(self) -> bool:
        """Whether enough rows came since the change to describe it."""
        strongest = max(self.evidence().values(), key=lambda column: column[0])
        for group in self._groups:
            group.bank.cap()
        return self.rows_since(strongest, AGE_MARGIN) >= EXPLAIN_ROWS_MIN

    def evidence(self) -> dict[str, ColumnEvidence]:
        """Return the evidence of each column."""
        return attribution.by_column(self._groups)

    def rows_since(self, column: ColumnEvidence, margin: float = 0.0) -> int:
        """Estimate how many rows ago a column changed.

        Args:
            column: The evidence of the column.
            margin: How much less log likelihood a later start may have; the fewest rows are returned.
        """
        history = self._history.groups
        return BLOCK * attribution.blocks_since(self._groups, history, column.group, column.channel, margin)

    def start_again(self) -> None:
        """Start a new search against the same reference; the means follow the rows up to now."""
        for group, seen in zip(self._groups, self._history.groups, strict=False):
            group.bank.learn(*seen)
            group.bank.forget_evidence()
        self._history.clear()

    def silence(self, names: Set[str]) -> None:
        """Take columns out of the search.

        Args:
            names: Names of the columns.
        """
        silence(self._groups, names, silent=True)

    def watch_again(self, names: Set[str]) -> None:
        """Put silenced columns back. All numbers together come back with the last of them.

        Args:
            names: Names of columns, silenced or not.
        """
        if back := names & silenced(self._groups):
            silence(self._groups, back, silent=False)
            if not silenced(self._groups) - set(JOINT):
                silence(self._groups, set(JOINT), silent=False)
            self._history.clear()  # its rows are from the time of the change

    def save(self) -> tuple[list[State], SavedHistory]:
        """Return the states of the banks, and the last blocks of each group."""
        history = [(sums.tolist(), rows.tolist()) for sums, rows in self._history.groups]
        return [group.bank.save() for group in self._groups], history

    def load(self, banks: Sequence[State], history: SavedHistory) -> None:
        """Continue from a saved search of the same channels.

        Args:
            banks: States of the banks.
            history: The last blocks of each group.
        """
        for group, state in zip(self._groups, banks, strict=True):
            group.bank.load(state)
        self._history.groups = [(np.array(sums), np.array(rows)) for sums, rows in history]
