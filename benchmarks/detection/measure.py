"""Measures one contestant on one stream: its false alarms, and its delay on each change."""

import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np

from benchmarks.detection.arl import Arl, measured
from benchmarks.detection.contestant import Contestant, Timed
from benchmarks.detection.contestants import Entry
from benchmarks.detection.effort import Effort
from benchmarks.detection.healthy import MONDAY_MS, Healthy
from benchmarks.detection.rows import Row
from benchmarks.detection.streams import BEFORE_ROWS, REFERENCE_ROWS, Stream, generator


def on_changes(entry: Entry, target: float | None, stream: Stream, effort: Effort) -> list[Row]:
    """Measure the ARL on healthy streams and the delay on each change.

    Returns:
        A row per change; none if the contestant does not support the values.
    """
    began = time.process_time()
    sample = stream.healthy(generator(stream.name, "calibration"), REFERENCE_ROWS)
    if not entry.takes(sample):
        return []
    contestant = entry.make(target, sample)
    arl = measured(_quiet(contestant, stream, effort), effort.alarms, effort.events)
    delays = _delays(contestant, stream, effort.repetitions)
    common = _common(entry, target, stream.name, contestant, arl)
    seconds = round(time.process_time() - began, 2)
    return [
        Row(
            **common,
            change=change,
            delay_mean=round(float(np.mean(_rows(found, stream))), 1),
            miss_rate=found.count(None) / len(found),
            delay_median=float(np.median(_rows(found, stream))),
            repetitions=len(found),
            seconds=seconds,
        )
        for change, found in delays.items()
    ]


def on_healthy(entry: Entry, target: float | None, healthy: Healthy, effort: Effort) -> list[Row]:
    """Count the alarms on a stream that stays healthy.

    Returns:
        One row; none if the contestant does not support the values.
    """
    began = time.process_time()
    sample = healthy.draw(generator(healthy.name, "calibration"), healthy.reference_rows)
    if not entry.takes(sample):
        return []
    contestant = entry.make(target, sample)
    arl = Arl()
    for number in range(effort.healthy_streams):
        rows = healthy.reference_rows + effort.healthy_rows
        values = healthy.draw(generator(healthy.name, number), rows)
        if healthy.every_ms is not None and isinstance(contestant, Timed):
            contestant.clock(MONDAY_MS, healthy.every_ms)
        contestant.fit(values[: healthy.reference_rows])
        found = contestant.alarms(values[healthy.reference_rows :], first_only=False)
        arl = Arl(arl.events + effort.healthy_rows, arl.alarms + len(found))
    common = _common(entry, target, healthy.name, contestant, arl)
    return [Row(**common, change="none", seconds=round(time.process_time() - began, 2))]


def _quiet(contestant: Contestant, stream: Stream, effort: Effort) -> Iterator[tuple[int, int]]:
    """Yield rows and false alarms of independent streams, each with its own reference."""
    number = 0
    while True:
        rng = generator(stream.name, "healthy", number)
        contestant.fit(stream.healthy(rng, REFERENCE_ROWS))
        values = stream.healthy(rng, effort.stream_rows)
        yield effort.stream_rows, len(contestant.alarms(values, first_only=False))
        number += 1


def _delays(contestant: Contestant, stream: Stream, repetitions: int) -> dict[str, list[int | None]]:
    """Return the rows from each change to its alarm; None if there was none within the limit."""
    delays: dict[str, list[int | None]] = {change: [] for change in stream.changes}
    for number in range(repetitions):
        rng = generator(stream.name, "change", number)
        contestant.fit(stream.healthy(rng, REFERENCE_ROWS))
        contestant.alarms(stream.healthy(rng, BEFORE_ROWS), first_only=False)
        for change, draw in stream.changes.items():
            found = deepcopy(contestant).alarms(draw(rng, stream.limit), first_only=True)
            delays[change].append(found[0] + 1 if found else None)
    return delays


def _rows(delays: list[int | None], stream: Stream) -> list[int]:
    return [stream.limit if delay is None else delay for delay in delays]


def _common(
    entry: Entry, target: float | None, stream: str, contestant: Contestant, arl: Arl
) -> dict[str, Any]:
    return {
        "detector": entry.name,
        "stream": stream,
        "arl_target": target,
        "arl_measured": round(arl.rows, 1),
        "alarms": arl.alarms,
        "events": arl.events,
        "budget": arl.events / target if target else None,
        "setting": getattr(contestant, "setting", ""),
    }
