"""One worker process that benchmarks start, observe over HTTP and stop."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from benchmarks.contest import tail
from watchkeeper.streams.kafka.embedded import free_port
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import FLOWS

TIMEOUT_SECONDS = 300
"""Longest life of a worker in seconds. Chosen by hand: far longer than any benchmark needs."""
LOG_BYTES_MAX = 1 << 20
"""Bytes of the log that are read."""
COMMAND = [sys.executable, "-m", "watchkeeper.streams.cli", "worker"]


class Worker:
    """One worker process, observed over HTTP."""

    def __init__(self, settings: Settings) -> None:
        self.began = time.monotonic()
        self._port = free_port()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        given = {
            "BROKER": settings.broker,
            "TOPIC_PREFIX": settings.topic_prefix,
            "APPLICATION": settings.application,
            "PARTITIONS": str(settings.partitions),
            "WEB_PORT": str(self._port),
        }
        environment = os.environ | {f"WATCHKEEPER_{name}": value for name, value in given.items()}
        self.process = subprocess.Popen(COMMAND, env=environment, stdout=self._log, stderr=self._log)

    def until(self, condition: Callable[[], bool]) -> float:
        """Wait for a condition. Return the seconds since the start of the process."""
        while not condition():
            if self.process.poll() is not None or time.monotonic() - self.began > TIMEOUT_SECONDS:
                raise SystemExit(f"the worker did not get that far:\n{tail(self._logged())}")
            time.sleep(0.05)
        return time.monotonic() - self.began

    def has_logged(self, pattern: str) -> bool:
        """Whether its log matches a pattern. Before it has joined the group, it does not answer over HTTP."""
        return re.search(pattern, self._logged()) is not None

    def is_ready(self, partitions: int) -> bool:
        """Whether every stage of every partition is restored."""
        return len(self.ready()) == partitions * len(FLOWS)

    def ready(self) -> set[str]:
        """Return its stages and partitions once all of them are restored; until then nothing."""
        try:
            ready = json.loads(self._get("ready"))
        except ValueError:
            return set()
        return set(ready["partitions"]) if ready["ok"] else set()

    def saved(self) -> int:
        """Return the number of events in checkpoints."""
        return round(sum(self._samples('watchkeeper_events_total{outcome="accepted"').values()))

    def is_calm(self) -> bool:
        """Whether all records of all stages are folded and saved."""
        lags = self._samples("watchkeeper_lag_records{")
        return bool(lags) and not any(lags.values())

    def cpu_seconds(self) -> float:
        """Return its processor time since its start."""
        return sum(self._samples("process_cpu_seconds_total").values())

    def checkpoint_bytes(self) -> dict[str, float]:
        """Return the size of the largest checkpoint of each stage."""
        sizes: dict[str, float] = dict.fromkeys((flow.name for flow in FLOWS), 0.0)
        for labels, size in self._samples("watchkeeper_checkpoint_bytes{").items():
            [stage] = re.findall(r'stage="(\w+)"', labels)
            sizes[stage] = max(size, sizes[stage])
        return sizes

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal and wait until it has ended."""
        self.process.send_signal(how)
        self.process.wait(TIMEOUT_SECONDS)
        self._log.close()

    def _logged(self) -> str:
        # `seek` would move the position at which the worker writes.
        return os.pread(self._log.fileno(), LOG_BYTES_MAX, 0).decode(errors="replace")

    def _samples(self, start: str) -> dict[str, float]:
        lines = (line.rpartition(" ") for line in self._get("metrics").splitlines() if line.startswith(start))
        return {name: float(value) for name, _, value in lines}

    def _get(self, page: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{page}", timeout=10) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError, TimeoutError):  # not started, or not ready
            return ""
