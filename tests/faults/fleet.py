"""Worker processes that can be killed, frozen, stopped, and given a wrong clock."""

import atexit
import contextlib
import functools
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from tests.faults.worker import TRIGGER
from watchkeeper.streams.settings import Settings

ROOT = Path(__file__).parents[2]
SAVE_SECONDS = 5.0
"""How long to wait until a worker that should freeze in a save does so."""
STOP_SECONDS = 5.0
"""Seconds within which a worker must stop when asked, despite all other faults."""


@functools.cache
def wrong_clock() -> Path | None:
    """Build the library that gives a process a wrong clock; None if there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = Path(tempfile.mkdtemp(prefix="watchkeeper-clock-"), "clock.so")
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", library, source, "-ldl"], check=True)
    atexit.register(shutil.rmtree, library.parent, ignore_errors=True)
    return library


class FleetWorker:
    """One worker process."""

    def __init__(self, number: int, folder: Path, environment: dict[str, str]) -> None:
        self.number = number
        self.log = folder / f"worker-{number}.log"
        self.frozen = False
        self._clock = folder / f"clock-{number}"
        self._trigger = folder / f"freeze-{number}"
        self._set_clock(0)
        environment = environment | {TRIGGER: str(self._trigger)}
        library = wrong_clock()
        if library is not None:
            environment = environment | {"LD_PRELOAD": str(library), "FAULTS_CLOCK": str(self._clock)}
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "tests.faults.worker", "worker"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=ROOT)

    def joined(self) -> bool:
        """Whether it has become a member of the group."""
        return b"generation" in self.log.read_bytes()

    def save_pages(self) -> None:
        """Save its health and metrics beside its log."""
        found = re.search(rb"metrics at (\S+)/metrics", self.log.read_bytes())
        for page in ("live", "ready", "metrics"):
            with contextlib.suppress(OSError):
                address = f"{found[1].decode() if found else ''}/{page}"
                with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own worker
                    self.log.with_suffix(f".{page}").write_bytes(answer.read())

    def found_no_broker(self) -> bool:
        """Whether it ended because no broker answered at its start. A supervisor would restart it."""
        return self.process.poll() == 2 and b"no Kafka broker answers" in self.log.read_bytes()

    def jump(self, seconds: float) -> None:
        """Set the offset of its clock from the true time."""
        self._set_clock(seconds)

    def _set_clock(self, seconds: float) -> None:
        with self._clock.open("r+b" if self._clock.exists() else "wb") as clock:
            clock.write(struct.pack("=q", round(seconds * 1e9)))

    def freeze(self, frozen: bool) -> None:
        """Stop the process, or continue it."""
        self.frozen = frozen
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def freeze_in_save(self) -> bool:
        """Freeze it at its next checkpoint. Return False if it writes none for seconds."""
        self._trigger.touch()
        deadline = time.monotonic() + SAVE_SECONDS
        while self._trigger.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            self._trigger.unlink()
        except FileNotFoundError:
            self.frozen = True
        return self.frozen


class Fleet:
    """The workers of one schedule. `troubles` lists every unexpected exit."""

    def __init__(self, settings: Settings, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._environment = os.environ | {
            "WATCHKEEPER_BROKER": settings.broker,
            "WATCHKEEPER_APPLICATION": settings.application,
            "WATCHKEEPER_TOPIC_PREFIX": settings.topic_prefix,
            "WATCHKEEPER_PARTITIONS": str(settings.partitions),
            "WATCHKEEPER_SESSION_TIMEOUT_SECONDS": str(settings.session_timeout_seconds),
            "WATCHKEEPER_CHECKPOINT_SECONDS": str(settings.checkpoint_seconds),
            "WATCHKEEPER_IDLE_SECONDS": str(settings.idle_seconds),
            "WATCHKEEPER_WEB_PORT": "0",
            **environment,
        }
        self._lock = threading.Lock()
        self._alive: list[FleetWorker] = []
        self._count = 0
        self.troubles: list[str] = []
        self.slowest_stop_seconds = 0.0

    def start(self) -> None:
        """Start one more worker."""
        with self._lock:
            self._start()

    def _start(self) -> None:
        self._alive.append(FleetWorker(self._count, self._folder, self._environment))
        self._count += 1

    def alive(self) -> list[FleetWorker]:
        """Return the workers that should be running. One that has ended by itself is a problem."""
        with self._lock:
            for worker in list(self._alive):
                code = worker.process.poll()
                if code is not None:
                    self._alive.remove(worker)
                if worker.found_no_broker():
                    self._start()
                elif code is not None:
                    self.troubles.append(f"worker {worker.number} ended by itself with {code}: {worker.log}")
            return list(self._alive)

    def pick(self, who: int, frozen: bool | None = None) -> FleetWorker | None:
        """Return the worker that a fault affects."""
        fits = [worker for worker in self.alive() if frozen is None or worker.frozen == frozen]
        return fits[who % len(fits)] if fits else None

    def kill(self, worker: FleetWorker) -> None:
        """Kill a worker."""
        with self._lock:
            self._alive.remove(worker)
        worker.process.kill()
        worker.process.wait()

    def stop(self, worker: FleetWorker) -> None:
        """Ask a worker to stop, and wait up to `STOP_SECONDS`."""
        with self._lock:
            if worker not in self._alive:
                return
            self._alive.remove(worker)
        worker.process.terminate()
        began = time.monotonic()
        try:
            code = worker.process.wait(60)
        except subprocess.TimeoutExpired:
            code = None
            worker.process.kill()
        seconds = time.monotonic() - began
        self.slowest_stop_seconds = max(self.slowest_stop_seconds, seconds)
        if code == -signal.SIGTERM and not worker.joined():
            code = 0  # stopped before it had started
        if (code != 0 or seconds > STOP_SECONDS) and not worker.found_no_broker():
            self.troubles.append(
                f"worker {worker.number} took {seconds:.1f} s to stop, with {code}: {worker.log}"
            )

    def stop_all(self) -> None:
        """Ask all to stop."""
        stopping = [threading.Thread(target=self.stop, args=[worker]) for worker in self.alive()]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

    def close(self) -> None:
        """Kill all remaining workers."""
        for worker in self._alive:
            worker.process.kill()
            worker.process.wait()
