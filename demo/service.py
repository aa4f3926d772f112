"""The service around the model: which version answers when, what was asked of it, and what it learns from."""

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
ROLLOUT_MS = 3 * DAY_MS
"""From the request to retrain until the new version answers: training, review and rollout take so long."""


class Trained(NamedTuple):
    """A trained version, with what its reference is made of."""

    model: DelayModel
    flights: Flights
    held_out: NDArray[np.float64]


class Reign(NamedTuple):
    """A version that answers from a time on."""

    start_ms: int
    model: DelayModel


def learn(
    served: Flights, start_ms: int, end_ms: int, excluded: list[tuple[int, int]], version: str
) -> Trained:
    """Train a version on what was served in a span and is known at its end, without the spans left out."""
    flights = served.as_of(start_ms, end_ms)
    broken = np.zeros(len(flights), np.bool_)
    for first_ms, last_ms in excluded:
        broken |= (flights.time_ms >= first_ms) & (flights.time_ms < last_ms)
    flights = flights.take(~broken)
    return Trained(train(flights, version), flights, scores_held_out(flights))


def learn_as_asked(served: Flights, request: RetrainingRequest, version: str) -> Trained:
    """Obey a retraining request, with what is known when it is made."""
    window = request.data_window
    excluded = [(_ms(span.start), _ms(span.end)) for span in request.excluded]
    return learn(served, _ms(window.start), _ms(window.end), excluded, version)


class Service:
    """Answers for flights with the version that is in service, and in shadow with the first one."""

    def __init__(self, served: Flights, first: DelayModel, start_ms: int) -> None:
        self._served = served
        self._start_ms = start_ms
        self._by_landing = np.argsort(served.landed_ms, kind="stable")
        self._landed_ms = served.landed_ms[self._by_landing]
        self.reigns: list[Reign] = []
        self.scores: dict[str, NDArray[np.float64]] = {}
        self.install(first, start_ms)

    def install(self, model: DelayModel, start_ms: int) -> None:
        """Let a version answer from a time on, until the next one is installed."""
        self.reigns.append(Reign(start_ms, model))
        scores = np.full(len(self._served), np.nan)
        asked = self._served.time_ms >= start_ms
        scores[asked] = model.score(self._served.take(asked))
        self.scores[model.version] = scores

    def versions(self, at_ms: int) -> list[str]:
        """Name who answers at a time: the version in service, then the first one if it is in shadow."""
        current = [reign.model.version for reign in self.reigns if reign.start_ms <= at_ms][-1]
        first = self.reigns[0].model.version
        return list(dict.fromkeys((current, first)))

    def predictions(self, start_ms: int, end_ms: int) -> Iterator[DemoEvent]:
        """Say what was answered in a span; the versions take turns, so that none runs ahead of the other."""
        rows = self._served.between(start_ms, end_ms)
        flights = self._served.take(rows)
        answers = [predictions(flights, self.scores[v][rows], v) for v in self.versions(start_ms)]
        return chain.from_iterable(zip(*answers, strict=True))

    def labels(self, start_ms: int, end_ms: int) -> Iterator[DemoEvent]:
        """Say which of the flights that were asked about landed in a span, and whether they were late."""
        first, last = np.searchsorted(self._landed_ms, (start_ms, end_ms)).tolist()
        landed = self._served.take(self._by_landing[first:last])
        return labels(landed.take(landed.time_ms >= self._start_ms))

    def compare(self, old: str, new: str, start_ms: int, end_ms: int) -> NDArray[np.intp]:
        """Return the flights of a span that both versions answered for and that landed."""
        both = ~np.isnan(self.scores[old]) & ~np.isnan(self.scores[new]) & (self._served.landed_ms > 0)
        within = (self._served.time_ms >= start_ms) & (self._served.time_ms < end_ms)
        return np.flatnonzero(both & within)

    def late(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return which of these flights were late."""
        return self._served.late[rows]


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
