"""Partition n of every topic is on the same worker, while workers come and go. The join depends on it."""

import re
import time
from pathlib import Path

from tests.integration.running import Workers, apply
from tests.integration.scene import MONITOR
from watchkeeper.streams.settings import Settings

GENERATION = re.compile(r"generation (\d+): (.+)")


def assignments(folder: Path, alive: range) -> list[tuple[int, dict[str, str]]]:
    """The newest generation of each living worker, and its assigned partitions by topic."""
    found = []
    for number in alive:
        output = GENERATION.findall((folder / f"worker-{number}.log").read_text())
        if output:
            generation, given = output[-1]
            found.append((int(generation), dict(re.findall(r"(\S+) (\[[^]]*\])", given))))
    return found


def settle(settings: Settings, folder: Path, alive: range, workers: Workers) -> None:
    """Wait until the living workers share all partitions in one generation, each number on one worker."""
    deadline = time.monotonic() + 60
    while True:
        found = assignments(folder, alive)
        shared = sorted(number for _, given in found for number in _numbers(given))
        if len({generation for generation, _ in found}) == 1 and shared == list(range(settings.partitions)):
            return
        assert time.monotonic() < deadline, f"{found}\n{workers.logs()}"
        time.sleep(0.3)


def _numbers(given: dict[str, str]) -> list[int]:
    assert len(set(given.values())) <= 1, f"topics are assigned separately: {given}"
    return [int(number) for number in re.findall(r"\d+", next(iter(given.values()), ""))]


def test_all_topics_of_a_partition_number_move_together(settings: Settings, tmp_path: Path) -> None:
    apply(settings, MONITOR)
    with Workers(settings, tmp_path) as running:
        running.start(2)
        settle(settings, tmp_path, range(2), running)
        running.start()
        settle(settings, tmp_path, range(3), running)
        running.kill(0)
        settle(settings, tmp_path, range(1, 3), running)
