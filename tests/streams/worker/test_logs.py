"""What a worker logs: its own handler lets repeats pass once, and those of others are left alone."""

import base64
import logging
import subprocess
import sys

import pytest

from watchkeeper.streams.worker.app import NoTables
from watchkeeper.streams.worker.logs import _CLIENTS, start_logging

SAYS = """
import base64
import logging
from watchkeeper.streams.worker.logs import start_logging
start_logging({level!r})
for node in range(3):
    logging.getLogger("streams").error("no node %s", node)
"""


def test_the_start_of_a_service_of_faust_is_no_news() -> None:
    assert NoTables.__module__ in _CLIENTS  # mode logs it as "[^--NoTables]: Starting..."


@pytest.mark.parametrize(("level", "lines"), [("INFO", 1), ("DEBUG", 3)])
def test_repeats_are_told_once_unless_all_is_asked_for(level: str, lines: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAYS.format(level=level)], capture_output=True, text=True, check=True
    )
    told = done.stderr.splitlines()
    assert len(told) == lines
    assert told[0].endswith("ERROR streams: no node 0")


def test_handlers_of_others_still_hear_everything(caplog: pytest.LogCaptureFixture) -> None:
    levels = {name: logging.getLogger(name).level for name in _CLIENTS}
    try:
        start_logging("INFO")
        for node in range(3):
            logging.getLogger("streams").error("no node %s", node)
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    assert len(caplog.records) == 3


SECRETS = ["hunter2", "it's \\ \"ü", "Bearer-0123"]
TELLS = """
import base64, logging
from watchkeeper.streams.worker.logs import start_logging
secrets = {secrets!r}
start_logging({level!r}, secrets)
for secret in secrets:
    for name in ("aiokafka.conn", "aiokafka.client", "faust", "watchkeeper.worker", "aiohttp.client"):
        for level in (10, 20, 30, 40, 50):
            log = logging.getLogger(name)
            login = b"\\0amy\\0" + secret.encode()
            log.log(level, "request %s of %s", login, secret)
            log.log(level, "request " + repr(secret) + base64.b64encode(secret.encode()).decode())
            try:
                raise ValueError(secret)
            except ValueError:
                log.log(level, "failed", exc_info=True)
"""


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_no_secret_is_logged_at_any_level(level: str) -> None:
    script = TELLS.format(secrets=SECRETS, level=level)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.count("********") > 10
    for secret in SECRETS:
        raw = secret.encode()
        for form in (secret, repr(secret)[1:-1], repr(raw)[2:-1], base64.b64encode(raw).decode()):
            assert form not in done.stderr


def test_requests_with_logins_are_not_logged_at_all() -> None:
    script = """
import base64
import logging
from watchkeeper.streams.worker.logs import start_logging
start_logging("DEBUG")
logging.getLogger("aiokafka.conn").debug("Request: SaslAuthenticateRequest")
logging.getLogger("aiokafka.conn").info("Authenticated as amy via PLAIN")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "SaslAuthenticateRequest" not in done.stderr
    assert "Authenticated as amy" in done.stderr
