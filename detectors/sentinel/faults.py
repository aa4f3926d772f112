"""Recognises broken data among changes: units, nulls, stuck values, renamed categories."""

import re
from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.judge_rows import faults_of
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.reference import reference_rows
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.tables.table import Kind, Table, kind_of
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Finding
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference

_SAMPLE = 20_000
_SPAN = 128


class Known(Struct):
    """What the checks know of the reference."""

    names: dict[str, str]
    """The columns, by the names that a monitor takes."""
    kinds: dict[str, Kind]
    reference: Reference


def know(reference: Table) -> Known:
    """Sum a reference up. Cost: 10 us a row of 20 columns, of at most 20,000 rows."""
    names = _names(list(reference.columns))
    kinds = {name: kind_of(cells) for name, cells in reference.columns.items()}
    sampled = _columns(reference, kinds).take(np.arange(0, reference.rows, max(1, reference.rows // _SAMPLE)))
    monitor = _monitor(names, kinds)
    # So many rows make an hour, the span in which the checks look at how values ordinarily vary.
    hour_ms = milliseconds(monitor.windows.size)
    times_ms = (np.arange(sampled.rows) // _SPAN).astype(float) * hour_ms
    summed = build_reference(monitor, sampled, {}, built_at_ms=0, times_ms=times_ms, drift=False)
    return Known(names, kinds, summed)


def _monitor(names: dict[str, str], kinds: dict[str, Kind]) -> Monitor:
    features = {safe: {"type": kinds[name]} for safe, name in names.items()}
    return Monitor.model_validate({"feature_view": "table", "owner": {"team": "owner"}, "features": features})


class Faults:
    """The quality checks of windows, on the columns of a table. Cost: 10 ms a call for 20 columns."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._monitor = _monitor(known.names, known.kinds)
        self._layout = Layout.of(self._monitor, known.reference)

    def name(self, since: Table, surely: Table, columns: Collection[str]) -> list[Finding]:
        """List the faults of some columns since a change; rows that surely are after it may say more.

        A few rows of before leave some of a renamed category, and make a part of a unit change of all rows.
        """
        found = self.find(since, columns)
        if found and not any(each.check == "unseen_category" or "share" in each.evidence for each in found):
            return found
        return self.find(surely, columns) or found

    def find(self, rows: Table, columns: Collection[str]) -> list[Finding]:
        """List the faults of some columns in some rows, each with those that it explains left out."""
        profile = RowsProfile.empty(self._layout)
        profile.add(_columns(rows, self.known.kinds))
        normal = reference_rows(self.known.reference, None)
        asked = {safe: name for safe, name in self.known.names.items() if name in columns}
        case = Case(self._monitor, profile, normal, recent=normal, moved=asked)
        return [_named(fault, name) for safe, name in asked.items() for fault in faults_of(case, safe)]


def _columns(table: Table, kinds: dict[str, Kind]) -> Columns:
    cells = [table.columns[name] for name in kinds]
    numbers = [column for column in cells if not isinstance(column, list)]
    # Those of texts are never wrong; they come after the numbers.
    names = sorted(kinds, key=lambda name: kinds[name] == "category")
    return Columns(
        rows=table.rows,
        numbers=np.array(numbers, float).reshape(len(numbers), table.rows),
        categories=[column for column in cells if isinstance(column, list)],
        wrong_type=np.array([table.wrong_in(name) for name in names]) if table.wrong else None,
    )


def _names(columns: Sequence[str]) -> dict[str, str]:
    """Give each column by a name that a monitor takes.

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
    """Say it of the column by its own name."""
    said = re.sub(rf"\b{re.escape(fault.feature or '')}(?!\w)", lambda _: name, fault.explanation)
    return replace(fault, feature=name, explanation=said)
