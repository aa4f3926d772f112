"""The list of measurements, and their execution in several processes."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import NamedTuple

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.detection.contestants import CONTESTANTS
from benchmarks.detection.effort import Effort
from benchmarks.detection.healthy import HEALTHY
from benchmarks.detection.measure import on_changes, on_healthy
from benchmarks.detection.rows import Row
from benchmarks.detection.streams import STREAMS


class Task(NamedTuple):
    """One contestant, target and stream: the unit of work of a process."""

    contestant: str
    target: float | None
    stream: str

    def run(self, effort: Effort) -> list[Row]:
        """Run the measurement."""
        entry = CONTESTANTS[self.contestant]
        effort = effort.reduced() if entry.is_slow else effort
        if self.stream in STREAMS:
            return on_changes(entry, self.target, STREAMS[self.stream], effort)
        return on_healthy(entry, self.target, HEALTHY[self.stream], effort)


def choose(only: Sequence[str], streams: Sequence[str], targets: Sequence[float] = ()) -> list[Task]:
    """List the tasks of contestants and streams whose names contain one of the given parts.

    `targets` replace the targets of contestants that support one.
    """
    return [
        Task(name, target, stream)
        for name, entry in CONTESTANTS.items()
        if not only or any(part.lower() in name.lower() for part in only)
        for target in (entry.targets if None in entry.targets or not targets else targets)
        for stream in (*STREAMS, *HEALTHY)
        if not streams or any(part in stream for part in streams)
    ]


def run(tasks: Sequence[Task], effort: Effort, processes: int) -> list[Row]:
    """Run the tasks in processes. Return the rows in the order of the tasks."""
    rows: dict[Task, list[Row]] = {}
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(processes, get_context("spawn")) as pool,
    ):
        bar = progress.add_task("measuring", total=len(tasks))
        running = {pool.submit(Task.run, task, effort): task for task in tasks}
        for done in as_completed(running):
            task = running[done]
            rows[task] = done.result()
            progress.update(bar, advance=1, description=f"{task.contestant} on {task.stream}")
    return [row for task in tasks for row in rows[task]]
