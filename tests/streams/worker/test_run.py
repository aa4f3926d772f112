"""What a worker prints besides pages: nothing."""

import asyncio

import pytest

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker.app import make_app
from watchkeeper.streams.worker.run import faust_worker


def test_faust_writes_no_control_characters_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    loop = asyncio.new_event_loop()
    try:
        faust_worker(make_app(Settings()), loop)._on_startup_end_spinner()
    finally:
        loop.close()
    assert capsys.readouterr().out == ""
