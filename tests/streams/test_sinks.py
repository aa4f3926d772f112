"""Which receiver a sink has, what is counted of it, and that one more is one more line."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from watchkeeper.alerting.alertmanager import Credentials
from watchkeeper.streams.errors import DeclarationError
from watchkeeper.streams.fold.outlet import Sink, always
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.notify.alertmanager import AlertmanagerDeliverer, alertmanager
from watchkeeper.streams.notify.receiver import NoticesRefused, Opening, Receiver
from watchkeeper.streams.notify.terminal import TerminalDeliverer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.sinks import SINKS, open_sinks

MESSAGES = [Message("notify", b"k", b"v"), Message("notify", b"l", b"w")]


class HookDeliverer:
    """A receiver that is added: its file."""

    def __init__(self, opening: Opening) -> None:
        self._failed = opening.failed
        self.taken: list[Message] = []
        self.closed = False

    async def deliver(self, messages: list[Message], is_current: Any = always) -> None:
        if any(message.value == b"never" for message in messages):
            raise NoticesRefused("it is too odd")
        self._failed(len(messages))  # the first try
        self.taken += messages

    async def close(self) -> None:
        self.closed = True


def hook(opening: Opening) -> Sink | None:
    """Make it from the settings, if they ask for it: here, by the name of the team."""
    return HookDeliverer(opening) if opening.settings.team == "hook" else None


WITH_HOOK = {"notify": {"hook": hook, **SINKS["notify"]}}
"""The table with its line."""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def count(metrics: Metrics, receiver: str, outcome: str) -> float | None:
    labels = {"receiver": receiver, "outcome": outcome}
    return metrics.registry.get_sample_value("watchkeeper_notifications_total", labels)


@pytest.mark.parametrize(
    ("settings", "name", "made"),
    [
        (Settings(), "terminal", TerminalDeliverer),
        (Settings(alertmanagers=("http://nowhere:9093",)), "alertmanager", AlertmanagerDeliverer),
        (Settings(team="hook", alertmanagers=("http://nowhere:9093",)), "hook", HookDeliverer),
    ],
)
def test_the_first_receiver_that_the_settings_ask_for_is_used(
    settings: Settings, name: str, made: type, metrics: Metrics
) -> None:
    async def opened() -> Receiver:
        return open_sinks(settings, metrics, sinks=WITH_HOOK)["notify"]

    receiver = asyncio.run(opened())
    assert (receiver.name, type(receiver._deliverer)) == (name, made)
    assert [count(metrics, name, outcome) for outcome in ("delivered", "failed", "refused")] == [0, 0, 0]


def test_a_new_receiver_takes_notices_and_is_counted(
    metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = open_sinks(Settings(team="hook"), metrics, sinks=WITH_HOOK)["notify"]
    deliverer: Any = receiver._deliverer
    asyncio.run(receiver.deliver(MESSAGES))
    assert deliverer.taken == MESSAGES
    logging.getLogger("watchkeeper.receiver").disabled = False  # as Faust's set-up of logging leaves it
    asyncio.run(receiver.deliver([Message("notify", b"k", b"never")]))
    assert "hook refused 1 notices and will not accept them later: it is too odd" in caplog.text
    assert [count(metrics, "hook", outcome) for outcome in ("delivered", "failed", "refused")] == [2, 2, 1]
    asyncio.run(receiver.close())
    assert deliverer.closed


def test_a_sink_for_which_the_settings_name_no_receiver_is_an_error_at_the_start(metrics: Metrics) -> None:
    with pytest.raises(DeclarationError, match="no receiver of notify is set; set one of: hook"):
        open_sinks(Settings(), metrics, sinks={"notify": {"hook": hook}})


def test_settings_and_the_clock_reach_the_receivers(tmp_path: Path) -> None:
    (secret := tmp_path / "secret").write_text("s")
    settings = Settings(
        alertmanagers=("http://nowhere:9093",), alertmanager_hold_seconds=7, alertmanager_username="us",
        alertmanager_password_file=secret, alertmanager_bearer_file=secret,
    )  # fmt: skip
    failures: list[int] = []
    made = alertmanager(Opening(settings, failures.append, clock_seconds=lambda: 5.0))
    assert made is not None
    made._failed(3)
    assert (made._hold, made._clock(), failures) == (timedelta(seconds=7), 5.0, [3])
    assert made.alertmanager._credentials == Credentials("us", secret, secret)
    assert made._expire == timedelta(minutes=4)  # four repeats may be missing, as with Prometheus


@pytest.mark.parametrize("json_pages", [False, True])
def test_the_terminal_prints_pages_as_it_is_told(json_pages: bool, metrics: Metrics) -> None:
    receiver: Any = open_sinks(Settings(), metrics, json_pages)["notify"]
    assert receiver._deliverer._as_json == json_pages
