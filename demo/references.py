"""Builds the references of the demo's subjects."""

from importlib.resources import files

import numpy as np
import yaml

from watchkeeper.demo.flights import Flights, FlightTable
from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.profiles.columns import Columns, Floats
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference

__all__ = ["monitors", "reference_of_model", "reference_of_view"]


def monitors() -> dict[str, Monitor]:
    """Return the demo's monitors by subject."""
    folder = files("watchkeeper.demo") / "monitors"
    read = [Monitor.model_validate(yaml.safe_load(file.read_text())) for file in folder.iterdir()]
    return {monitor.subject: monitor for monitor in read}


def reference_of_model(monitor: Monitor, flights: Flights, held_out: Floats, version: str) -> Reference:
    """Build the reference of a model version from its training flights, with and without labels.

    Args:
        monitor: The model's monitor.
        flights: The flights that the version was trained on.
        held_out: One score for each flight, from a model that was not trained on that flight. Scores on
            training data look better than scores on new data.
        version: The model version.
    """
    segments = {name: [str(value) for value in flights.features[name]] for name in monitor.segments}
    return build_reference(
        monitor,
        columns_of(monitor, flights),
        segments,
        labels=flights.late,
        scores=held_out,
        version=version,
        built_at_ms=int(flights.time_ms.max()),
        times_ms=flights.time_ms.astype(float),
    )


def reference_of_view(monitor: Monitor, table: FlightTable) -> Reference:
    """Build the reference of a feature view from its rows."""
    times_ms = table.time_ms.astype(float)
    built_at_ms = int(table.time_ms.max())
    return build_reference(
        monitor, columns_of(monitor, table), {}, built_at_ms=built_at_ms, times_ms=times_ms
    )


def columns_of(monitor: Monitor, table: FlightTable) -> Columns:
    """Arrange the features of a table in the order that the monitor declares."""
    numeric = [name for name, feature in monitor.features.items() if feature.type in ("number", "integer")]
    others = [name for name in monitor.features if name not in numeric]
    return Columns(
        rows=len(table),
        numbers=np.array([table.features[name] for name in numeric], float),
        categories=[list(table.features[name]) for name in others],
    )
