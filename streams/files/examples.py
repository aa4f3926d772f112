"""The rows that a reference is built from; they come from a file or from a topic."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.tables.table import Cells, Table
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.tasks import SCHEMAS
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.ingest.columnizer import Columnizer, times_ms
from watchkeeper.streams.ingest.decode import Row, SubjectDecoder
from watchkeeper.streams.ingest.values import is_number

__all__ = ["Examples", "FeatureReport"]

OUTPUT_COLUMN = "model output"
"""The name of the column with the model's output."""
_CHUNK = 5_000
"""Number of rows that are turned into columns at once. Chosen by hand; it bounds the memory for events."""
_NO_LABEL = float("nan")


class FeatureReport(NamedTuple):
    """How many examples lack one feature or have a wrong type for it."""

    name: str
    missing: int
    wrong_type: int


class Examples:
    """Rows of one subject, decoded as in ingest, with their labels if known."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self._subject = SubjectDecoder(monitor)
        self._columnizer = Columnizer(self._subject)
        self._waiting: list[Row] = []
        self._parts: list[Columns] = []
        self._segments: list[list[str]] = [[] for _ in monitor.segments]
        self._times: list[NDArray[np.int64]] = []
        self._ids: dict[str, int] = {}
        self._labels: list[float] = []

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._labels)

    def add_event(self, event: Mapping[str, Any]) -> None:
        """Add an event. Fields that a table may lack get placeholder values.

        Raises:
            ValueError: if ingest would reject the event, or the model's output is no possible one; the
                message is the reason. Ingest counts such an output, but a file with one is a mistake.
        """
        placeholders = {"event_time": 0, "prediction": {}, "prediction_id": f"row {self.rows}"}
        named = {"model" if self.monitor.model else "feature_view": self.monitor.name}
        try:
            row = self._subject.convert({**placeholders, **event, **named})
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        self._check_output(event)
        self.add(row)

    def add(self, row: Row) -> None:
        """Add a decoded row, unless its prediction was added before."""
        is_model = self.monitor.model is not None
        if is_model and self._ids.setdefault(row.event.prediction_id, self.rows) != self.rows:
            return
        self._waiting.append(row)
        self._labels.append(_NO_LABEL)
        if len(self._waiting) >= _CHUNK:
            self._columnize()

    def _check_output(self, event: Mapping[str, Any]) -> None:
        if self.monitor.task is None:
            return
        field, span = self._subject.task.output_field, SCHEMAS[self.monitor.task].output_range
        value = event.get("prediction", {}).get(field)
        if value is None:
            return
        if not is_number(value) or (span is not None and not span[0] <= value <= span[1]):
            should = "a finite number" if span is None else f"a number from {span[0]:g} to {span[1]:g}"
            raise ValueError(f"the {field} is {value!r}; it must be {should}")

    def label(self, prediction_id: str | None, label: Any) -> None:
        """Set the label of a row.

        Args:
            prediction_id: The prediction of the row; None for the row that was added last.
            label: The label; None removes it.

        Raises:
            ValueError: if the value is not a label of the task.
        """
        task = self._subject.task
        number = _NO_LABEL if label is None else task.label(label)
        if number is None:
            raise ValueError(f"the label is {label!r}; it must be {task.label_is}")
        row = self.rows - 1 if prediction_id is None else self._ids.get(prediction_id)
        if row is not None:
            self._labels[row] = number

    def report(self) -> list[FeatureReport]:
        """Return for each declared feature how many rows lack it, and how many have a wrong type for it."""
        columns = self._columns()
        none = np.zeros((len(columns.numbers) + len(columns.categories), columns.rows), np.bool_)
        wrong = none if columns.wrong_type is None else columns.wrong_type[: len(none)]  # without the output
        unusable = [np.isnan(column) for column in columns.numbers]
        unusable += [np.array([value is None for value in column], np.bool_) for column in columns.categories]
        names = (*self._columnizer.numeric, *self._columnizer.categorical)
        return [
            FeatureReport(name, int(np.sum(no_value & ~of_wrong_type)), int(np.sum(of_wrong_type)))
            for name, no_value, of_wrong_type in zip(names, unusable, wrong, strict=True)
        ]

    @property
    def labelled(self) -> int:
        """Number of rows that have a label."""
        return int(np.count_nonzero(~np.isnan(self._labels)))

    @property
    def scored(self) -> int:
        """Number of rows that have the model's score or value."""
        scores = self._columns().scores
        return 0 if scores is None else int(np.count_nonzero(~np.isnan(scores)))

    def reference(self, version: str | None, built_at_ms: int) -> Reference:
        """Build the reference from all rows.

        Args:
            version: The model version that the reference is for; None for all others.
            built_at_ms: The time to record as the time of building, in milliseconds since 1970.

        Raises:
            UserError: if there are no rows.
        """
        columns = self._columns()
        if not columns.rows:
            raise UserError(f"there are no rows of {self.monitor.subject} to build a reference from")
        if not self.scored:
            columns = replace(columns, scores=None)
        return build_reference(
            self.monitor,
            columns,
            dict(zip(self.monitor.segments, self._segments, strict=True)),
            labels=np.array(self._labels) if self.labelled and self.scored else None,
            version=version,
            built_at_ms=built_at_ms,
            times_ms=self._times_ms(),
        )

    def table(self) -> Table:
        """Return all rows as a table of features and the model's output, in order of event time if known."""
        columns = self._columns()
        cells: dict[str, Cells] = dict(zip(self._columnizer.numeric, columns.numbers, strict=True))
        cells |= dict(zip(self._columnizer.categorical, columns.categories, strict=True))
        if columns.scores is not None and self.scored:
            cells[OUTPUT_COLUMN] = columns.scores
        times = self._times_ms()
        if times is None:
            return Table(columns.rows, cells)
        order = np.argsort(times, kind="stable")
        ordered = {name: _in_order(column, order) for name, column in cells.items()}
        return Table(columns.rows, ordered, times[order])

    def _times_ms(self) -> NDArray[np.float64] | None:
        """Return the event time of each row, if every row has one."""
        times = np.concatenate(self._times) if self._times else np.zeros(1)
        return None if (times == 0).any() else times.astype(np.float64)

    def _columns(self) -> Columns:
        self._columnize()
        if len(self._parts) != 1:
            self._parts = [_joined(self._parts)] if self._parts else [self._columnizer.columns([], {})]
        return self._parts[0]

    def _columnize(self) -> None:
        if not self._waiting:
            return
        events = [row.event for row in self._waiting]
        wrong = {i: row.wrong for i, row in enumerate(self._waiting) if row.wrong}
        self._parts.append(self._columnizer.columns(events, wrong))
        self._times.append(times_ms(events))
        for values, more in zip(self._segments, self._columnizer.segments(events), strict=True):
            values += more
        self._waiting = []


def _in_order(cells: Cells, order: NDArray[np.intp]) -> Cells:
    return [cells[row] for row in order] if isinstance(cells, list) else cells[order]


def _joined(parts: list[Columns]) -> Columns:
    first = parts[0]
    return Columns(
        rows=sum(part.rows for part in parts),
        numbers=np.concatenate([part.numbers for part in parts], axis=1),
        categories=[
            [value for part in parts for value in part.categories[i]] for i in range(len(first.categories))
        ],
        wrong_type=_joined_flags([part.wrong_type for part in parts], parts),
        labelled=_joined_flags([part.labelled for part in parts], parts),
        scores=None if first.scores is None else _flat([part.scores for part in parts]),
        latency_ms=None if first.latency_ms is None else _flat([part.latency_ms for part in parts]),
    )


def _joined_flags(flags: list[NDArray[np.bool_] | None], parts: list[Columns]) -> NDArray[np.bool_] | None:
    """Join the flags of parts, shape (..., rows); a part without flags has none set."""
    known = [each for each in flags if each is not None]
    if not known:
        return None
    shape = known[0].shape[:-1]
    filled = [
        np.zeros((*shape, part.rows), np.bool_) if each is None else each
        for each, part in zip(flags, parts, strict=True)
    ]
    return np.concatenate(filled, axis=-1)


def _flat(columns: list[NDArray[np.float64] | None]) -> NDArray[np.float64]:
    return np.concatenate([column for column in columns if column is not None])
