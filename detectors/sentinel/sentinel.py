"""The sentinel: watches a stream of rows against a reference, within a budget of false alarms."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Literal, get_args

import msgspec

from watchkeeper.detectors.engine.channel import Channel, FitOptions
from watchkeeper.detectors.sentinel import attribution, summary
from watchkeeper.detectors.sentinel.alarm import Alarm
from watchkeeper.detectors.sentinel.faults import FaultFinder, learn_faults
from watchkeeper.detectors.sentinel.fitting import Fitted, fit_channels
from watchkeeper.detectors.sentinel.joint import JOINT
from watchkeeper.detectors.sentinel.saved import SavedSentinel, SavedTable, read
from watchkeeper.detectors.sentinel.search import AGE_MARGIN, BLOCK, RECENT, Search
from watchkeeper.detectors.tables import table as tables
from watchkeeper.detectors.tables.table import Table

LEARN_MIN = 256
"""Number of rows after an alarm that are the first new reference. Chosen by hand: fewer show little
variability, more leave the stream unwatched for longer."""
_CHUNK = 64 * BLOCK
"""Number of rows that are scored together. Chosen by hand: the arrays of a chunk stay small."""
After = Literal["relearn", "hold", "restart"]
"""What a sentinel does after an alarm."""


class Sentinel:
    """Detects lasting changes in the columns of a table: numbers, categories, missing values, losses.

    The only setting is the budget: `at_most` false alarms on average in `per` rows, or in a span of time if
    the rows have times. All columns and kinds of change share it, however they depend on each other.

    The sentinel watches each column for changes of mean, spread, skew and tails (in normal scores of the
    reference's quantiles), of each category's share, and of the shares of missing and new values. It watches
    all numbers together for correlations that break. It bets on likelihood ratios (see `engine/bank.py`).

    Bursts, slow drift, and daily or weekly seasons that the reference shows are not changes. So the reference
    must be in order of time. The budget is kept if the reference is long enough to show its variability.

    What follows an alarm depends on `after`:

    - `relearn`: the next rows become the reference: 256, then twice as many, up to its former length.
    - `hold`: the columns that changed are silenced; the others are still watched.
    - `restart`: the search starts again against the same reference; a change that lasts raises more alarms.

    Build one with `fit`, `of_errors` or `load`. Cost: 0.37 us per value, 2.5 times what `orjson` takes;
    memory for the reference and 1,024 rows.

    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> def rows(n, mean):
    ...     return {"amount": rng.normal(mean, 10, n), "country": rng.choice(["NL", "DE"], n)}
    >>> sentinel = Sentinel.fit(rows(5_000, mean=50))
    >>> sentinel.update(rows(5_000, mean=50))
    []
    >>> [alarm] = sentinel.update(rows(500, mean=60))
    >>> alarm.column, alarm.moved[0].move, alarm.moved[0].rises, 4_900 < alarm.since < alarm.row < 5_100
    ('amount', 'mean', True, True)
    """

    def __init__(self, fitted: Fitted, reference: Table, after: After) -> None:
        """Start with the `fitted` channels of a reference; `after` is as in `fit`, which users call."""
        self._after: After = after
        self._rows_of_reference = reference.rows
        self.rows = 0
        """Number of rows taken in since the reference."""
        self.alarms = 0
        """Number of alarms raised."""
        self._waiting = self._recent = reference.cut(0, 0)
        self._learned: Table | None = None
        self._learn_at = LEARN_MIN
        self._search: Search | None
        self._use_reference(fitted, reference)

    @classmethod
    def fit(
        cls,
        reference: Any,
        *,
        at_most: float = 1.0,
        per: int | timedelta = 100_000,
        losses: str | Iterable[str] = (),
        time: str | None = None,
        tolerance: float = 0.0,
        after: After = "relearn",
    ) -> "Sentinel":
        """Learn what is normal from a reference.

        Args:
            reference: At least 100 rows in order of time: a table (pandas, polars, pyarrow, a dict of
                columns, a list of dicts, an array of shape (rows, columns)), or the values of one column.
                Rows with times are sorted by them.
            at_most: Number of false alarms that are allowed on average in `per`.
            per: A number of rows, or a span of time.
            losses: Columns of errors or losses, of which only a rise counts. They get half of the budget.
            time: Column of the times. Default: the only column of dates, or the index of a pandas table.
            tolerance: How far the mean of any score may move without harm, in standard deviations.
            after: What to do after an alarm: `relearn`, `hold` or `restart`.

        Raises:
            ValueError: The reference or an option cannot be used. The message gives the reason.

        >>> Sentinel.fit([1.0, 2.0, 4.0] * 100, at_most=1, per=50_000).budget_rows
        50000.0
        """
        if after not in get_args(After):
            raise ValueError(f"after must be one of {', '.join(get_args(After))}, got {after}")
        known = tables.read(reference, time).in_order()
        fitted = fit_channels(known, at_most, per, FitOptions(tolerance, tables.names(losses)))
        return cls(fitted, fitted.with_distances(known).cut(0), after)

    @classmethod
    def of_errors(cls, reference: Any, **budget: Any) -> "Sentinel":
        """Watch one stream of errors: 0 and 1, or losses of any size. Only a rise counts.

        Args:
            reference: Errors in order of time; at least 100.
            **budget: Other arguments of `fit`.

        Raises:
            ValueError: The reference or an option cannot be used. The message gives the reason.

        >>> sentinel = Sentinel.of_errors([0, 0, 0, 0, 1, 0, 0, 0, 0, 0] * 100, per=10_000)
        >>> [alarm] = sentinel.update([0, 1] * 100)
        >>> alarm.row < 60
        True
        """
        return cls.fit(reference, losses=tables.read(reference, budget.get("time")).columns, **budget)

    @property
    def budget_rows(self) -> float:
        """Mean number of rows to a false alarm, at least."""
        return self._fitted.budget

    @property
    def ignored(self) -> dict[str, str]:
        """Columns that are not watched, and why."""
        return self._fitted.ignored

    @property
    def season(self) -> str | None:
        """Cycle that was found in the reference: `day`, `week` or None."""
        return self._fitted.season

    @property
    def channels(self) -> list[Channel]:
        """What is watched."""
        return self._fitted.channels

    def update(self, rows: Any) -> list[Alarm]:
        """Return the alarms that the next rows raise, however they are cut; rows wait for a block of eight.

        Args:
            rows: A table with the reference's columns, a dict of one row, or one value.

        Raises:
            ValueError: The rows lack a column of the reference, or times that its season needs.
        """
        new = self._fitted.read(rows)
        waiting = self._waiting.then(new)
        full, at, alarms = waiting.rows // BLOCK * BLOCK, 0, []
        while at < full:
            used, alarm = self._take(waiting.cut(at, min(full, at + self._rows_at_once())))
            at += used
            if alarm is not None:
                alarms.append(alarm)
        self._waiting = waiting.cut(full)
        return alarms

    def watch_again(self, *columns: str) -> None:
        """Watch columns again that `after="hold"` silenced; the last brings back all numbers together.

        Args:
            *columns: Names of the columns; none: all.

        Raises:
            ValueError: A column is not watched.
        """
        known = {channel.name for channel in self.channels}
        if strange := sorted(set(columns) - known):
            raise ValueError(f"{', '.join(strange)}: not watched; the columns are {', '.join(sorted(known))}")
        if self._search is not None:
            self._search.watch_again(set(columns or known))

    def _rows_at_once(self) -> int:
        """Return how many rows may be taken before a new reference is due."""
        return _CHUNK if self._learned is None else min(_CHUNK, self._learn_at - self._learned.rows)

    def _take(self, rows: Table) -> tuple[int, Alarm | None]:
        """Process rows up to the first alarm. Return how many were used, and the alarm."""
        used, alarmed = rows.rows, None
        if (search := self._search) is not None:
            used, raised = search.watch(self._fitted.with_joint(rows))
            rows, alarmed = rows.cut(0, used), search if raised else None
        self.rows += used
        self._recent = self._recent.then(rows)
        self._recent = self._recent.cut(max(0, self._recent.rows - RECENT))
        if alarmed is not None:
            return used, self._raise(alarmed)
        if self._learned is not None:
            self._learn(rows)
        return used, None

    def _raise(self, search: Search) -> Alarm:
        """Describe the change, and continue after it."""
        self.alarms += 1
        evidence = search.evidence()
        total = sum(each.evidence for each in evidence.values())
        ranked = attribution.ranked(evidence)
        strongest = evidence[ranked[0]]
        since = self.rows - search.rows_since(strongest)
        changed = self._fitted.with_joint(self._recent.cut(max(0, self._recent.rows - (self.rows - since))))
        moved = [
            attribution.moved(name, evidence[name], total, self._summary[name], changed.columns[name])
            for name in ranked
        ]
        columns = [each.column for each in moved]
        surely_changed = changed.cut(-search.rows_since(strongest, AGE_MARGIN))
        findings = self._faults.of_change(changed, surely_changed, columns)
        self._go_on(search, columns)
        return Alarm(self.rows - 1, since, total, moved, findings)

    def _go_on(self, search: Search, moved: list[str]) -> None:
        """Relearn, hold or restart after an alarm."""
        if self._after == "relearn":
            self._search, self._learned, self._learn_at = None, self._recent.cut(0, 0), LEARN_MIN
            return
        search.start_again()
        if self._after == "hold":
            search.silence({*moved, *JOINT})

    def _learn(self, rows: Table) -> None:
        """Collect rows for a new reference, and use them when there are enough."""
        learned = self._learned.then(rows) if self._learned is not None else rows
        self._learned = learned
        if learned.rows < self._learn_at:
            return
        complete = learned.rows >= self._rows_of_reference
        self._use_reference(self._fitted.refit(learned, None if complete else self._fitted), learned)
        if complete:
            self._learned = None
        enough = -(-self._rows_of_reference // BLOCK) * BLOCK
        self._learn_at = min(2 * self._learn_at, max(enough, self._learn_at + BLOCK))

    def _use_reference(self, fitted: Fitted, reference: Table) -> None:
        """Start a search against a reference."""
        table = fitted.with_joint(reference)
        summaries = {name: summary.of_cells(cells) for name, cells in table.columns.items()}
        self._start(fitted, summaries, FaultFinder(learn_faults(reference)))

    def _start(self, fitted: Fitted, summaries: dict[str, summary.Summary], faults: FaultFinder) -> None:
        """Start a search with what was learned from a reference."""
        self._fitted, self._summary, self._faults = fitted, summaries, faults
        self._search = Search(fitted)

    def __getstate__(self) -> SavedSentinel:
        learned = None if self._learned is None else SavedTable.of(self._learned)
        banks, history = self._search.save() if self._search is not None else ([], [])
        return SavedSentinel(
            self._fitted, self._after, self._rows_of_reference, self.rows, self.alarms,
            SavedTable.of(self._waiting), SavedTable.of(self._recent), learned,
            self._learn_at, self._summary, self._faults.known, banks, history,
        )  # fmt: skip

    def __setstate__(self, saved: SavedSentinel) -> None:
        kinds = saved.fitted.kinds
        self._after, self._rows_of_reference = saved.after, saved.rows_of_reference
        self.rows, self.alarms, self._learn_at = saved.rows, saved.alarms, saved.learn_at
        self._waiting, self._recent = saved.waiting.table(kinds), saved.recent.table(kinds)
        self._learned = None if saved.learned is None else saved.learned.table(kinds)
        self._start(saved.fitted, saved.summaries, FaultFinder(saved.faults))
        if not saved.banks:
            self._search = None
        elif self._search is not None:
            self._search.load(saved.banks, saved.history)

    def save(self) -> bytes:
        """Encode everything: a loaded sentinel continues as if it never stopped. Size: 2 MB for 20 columns.

        >>> sentinel = Sentinel.fit([1.0, 2.0, 4.0] * 100)
        >>> Sentinel.load(sentinel.save()).save() == sentinel.save()
        True
        """
        return msgspec.msgpack.encode(self.__getstate__())

    @classmethod
    def load(cls, data: bytes) -> "Sentinel":
        """Return the sentinel that was saved.

        Args:
            data: What `save` returned.

        Raises:
            ValueError: The bytes are not a saved sentinel.
        """
        sentinel = cls.__new__(cls)
        sentinel.__setstate__(read(data))
        return sentinel
