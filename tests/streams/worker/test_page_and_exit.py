"""The end of a worker that rejects too much: one sentence, one page, one code."""

import asyncio
import logging
from datetime import timedelta

import pytest

from watchkeeper.alerting.alertmanager import payload
from watchkeeper.schemas.alerts import Notice
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.fold.rejected_share import Excess, RejectedShareHigh
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker import page_and_exit as too_many_rejected
from watchkeeper.streams.worker.page_and_exit import (
    EXIT_TOO_MANY_REJECTED,
    FIRES_FOR,
    alert_of,
    page_and_exit,
)

SETTINGS = Settings(topic_prefix="ml.")
NOW_MS = 1_767_225_600_000


class Ended(BaseException):
    """The process ends here."""


def error(partition: int = 3, rejected: int = 501) -> RejectedShareHigh:
    why = "Object missing required field `features`"
    return RejectedShareHigh(f"predictions/{partition}/4711", why, Excess(7, rejected, 1000, "invalid_event"))


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended

    monkeypatch.setattr(too_many_rejected.os, "_exit", end)
    monkeypatch.setattr(too_many_rejected.log, "disabled", False)  # as Faust's set-up of logging leaves it
    monkeypatch.setattr(too_many_rejected.logging, "shutdown", lambda: None)
    return codes


def test_on_call_is_told_before_the_end(ended: list[int], caplog: pytest.LogCaptureFixture) -> None:
    told: list[Notice] = []

    async def deliver(messages: list[Message]) -> None:
        told.extend(Notice.model_validate_json(message.value) for message in messages)

    with pytest.raises(Ended), caplog.at_level(logging.CRITICAL):
        asyncio.run(page_and_exit(error(), SETTINGS, deliver, NOW_MS))
    assert ended == [EXIT_TOO_MANY_REJECTED]
    (notice,) = told
    assert notice.alert.labels["topic"] == "ml.predictions"
    assert notice.alert.pages
    (posted,) = payload(told, notice.fired_at, timedelta(minutes=4))
    assert posted["endsAt"] > posted["startsAt"]
    assert notice.resolved_at == notice.fired_at + FIRES_FOR
    (record,) = caplog.records
    said = record.getMessage()
    assert said == (
        "stopping: 501 of the last 1000 events of predictions, partition 3, were rejected, most as "
        "invalid_event; predictions/3/4711 is the first that is left unread: Object missing required field "
        "`features`; fix the publisher or the monitor, or let them pass with "
        "WATCHKEEPER_REJECTED_SHARE_MAX=1; see docs/runbooks/RejectedShareHigh.md"
    )


def test_it_is_one_alert_for_all_partitions_and_after_each_restart() -> None:
    alerts = [alert_of(error(3), SETTINGS, NOW_MS), alert_of(error(1, 640), SETTINGS, NOW_MS + 9000)]
    assert len({alert.fingerprint for alert in alerts}) == 1
    elsewhere = SETTINGS.model_copy(update={"application": "other"})
    assert alert_of(error(), elsewhere, NOW_MS).fingerprint != alerts[0].fingerprint


@pytest.mark.parametrize("seconds", [0, 60])
def test_the_worker_ends_also_where_nobody_takes_the_page(
    ended: list[int], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    async def fails(_: list[Message]) -> None:
        await asyncio.sleep(seconds)
        raise ConnectionError("no route")

    monkeypatch.setattr(too_many_rejected, "PAGE_SECONDS", 0.05)
    with pytest.raises(Ended):
        asyncio.run(page_and_exit(error(), SETTINGS, fails, NOW_MS))
    assert ended == [EXIT_TOO_MANY_REJECTED]
