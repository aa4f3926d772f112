"""A SIGKILL in the middle of the stream changes no statistic, on every available broker."""

import signal
import time
from pathlib import Path
from typing import Any

from tests.integration.running import Workers, apply, publish, rejected, wait_for_rows
from tests.integration.scene import LABEL_AFTER, MONITOR, events
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics

ROWS = 24_000
GARBAGE = len(range(0, ROWS, 97))
LABELS = ROWS - LABEL_AFTER
ORPHANS = len(range(0, LABELS, 97))  # labels whose prediction was garbage


def _run(settings: Settings, folder: Path, workers: int, kills: int) -> Any:
    """Publish the stream in parts and kill a worker after each but the last. Return the statistics."""
    folder.mkdir()
    apply(settings, MONITOR)
    everything = list(events(ROWS))
    part = len(everything) // (kills + 2) + 1
    with Workers(settings, folder) as running:
        alive = running.start(workers)
        for turn, at in enumerate(range(0, len(everything), part)):
            publish(settings, everything[at : at + part])
            if turn < kills:
                time.sleep(0.7)  # until it is in the middle of this part
                victim = alive.pop(0)
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                alive += running.start()
        wanted = {"predictions": ROWS - GARBAGE, "labels": LABELS - ORPHANS}
        found = wait_for_rows(settings, running, wanted)
        for process in alive:
            process.terminate()
        assert [process.wait(20) for process in alive] == [0] * workers, running.logs()
        return found


def _frozen(settings: Settings, folder: Path) -> Any:
    """Freeze a worker in the middle of the stream for longer than the session timeout, then continue it."""
    folder.mkdir()
    apply(settings, MONITOR)
    everything = list(events(ROWS))
    third = len(everything) // 3
    # The pause between the parts must not count as the end of the stream.
    with Workers(settings, folder, WATCHKEEPER_IDLE_SECONDS="20") as running:
        frozen, _ = running.start(2)
        running.wait_for_joined()  # a worker frozen during its start finds no broker afterwards
        publish(settings, everything[:third])
        time.sleep(2)  # both work
        frozen.send_signal(signal.SIGSTOP)
        publish(settings, everything[third : 2 * third])
        time.sleep(settings.session_timeout_seconds + 3)
        frozen.send_signal(signal.SIGCONT)
        publish(settings, everything[2 * third :])
        found = wait_for_rows(settings, running, {"predictions": ROWS - GARBAGE, "labels": LABELS - ORPHANS})
        assert frozen.poll() is None, running.logs()
        return found


def test_a_frozen_worker_that_wakes_up_changes_no_statistic(settings: Settings, tmp_path: Path) -> None:
    frozen = _frozen(settings, tmp_path / "frozen")
    calm = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "calm."})
    create_topics(calm)
    assert frozen == _run(calm, tmp_path / "calm", workers=1, kills=0)


def test_statistics_after_kills_equal_those_of_an_undisturbed_run(settings: Settings, tmp_path: Path) -> None:
    disturbed = _run(settings, tmp_path / "disturbed", workers=2, kills=3)
    assert len(rejected(settings)) == GARBAGE
    calm = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "calm."})
    create_topics(calm)
    assert disturbed == _run(calm, tmp_path / "calm", workers=1, kills=0)
