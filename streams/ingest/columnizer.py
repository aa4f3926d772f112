"""Turns decoded events of one subject and version into columns of numbers and categories."""

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.schemas.limits import SEGMENT_VALUE_MAX, short
from watchkeeper.schemas.times import BEGINNING_MS, END_MS
from watchkeeper.streams.ingest.clock import time_ms
from watchkeeper.streams.ingest.decode import SubjectDecoder

MISSING_SEGMENT = "missing"
"""The value of a segment dimension for events that have none."""
_features = attrgetter("features")
_latency_ms = attrgetter("latency_ms")


class Columnizer:
    """Turns events of one subject into `Columns`, in the order of the layout's features."""

    def __init__(self, subject: SubjectDecoder) -> None:
        features = subject.features
        self._attributes = subject.attributes
        self.numeric = [name for name, f in features.items() if f.type in ("number", "integer")]
        self.categorical = [name for name, f in features.items() if f.type in ("category", "boolean")]
        self._numbers_of = [attrgetter(subject.attributes[name]) for name in self.numeric]
        self._categories_of = [attrgetter(subject.attributes[name]) for name in self.categorical]
        self._row = {name: i for i, name in enumerate((*self.numeric, *self.categorical))}
        self._integers = [i for i, name in enumerate(self.numeric) if features[name].type == "integer"]
        self._booleans = {name for name in self.categorical if features[name].type == "boolean"}
        self._segments = subject.monitor.segments
        self._is_model = subject.monitor.model is not None
        self._task = subject.task

    def columns(self, events: Sequence[Any], wrong: dict[int, tuple[str, ...]]) -> Columns:
        """Build the columns.

        Args:
            events: The decoded events.
            wrong: The features with a wrong type, by index of event.
        """
        features = list(map(_features, events))
        numbers = self._numbers(features)
        wrong_type = self._wrong_type(numbers, wrong)
        return Columns(
            rows=len(events),
            numbers=numbers,
            categories=[
                self._category(name, list(map(get, features)))
                for name, get in zip(self.categorical, self._categories_of, strict=True)
            ],
            wrong_type=wrong_type,
            scores=self.scores(events),
            latency_ms=_floats(list(map(_latency_ms, events))) if self._is_model else None,
        )

    def scores(self, events: Sequence[Any]) -> NDArray[np.float64] | None:
        """Return the model's output of each event; None for a feature view."""
        return self._task.outputs(events) if self._is_model else None

    def published_labels(self, events: Sequence[Any]) -> list[float]:
        """Return the predicted label in each event; NaN where there is none."""
        return self._task.published_labels(events)

    def _numbers(self, features: list[Any]) -> NDArray[np.float64]:
        shape = (len(self.numeric), len(features))
        try:
            values = chain.from_iterable(map(get, features) for get in self._numbers_of)
            flat = np.fromiter(values, np.float64, shape[0] * shape[1])
        except TypeError:  # there is a null: the slower constructor converts None to NaN
            flat = np.array([list(map(get, features)) for get in self._numbers_of], dtype=np.float64)
        numbers = flat.reshape(shape)
        return np.where(np.isfinite(numbers), numbers, np.nan) if np.isinf(numbers).any() else numbers

    def _wrong_type(
        self, numbers: NDArray[np.float64], wrong: dict[int, tuple[str, ...]]
    ) -> NDArray[np.bool_] | None:
        integers = numbers[self._integers]
        fractional = integers != np.floor(integers)
        fractional &= ~np.isnan(integers)
        if not wrong and not fractional.any():
            return None
        flags = np.zeros((len(self._row), numbers.shape[1]), dtype=np.bool_)
        flags[self._integers] = fractional
        for event, names in wrong.items():
            for name in names:
                flags[self._row[name], event] = True
        numbers[flags[: len(numbers)]] = np.nan
        return flags

    def _category(self, name: str, values: list[Any]) -> list[str | None]:
        if name in self._booleans:
            return [None if value is None else "true" if value else "false" for value in values]
        return values

    def segments(self, events: Sequence[Any]) -> list[list[str]]:
        """Return the value of each event, for each segment dimension of the monitor."""
        return [[self._segment(dimension, event) for event in events] for dimension in self._segments]

    def _segment(self, dimension: str, event: Any) -> str:
        if dimension in self._attributes:
            value = getattr(event.features, self._attributes[dimension])
            if isinstance(value, float):
                return MISSING_SEGMENT if value != value else f"{value:g}"
        else:
            value = (event.segments or {}).get(dimension) if self._is_model else None
        return MISSING_SEGMENT if value is None else short(str(value), SEGMENT_VALUE_MAX)


def _floats(values: list[Any]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def times_ms(events: Sequence[Any]) -> NDArray[np.int64]:
    """Return the event times in whole milliseconds."""
    try:
        seconds = np.fromiter([event.event_time.timestamp() for event in events], np.float64, len(events))
    except AttributeError:  # some times are milliseconds already
        return np.array(
            [min(max(time_ms(event.event_time), BEGINNING_MS), END_MS) for event in events], np.int64
        )
    return np.rint(seconds * 1000).astype(np.int64)
