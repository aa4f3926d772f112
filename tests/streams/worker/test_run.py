"""What a worker prints besides pages: nothing."""

import subprocess
import sys

STARTS = """
import asyncio
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker.app import make_app
from watchkeeper.streams.worker.run import faust_worker
faust_worker(make_app(Settings()), asyncio.new_event_loop())._on_startup_end_spinner()
"""


def test_faust_writes_no_control_characters_to_standard_output() -> None:
    done = subprocess.run([sys.executable, "-c", STARTS], capture_output=True, text=True, check=True)
    assert done.stdout == ""
