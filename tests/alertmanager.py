"""Starts a real Alertmanager on a free port: Debian's `prometheus-alertmanager`, or `alertmanager`."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.streams.kafka.embedded import free_port

BINARIES = ("prometheus-alertmanager", "alertmanager")
CONFIG = """
route: {{receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: test{webhook}}}]
"""


class RealAlertmanager:
    """One Alertmanager, which can be stopped and restarted at the same address."""

    def __init__(self, binary: str, folder: Path, webhook: str | None = None) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._binary = binary
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        hook = f", webhook_configs: [{{url: '{webhook}'}}]" if webhook else ""
        (folder / "alertmanager.yml").write_text(CONFIG.format(webhook=hook))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            self._binary,
            f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--cluster.listen-address=",
        ]
        log = self._folder / "alertmanager.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + 30
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Alertmanager did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, and wait until it has ended."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def alerts(self) -> list[dict[str, Any]]:
        """Return the firing alerts of its API."""
        return json.loads(self._get("/api/v2/alerts"))

    def _is_ready(self) -> bool:
        try:
            return self._get("/-/ready") is not None
        except (HTTPException, OSError):
            return False

    def _get(self, path: str) -> bytes:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status != 200:
                raise HTTPException(f"{path} answered {answer.status}")
            return answer.read()
        finally:
            connection.close()


@contextmanager
def installed_alertmanager(folder: Path, webhook: str | None = None) -> Iterator[RealAlertmanager]:
    """Yield a running Alertmanager. If the program is missing, skip the test, or fail in CI."""
    binary = next(filter(None, map(shutil.which, BINARIES)), None)
    if binary is None:
        reason = "Alertmanager is not installed; Debian has it as prometheus-alertmanager"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs it: {reason}", pytrace=False)
        pytest.skip(reason)
    running = RealAlertmanager(binary, folder, webhook)
    try:
        running.start()
        yield running
    finally:
        running.stop()
