"""The embedded broker starts, and never outlives who started it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.streams.cli.cli_runs import run
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.kafka.embedded import EmbeddedBroker, free_port

START_AND_WAIT = """
import time
from watchkeeper.streams.kafka.embedded import EmbeddedBroker
print(EmbeddedBroker().start(), flush=True)
time.sleep(60)
"""


def listens(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def wait_until(happened: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def test_it_runs_within_the_block_and_not_after() -> None:
    with EmbeddedBroker() as broker:
        address = broker.address
        assert listens(address)
    assert not listens(address)
    with pytest.raises(BrokerError, match="not running"):
        _ = broker.address


def test_it_can_be_stopped_twice_and_started_again_on_its_port() -> None:
    broker = EmbeddedBroker(free_port())
    address = broker.start()
    broker.stop()
    broker.stop()
    assert broker.start() == address
    broker.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_process_that_started_it(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", START_AND_WAIT]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        address = parent.stdout.readline().strip()
        assert listens(address)
        assert list(tmp_path.glob("watchkeeper-broker-*"))
        parent.send_signal(number)
        assert parent.wait(20) != 0
        wait_until(lambda: not listens(address), f"{address} still listens")
        wait_until(lambda: not list(tmp_path.glob("watchkeeper-broker-*")), "its folder is still there")


def test_an_interrupt_for_the_group_leaves_the_broker_to_its_parent() -> None:
    with EmbeddedBroker() as broker:
        assert os.getsid(0) != os.getsid(broker_pid(broker))


def broker_pid(broker: EmbeddedBroker) -> int:
    assert broker._process is not None
    return broker._process._process.pid


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} of the embedded broker is taken"):
            EmbeddedBroker(port).start()


def test_rights_are_not_asked_of_a_broker_that_would_end_its_client() -> None:
    with EmbeddedBroker() as broker:
        result = run("topics", "acls", "--give", "--broker", broker.address)
    assert result.stderr.endswith("the embedded broker has no ACLs; every client has all rights\n")
    assert result.exit_code == 2


def test_a_machine_without_the_program_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/nowhere/tansu")
    with pytest.raises(BrokerError, match=r"no embedded broker for this machine .* --broker"):
        EmbeddedBroker().start()


def test_a_broker_that_does_not_start_leaves_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "tansu"
    program.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(program))
    with pytest.raises(BrokerError, match="did not start: it ended immediately; its log is") as error:
        EmbeddedBroker().start()
    log = Path(str(error.value).rpartition(" ")[2])
    assert log.read_text() == "it is broken\n"
    log.unlink()
