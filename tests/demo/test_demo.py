"""The whole demo on the embedded broker, with real workers: the first days of its year."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from watchkeeper.demo.report import Report

COMMAND = (sys.executable, "-m", "watchkeeper.streams.cli", "demo")
SECONDS = 150
# Libraries in C sometimes lose a KeyboardInterrupt. This program always loses it, and continues.
LOSSY = """
import sys
import time
from watchkeeper.streams.cli import main
from watchkeeper.demo import run
def make_scenario(start_ms, made=run.make_scenario):
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        return made(start_ms)
    raise SystemExit("no interrupt was received")
run.make_scenario = make_scenario
sys.argv = ["watchkeeper", "demo"]
main()
"""
LOSES_INTERRUPTS = sys.executable, "-c", LOSSY


def test_a_short_demo_accounts_for_every_event_and_writes_its_report(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    ended = subprocess.run(
        [*COMMAND, "--until", "2013-04-14", "--json", file], capture_output=True, text=True, timeout=SECONDS
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    events = report.events
    assert events.published == events.folded + events.rejected > 20_000
    assert {topic for topic, count in events.topics.items() if count.accepted} == {
        "features",
        "labels",
        "predictions",
    }
    assert 0 < events.rejected < 20  # the events that are published cut off
    assert all(count.late == count.duplicate == 0 for count in events.topics.values())
    assert (report.faults, report.problems()) == ([], [])
    assert f"{events.published:,} published" in ended.stdout


@pytest.mark.parametrize("command", [COMMAND, LOSES_INTERRUPTS], ids=["received", "lost"])
def test_an_interrupted_demo_leaves_nothing_running(command: tuple[str, ...]) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            host, port = demo.stdout.readline().split(". ")[0].split()[-1].split(":")
            assert listens(host, int(port))
            time.sleep(3)  # the worker is starting, the model in training
            demo.send_signal(signal.SIGINT)
            output, _ = demo.communicate(timeout=60)
        finally:
            demo.kill()
    assert demo.returncode == 130
    assert output.splitlines()[-1] == "Stopped. Nothing is left running."
    assert not listens(host, int(port))


def test_a_day_outside_the_year_is_reported_as_a_mistake() -> None:
    ended = subprocess.run([*COMMAND, "--until", "2013-03-01"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr == "--until must be after 2013-04-01 and at most 2014-01-02, not 2013-03-01\n"


def listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
