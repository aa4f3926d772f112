"""What compose/ configures, run on this machine: the very files, with addresses and paths of here put in.

Nothing but these two kinds of text is replaced, and each must occur where it is expected.
"""

import asyncio
import os
import shutil
import socketserver
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from watchkeeper.demo.page_receiver import ReceivedPage, page_receiver
from watchkeeper.streams.kafka.embedded import free_port

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
PLACES = (
    "kafka:9092",
    "worker-1:6066",
    "worker-2:6066",
    "canary:6067",
    "alertmanager:9093",
    "localhost:9090",
    "prometheus:9090",
    "receiver:8090",
    "mail:1025",
    "localhost:8090",
)
"""Every address that a file of compose/ names for use inside the stack."""
SECRETS = "/run/secrets/"


class Places:
    """Free ports of this machine in place of the hosts of the stack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = {place: free_port() for place in PLACES}
        self._ports["localhost:9090"] = self._ports["prometheus:9090"]
        self._ports["localhost:8090"] = self._ports["receiver:8090"]  # links of pages, for a reader's browser

    def __getitem__(self, place: str) -> str:
        return f"127.0.0.1:{self._ports[place]}"

    def port(self, place: str) -> int:
        return self._ports[place]

    def here(self, text: str) -> str:
        """Return a text of compose/ with the addresses and the folder of secrets of here."""
        for place in PLACES:
            text = text.replace(place, self[place])
        return text.replace(SECRETS, f"{self.folder}/secrets/")

    def copy(self, name: str) -> Path:
        """Copy a folder of compose/ with addresses and paths of here."""
        target = self.folder / name
        for path in sorted((COMPOSE / name).rglob("*")):
            if path.is_file():
                copy = target / path.relative_to(COMPOSE / name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(self.here(path.read_text()))
        return target

    def write_secrets(self, secrets: Mapping[str, str]) -> None:
        """Write the files that receivers read their keys from."""
        folder = self.folder / "secrets"
        folder.mkdir(exist_ok=True)
        for name, secret in secrets.items():
            (folder / name).write_text(self.here(secret))


class Program:
    """A program that serves HTTP, until the test ends."""

    def __init__(self, command: list[str], log: Path, address: str, ready: str = "/-/ready") -> None:
        self.address = address
        self.log = log
        self._ready = ready
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)

    def wait(self, seconds: float = 60) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"it did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def get(self, path: str) -> bytes:
        return http_get(self.address, path)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            self.get(self._ready)
        except (HTTPException, OSError):
            return False
        return True


def http_get(address: str, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
    """Ask, and return the answer; HTTPException where it is not 200."""
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise HTTPException(f"{path} answered {answer.status}: {text[:500]!r}")
        return text
    finally:
        connection.close()


def need(*names: str) -> str:
    """Return the first of these programs that is installed; without one skip, or in CI fail."""
    for name in names:
        if found := shutil.which(name):
            return found
    reason = f"{names[0]} is not installed; .ci/run names the Debian package that has it"
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs it: {reason}", pytrace=False)
    pytest.skip(reason)


@contextmanager
def alertmanager(places: Places) -> Iterator[Program]:
    """Run Alertmanager on its file of compose/."""
    binary = need("prometheus-alertmanager", "alertmanager")
    address = places["alertmanager:9093"]
    command = [
        binary,
        f"--config.file={places.copy('alertmanager')}/alertmanager.yml",
        f"--storage.path={places.folder}/alertmanager-data",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    program = Program(command, places.folder / "alertmanager.log", address)
    try:
        program.wait()
        yield program
    finally:
        program.stop()


@contextmanager
def prometheus(places: Places) -> Iterator[Program]:
    """Run Prometheus on its file of compose/."""
    binary = need("prometheus")
    address = places["prometheus:9090"]
    command = [
        binary,
        f"--config.file={places.copy('prometheus')}/prometheus.yml",
        f"--storage.tsdb.path={places.folder}/prometheus-data",
        f"--web.listen-address={address}",
    ]
    program = Program(command, places.folder / "prometheus.log", address)
    try:
        program.wait()
        yield program
    finally:
        program.stop()


@contextmanager
def receiver(places: Places, runbooks: Path | None = None) -> Iterator[deque[ReceivedPage]]:
    """Run the page receiver of the stack in a thread, and give what it gets."""
    pages: deque[ReceivedPage] = deque()
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(page_receiver(pages, runbooks, quiet=True), access_log=None)

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(runner.setup())
        loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", places.port("receiver:8090")).start())
        started.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    started = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    assert started.wait(20)
    try:
        yield pages
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)


class _Smtp(socketserver.StreamRequestHandler):
    """Takes mail as RFC 5321 has it, and no more of it than Alertmanager says."""

    def handle(self) -> None:
        self._say("220 mail")
        for line in iter(self.rfile.readline, b""):
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self._say("354 go on")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())  # type: ignore[attr-defined]
            self._say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail(places: Places) -> Iterator[list[str]]:
    """Run a mail server, and give what it gets."""
    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", places.port("mail:1025")), _Smtp)
    server.mails = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.mails
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)


def until(condition: Any, seconds: float = 60, what: str = "") -> Any:
    """Wait for something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what or 'it'} did not happen within {seconds:g} s"
        time.sleep(0.2)
    return found
