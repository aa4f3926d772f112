"""Reads the rows of a reference from a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.examples import Examples
from watchkeeper.streams.files.rows import RowMapping, as_event
from watchkeeper.streams.files.tables import Line, read_lines

__all__ = ["ReferenceFile"]

_LABEL_COLUMNS = "label", "label_time"


class ReferenceFile:
    """The examples in a file: a table of rows, or predictions (or features) and labels as published events.

    Args:
        path: The file.
        monitor: The monitor of the subject whose reference the rows are for.

    Raises:
        UserError: if the file has no usable rows. It names the line of a bad row.
    """

    def __init__(self, path: Path, monitor: Monitor) -> None:
        self.path = path
        self.examples = Examples(monitor)
        self._mapping = RowMapping("predictions" if monitor.model else "features", monitor)
        self._columns: dict[str, None] = {}
        self._labels: dict[str, Any] = {}
        for line in read_lines(path, self._mapping.types()):
            try:
                self._take(line)
            except ValueError as error:
                raise UserError(f"{path}:{line.number}: {error}; correct or remove the row") from None
        for prediction_id, label in self._labels.items():
            self.examples.label(prediction_id, label)
        self._check(monitor)

    @property
    def not_found(self) -> list[str]:
        """Declared features that no row has."""
        return self._mapping.not_found(self._columns)

    @property
    def unused(self) -> list[str]:
        """Columns that are neither part of an event nor of its label."""
        return [name for name in self._mapping.unused(self._columns) if name not in _LABEL_COLUMNS]

    def _take(self, line: Line) -> None:
        if line.row is None:
            raise ValueError(line.error)
        event = as_event(line.row)
        row = line.row if event is None else event
        if self._is_label(row):
            label = None if row.get("retracted") else row.get("label")
            self._labels[str(row["prediction_id"])] = label
            return
        features = row.get("features") if event is not None else None
        self._columns.update(dict.fromkeys(row if features is None else map("features.{}".format, features)))
        self.examples.add_event(self._mapping.event(row))
        if event is None and "label" in row:
            self.examples.label(None, row["label"])

    def _is_label(self, row: Mapping[str, Any]) -> bool:
        return (
            "features" not in row
            and row.keys() >= {"prediction_id", "label_time"}
            and len(self._mapping.not_found(row)) == len(self.examples.monitor.features)
        )

    def _check(self, monitor: Monitor) -> None:
        rows = self.examples.rows
        if not rows:
            raise UserError(f"{self.path}: has no rows to build a reference from")
        if len(self.not_found) == len(monitor.features):
            raise UserError(
                f"{self.path}: has none of the {len(monitor.features)} declared features; "
                f"its columns are {', '.join(self._columns)}"
            )
        for name, missing, wrong_type in self.examples.report():
            if wrong_type and wrong_type + missing == rows:
                raise UserError(
                    f"{self.path}: no value of {name} has the declared type {monitor.features[name].type}; "
                    "correct the column or the monitor"
                )
