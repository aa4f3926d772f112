"""What a worker logs: its own handler lets repeats pass once, and those of others are left alone."""

import logging
import subprocess
import sys

import pytest

from watchkeeper.streams.worker.app import NoTables
from watchkeeper.streams.worker.logs import _CLIENTS, start_logging

SAYS = """
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
