"""Data faults in a table: the quality checks look at the rows since a change."""

import re
from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.judge_rows import faults_of
from watchkeeper.detectors.checks.reference import reference_rows
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.tables.table import Kind, Table, kind_of
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Finding
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference

_SAMPLE = 20_000
"""Maximum number of reference rows that are summarised. Chosen by hand: more cost time, 10 us per row of 20
columns."""
_SPAN = 128
"""Number of rows that stand for an hour, the span in which the checks measure how values usually vary.

Chosen by hand: a reference of a few hundred rows has several spans.
"""


class FaultReference(Struct):
    """What the checks know of the reference. It is saved with a sentinel."""

    names: dict[str, str]
    """Name of each column, by a name that a monitor accepts."""
    kinds: dict[str, Kind]
    """Kind of each column."""
    reference: Reference
    """The reference as a monitor has it."""


def learn_faults(reference: Table) -> FaultReference:
    """Summarise a reference for the checks. Cost: 10 us per row of 20 columns, for at most 20,000 rows.

    Args:
        reference: Rows in order of time.
    """
    names = _names(list(reference.columns))
    kinds = {name: kind_of(cells) for name, cells in reference.columns.items()}
    sampled = _columns(reference, kinds).take(np.arange(0, reference.rows, max(1, reference.rows // _SAMPLE)))
    monitor = _monitor(names, kinds)
    hour_ms = milliseconds(monitor.windows.size)
    times_ms = (np.arange(sampled.rows) // _SPAN).astype(float) * hour_ms
    summed = build_reference(monitor, sampled, {}, built_at_ms=0, times_ms=times_ms, drift=False)
    return FaultReference(names, kinds, summed)


def _monitor(names: dict[str, str], kinds: dict[str, Kind]) -> Monitor:
    """Return a monitor with the columns as features."""
    features = {safe: {"type": kinds[name]} for safe, name in names.items()}
    return Monitor.model_validate({"feature_view": "table", "owner": {"team": "owner"}, "features": features})


class FaultFinder:
    """The quality checks of windows, on the columns of a table. Cost: 10 ms per call for 20 columns.

    Args:
        known: What `learn_faults` returned.
    """

    def __init__(self, known: FaultReference) -> None:
        self.known = known
        """What the checks know of the reference."""
        self._monitor = _monitor(known.names, known.kinds)
        self._layout = Layout.of(self._monitor, known.reference)

    def of_change(self, since: Table, surely: Table, columns: Collection[str]) -> list[Finding]:
        """Return the faults of columns since a change.

        The start of a change is an estimate. A few rows from before it hide that a category was renamed, or
        make a unit change of all rows look like one of some rows. So in such cases the rows that certainly
        are after the change decide.

        Args:
            since: Rows since the most likely start of the change.
            surely: Rows that certainly are after the start.
            columns: Names of the columns that changed.
        """
        found = self.find(since, columns)
        if found and not any(each.check == "unseen_category" or "share" in each.evidence for each in found):
            return found
        return self.find(surely, columns) or found

    def find(self, rows: Table, columns: Collection[str]) -> list[Finding]:
        """Return the faults of columns in rows, without those that another fault explains.

        Args:
            rows: The rows.
            columns: Names of the columns.
        """
        profile = RowsProfile.empty(self._layout)
        profile.add(_columns(rows, self.known.kinds))
        normal = reference_rows(self.known.reference, None)
        asked = {safe: name for safe, name in self.known.names.items() if name in columns}
        case = Case(self._monitor, profile, normal, recent=normal, moved=asked)
        return [_named(fault, name) for safe, name in asked.items() for fault in faults_of(case, safe)]


def _columns(table: Table, kinds: dict[str, Kind]) -> Columns:
    """Return a table in the form that profiles take."""
    cells = [table.columns[name] for name in kinds]
    numbers = [column for column in cells if not isinstance(column, list)]
    # Flags come in the order of numbers, then categories; a category never has a wrong type.
    names = sorted(kinds, key=lambda name: kinds[name] == "category")
    return Columns(
        rows=table.rows,
        numbers=np.array(numbers, float).reshape(len(numbers), table.rows),
        categories=[column for column in cells if isinstance(column, list)],
        wrong_type=np.array([table.wrong_in(name) for name in names]) if table.wrong else None,
    )


def _names(columns: Sequence[str]) -> dict[str, str]:
    """Return each column's name by a name that a monitor accepts.

    >>> _names(["amount", "my amount", "column1"])
    {'amount': 'amount', 'column1_': 'my amount', 'column1': 'column1'}
    """
    names: dict[str, str] = {}
    for index, name in enumerate(columns):
        safe = name
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            safe = f"column{index}"
            while safe in columns or safe in names:
                safe += "_"
        names[safe] = name
    return names


def _named(fault: Finding, name: str) -> Finding:
    """Return a fault with the column's own name."""
    explanation = re.sub(rf"\b{re.escape(fault.feature or '')}(?!\w)", lambda _: name, fault.explanation)
    return replace(fault, feature=name, explanation=explanation)
