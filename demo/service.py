"""The service around the model: its versions, their predictions and their training data."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.demo.events import DemoEvent, labels, predictions
from watchkeeper.demo.flights import Flights
from watchkeeper.demo.training import DelayModel, scores_held_out, train
from watchkeeper.schemas.retraining import RetrainingRequest

__all__ = ["DAY_MS", "ROLLOUT_MS", "Service", "Trained", "learn"]

DAY_MS = 86_400_000
"""Milliseconds of a day."""
ROLLOUT_MS = 3 * DAY_MS
"""Event time from a retraining request until the new version is in service, in milliseconds.

Chosen by hand: three days stand for training, review and rollout.
"""


class Trained(NamedTuple):
    """A trained version, with the flights and held-out scores for its reference."""

    model: DelayModel
    flights: Flights
    held_out: NDArray[np.float64]


class InstalledVersion(NamedTuple):
    """A version that is in service from a time on."""

    start_ms: int
    model: DelayModel


def learn(
    served: Flights, start_ms: int, end_ms: int, excluded: list[tuple[int, int]], version: str
) -> Trained:
    """Train a version on the served flights of a span, with the labels known at its end.

    Args:
        served: The flights as served, with the injected faults.
        start_ms: Start of the span, in milliseconds since 1970.
        end_ms: End of the span, exclusive.
        excluded: Spans to leave out, as pairs of start and end.
        version: The name of the new version.
    """
    flights = served.as_of(start_ms, end_ms)
    broken = np.zeros(len(flights), np.bool_)
    for first_ms, last_ms in excluded:
        broken |= (flights.time_ms >= first_ms) & (flights.time_ms < last_ms)
    flights = flights.take(~broken)
    return Trained(train(flights, version), flights, scores_held_out(flights))


def learn_as_asked(served: Flights, request: RetrainingRequest, version: str) -> Trained:
    """Train the version that a retraining request asks for, with the labels known at that time."""
    window = request.data_window
    excluded = [(_ms(span.start), _ms(span.end)) for span in request.excluded]
    return learn(served, _ms(window.start), _ms(window.end), excluded, version)


class Service:
    """Predicts flights with the version in service, and in shadow with the first version.

    Args:
        served: The flights as served, with the injected faults.
        first: The first version.
        start_ms: When the service starts, in milliseconds since 1970.
    """

    def __init__(self, served: Flights, first: DelayModel, start_ms: int) -> None:
        self._served = served
        self._start_ms = start_ms
        self._by_landing = np.argsort(served.landed_ms, kind="stable")
        self._landed_ms = served.landed_ms[self._by_landing]
        self.installed: list[InstalledVersion] = []
        self.scores: dict[str, NDArray[np.float64]] = {}
        self.install(first, start_ms)

    def install(self, model: DelayModel, start_ms: int) -> None:
        """Put a version in service from a time on, until the next version."""
        self.installed.append(InstalledVersion(start_ms, model))
        scores = np.full(len(self._served), np.nan)
        rows = self._served.time_ms >= start_ms
        scores[rows] = model.score(self._served.take(rows))
        self.scores[model.version] = scores

    def versions(self, at_ms: int) -> list[str]:
        """Return the version in service at a time, followed by the first version if it runs in shadow."""
        current = [each.model.version for each in self.installed if each.start_ms <= at_ms][-1]
        first = self.installed[0].model.version
        return list(dict.fromkeys((current, first)))

    def predictions(self, start_ms: int, end_ms: int) -> Iterator[DemoEvent]:
        """Yield the predictions of a span. The versions alternate, so none runs ahead of the other."""
        rows = self._served.between(start_ms, end_ms)
        flights = self._served.take(rows)
        by_version = [predictions(flights, self.scores[v][rows], v) for v in self.versions(start_ms)]
        return chain.from_iterable(zip(*by_version, strict=True))

    def labels(self, start_ms: int, end_ms: int) -> Iterator[DemoEvent]:
        """Yield the labels of predicted flights that landed in a span."""
        first, last = np.searchsorted(self._landed_ms, (start_ms, end_ms)).tolist()
        landed = self._served.take(self._by_landing[first:last])
        return labels(landed.take(landed.time_ms >= self._start_ms))

    def compare(self, old: str, new: str, start_ms: int, end_ms: int) -> NDArray[np.intp]:
        """Return the landed flights of a span that both versions predicted, as row numbers."""
        both = ~np.isnan(self.scores[old]) & ~np.isnan(self.scores[new]) & (self._served.landed_ms > 0)
        within = (self._served.time_ms >= start_ms) & (self._served.time_ms < end_ms)
        return np.flatnonzero(both & within)

    def late(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the labels of these flights: 1 for late, 0 for on time."""
        return self._served.late[rows]


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
