"""What is published after `apply` has returned is judged by what was applied; with real workers."""

import json
import signal
import time
from pathlib import Path

from tests.integration.running import Workers, publish, rejected, wait_for_rows
from tests.streams.cli.cli_runs import run
from watchkeeper.streams.cli.current import read_configuration
from watchkeeper.streams.cli.unwatched import Unwatched, read_unwatched
from watchkeeper.streams.settings import Settings

TRIES = 5
EVENTS = 300
MONITOR = """\
model: {name}
owner: {{team: ml}}
task: regression
features: {{x: {{type: number}}}}
windows: {{pane: PT1M, size: PT5M, lateness: PT0S}}
"""


def wait_for_accepted(settings: Settings, workers: Workers) -> None:
    """Wait until a replay of all events of one subject is counted: each event is in a window, or late."""
    deadline = time.monotonic() + 60
    while len(rejected(settings)) != EVENTS or any(
        each.replayed is None for each in rejected(settings).values()
    ):
        assert time.monotonic() < deadline, workers.logs()
        time.sleep(0.5)


def command(settings: Settings, *arguments: object, exit_code: int = 0) -> str:
    options = ("--broker", settings.broker, "--topic-prefix", settings.topic_prefix)
    environment = {
        "WATCHKEEPER_APPLICATION": settings.application,
        "WATCHKEEPER_PARTITIONS": str(settings.partitions),
    }
    result = run(*arguments, *options, **environment)
    assert result.exit_code == exit_code, result.output
    return result.output


def events(name: str, first_ms: int) -> list[tuple[str, str, bytes | None]]:
    return [
        (
            "predictions",
            f"{name}-{i}",
            json.dumps(
                {
                    "prediction_id": f"{name}-{i}",
                    "model": name,
                    "event_time": first_ms + i,
                    "features": {"x": i},
                    "prediction": {"value": 1.0},
                }
            ).encode(),
        )
        for i in range(EVENTS)
    ]


def test_everything_published_after_apply_has_returned_is_counted(settings: Settings, tmp_path: Path) -> None:
    first_ms = (time.time_ns() // 1_000_000 // 300_000 - 2) * 300_000
    with Workers(settings, tmp_path) as workers:
        processes = workers.start(2)
        workers.wait_for_joined()
        for n in range(TRIES):
            file = tmp_path / f"m{n}.yaml"
            file.write_text(MONITOR.format(name=f"m{n}"))
            # Half of the tries do not wait for the workers: then they read the events before the monitor.
            wait = () if n % 2 else ("--wait", 0)
            said = command(settings, "apply", file, *wait)
            assert ("in force on" in said) == (n % 2 == 1), said
            publish(settings, events(f"m{n}", first_ms))
        wait_for_rows(settings, workers, {"predictions": TRIES * EVENTS})
        assert rejected(settings) == {}
        said = command(settings, "apply", "--remove", "m0")
        assert f"in all {settings.partitions} partitions" in said
        publish(settings, events("m0", first_ms))
        deadline = time.monotonic() + 60
        while len(rejected(settings)) < EVENTS and time.monotonic() < deadline:
            time.sleep(0.5)
        assert {each.reason for each in rejected(settings).values()} == {"unknown_model"}
        found = read_unwatched(settings, read_configuration(settings).subjects(), first_ms)
        assert found == [Unwatched("model", "m0", EVENTS)]
        command(settings, "apply", tmp_path / "m0.yaml")
        command(settings, "rejected", "replay", "--model", "m0", "--yes")
        wait_for_accepted(settings, workers)
        assert read_unwatched(settings, ["m1"], first_ms) == []
        processes[0].send_signal(signal.SIGSTOP)  # a worker that does not answer, in a group that has members
        assert "have not read it" in command(settings, "apply", "--remove", "m1", "--wait", 3, exit_code=1)


def test_without_workers_apply_says_so_at_once(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(MONITOR.format(name="m"))
    assert "no worker runs" in command(settings, "apply", file)
