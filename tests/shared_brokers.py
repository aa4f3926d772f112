"""One broker of each kind for all processes of a test run.

The process that distributes the tests starts a broker at the first request of another process, and stops it
at the end. They communicate through files in one folder: the request `NAME.wanted`, then `NAME.answer`.
"""

import contextlib
import shutil
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from tests.brokers import BROKERS, Offline, Running, Unavailable

_POLL_SECONDS = 0.05
_ANSWER_SECONDS = 600
"""Longest wait for a broker. The first run on a machine downloads Apache Kafka."""


class _Answer(msgspec.Struct):
    address: str = ""
    what: str = ""
    unavailable: str = ""
    offline: bool = False


class SharedBrokers:
    """Starts and stops the brokers that other processes request."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="watchkeeper-brokers-"))
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, args=(name,), daemon=True, name=f"broker {name}")
            for name in BROKERS
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop all started brokers."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve(self, name: str) -> None:
        wanted = self.folder / f"{name}.wanted"
        while not wanted.exists():
            if self._stopping.wait(_POLL_SECONDS):
                return
        with contextlib.ExitStack() as stack:
            try:
                running = stack.enter_context(BROKERS[name]())
                answer = _Answer(running.address, running.what)
            except Unavailable as error:
                answer = _Answer(unavailable=str(error), offline=isinstance(error, Offline))
            except Exception as error:  # each process that requested it fails with it instead of waiting
                answer = _Answer(unavailable=f"{type(error).__name__}: {error}")
            self._answer(name, answer)
            self._stopping.wait()

    def _answer(self, name: str, answer: _Answer) -> None:
        written = self.folder / f"{name}.written"
        written.write_bytes(msgspec.json.encode(answer))
        written.rename(self.folder / f"{name}.answer")


def ask(folder: Path, name: str) -> Running:
    """Return the broker of a name. It is started if it does not run yet.

    Raises:
        Unavailable: The broker cannot run. The message gives the reason.
    """
    (folder / f"{name}.wanted").touch()
    deadline = time.monotonic() + _ANSWER_SECONDS
    found = folder / f"{name}.answer"
    while not found.exists():
        assert time.monotonic() < deadline, f"no answer about the broker {name}"
        time.sleep(_POLL_SECONDS)
    answer = msgspec.json.decode(found.read_bytes(), type=_Answer)
    if answer.unavailable:
        raise (Offline if answer.offline else Unavailable)(answer.unavailable)
    return Running(answer.address, answer.what)
