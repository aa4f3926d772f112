"""CPU time of each step of the ingest fold on the benchmark's events, in process, without Kafka.

The real fold runs with a timer around its steps. The rest of its time is "other". The worker of
`watchkeeper_json` spends more on each event: on the Kafka client, Faust, checkpoints and later stages.
"""

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from rich.table import Table

from benchmarks.events import SUBJECT, events
from benchmarks.profile_cost import MONITOR, to_columns
from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest import reading
from watchkeeper.streams.ingest import stage as ingest
from watchkeeper.streams.ingest.columnizer import Columnizer
from watchkeeper.streams.ingest.labels import LabelsIntake
from watchkeeper.streams.worker.run import GC_THRESHOLDS

_CHUNK = 1500  # about what one fetch of one partition brings
_ROUNDS = 3
_STAGES: dict[str, list[tuple[Any, str]]] = {
    "decode": [(reading, "decode_all")],
    "event times": [(reading, "times_ms")],
    "columns": [(Columnizer, "columns"), (Columnizer, "segments")],
    "join and duplicates": [(LabelsIntake, "wait")],
    "profile": [(RowsProfile, "add")],
}


def watched(values: Sequence[bytes]) -> Timeline[Watched]:
    """Return the benchmark's monitor and reference in the registry's form."""
    reference = build_reference(MONITOR, to_columns(values), {}, built_at_ms=0)
    return Timeline(Watched(MONITOR, {None: reference}))


class Registry:
    """A registry of one monitor that never changes."""

    generation = 1

    def __init__(self, watched: Timeline[Watched]) -> None:
        self._watched = watched

    def get(self, subject: str) -> Timeline[Watched] | None:
        """Return the monitor, under its own name."""
        return self._watched if subject == SUBJECT else None

    def subjects(self) -> list[str]:
        """Return the one name."""
        return [SUBJECT]


def measure(count: int = 60_000, worker_us: float | None = None) -> dict[str, float]:
    """Return the CPU microseconds per event of each step in the best round.

    Args:
        count: Number of events.
        worker_us: CPU microseconds per event of a whole worker. Adds a line with the difference.
    """
    records = [Record(i, 0, key, value) for i, (key, value) in enumerate(events(count))]
    registry = Registry(watched([record.value or b"" for record in records[:10_000]]))
    before = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)  # as in a worker
    rounds = [_fold(records, registry) for _ in range(_ROUNDS)]
    gc.set_threshold(*before)
    best = min(rounds, key=lambda spent: spent["ingest in all"])
    costs = {stage: seconds * 1e6 / count for stage, seconds in best.items()}
    if worker_us is not None:
        costs["client, checkpoints, later stages"] = worker_us - costs["ingest in all"]
        costs["worker in all"] = worker_us
    return costs


def _fold(records: Sequence[Record], registry: Registry) -> dict[str, float]:
    """Fold all records as one partition. Return the CPU seconds of each step."""
    spent = dict.fromkeys(_STAGES, 0.0)
    fold = ingest.IngestFold(0, 1, registry)
    now_ms = time.time_ns() // 1_000_000
    with ExitStack() as stack:
        for stage, places in _STAGES.items():
            for owner, name in places:
                stack.enter_context(patch.object(owner, name, _timed(getattr(owner, name), stage, spent)))
        began = time.process_time()
        for chunk in _chunks(records):
            fold.fold("predictions", chunk, now_ms)
            fold.outputs()
        total = time.process_time() - began
    return spent | {"other": total - sum(spent.values()), "ingest in all": total}


def _chunks(records: Sequence[Record]) -> Iterable[Sequence[Record]]:
    return (records[start : start + _CHUNK] for start in range(0, len(records), _CHUNK))


def _timed(function: Callable[..., Any], stage: str, spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return function(*given, **named)
        finally:
            spent[stage] += time.process_time() - began

    return timed


def table(costs: dict[str, float]) -> Table:
    """Return the costs as a table for the terminal."""
    shown = Table(title="Where the time goes")
    shown.add_column("stage", no_wrap=True)
    shown.add_column("us per event", justify="right")
    whole = max(costs.values())
    shown.add_column("share", justify="right")
    for stage, cost_us in costs.items():
        shown.add_row(stage, f"{cost_us:.2f}", f"{cost_us / whole:.0%}")
    return shown
