"""Rejected events that name nobody: one alert, repeated while they come, and the worker goes on."""

import asyncio
import logging
from datetime import timedelta

import pytest

from watchkeeper.alerting.alertmanager import payload
from watchkeeper.schemas.alerts import Notice
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.fold.rejected_share import RejectedShare
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker import unnamed_rejections
from watchkeeper.streams.worker.unnamed_rejections import (
    FIRES_FOR,
    REPEAT_MS,
    RETRY_MS,
    UnnamedRejections,
    alert_of,
)

SETTINGS = Settings(topic_prefix="ml.")
NOW_MS = 1_767_225_600_000


def share(partition: int = 3, offset: int = 4711, rejected: int = 501) -> RejectedShare:
    sample = f"predictions/{partition}/{offset}: it is not JSON"
    return RejectedShare("predictions", partition, rejected, 1000, "malformed_json", sample)


def looked(*looks: tuple[list[RejectedShare], int], accepts: bool = True) -> list[Notice]:
    """The notices that were sent, for the shares at times."""
    told: list[Notice] = []

    async def deliver(messages: list[Message]) -> None:
        told.extend(Notice.model_validate_json(message.value) for message in messages)
        if not accepts:
            raise ConnectionError("no route")

    async def look() -> None:
        rejections = UnnamedRejections(SETTINGS, deliver)
        for shares, now_ms in looks:
            rejections.look(shares, now_ms)
            await asyncio.gather(*rejections._sending)

    asyncio.run(look())
    return told


def test_the_page_says_what_came_and_ends_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    unnamed_rejections.log.disabled = False  # as Faust's set-up of logging leaves it
    with caplog.at_level(logging.ERROR):
        (notice,) = looked(([share()], NOW_MS))
    assert notice.alert.labels["topic"] == "ml.predictions"
    assert notice.alert.labels["team"] == SETTINGS.team
    assert notice.alert.pages
    (posted,) = payload([notice], notice.fired_at, timedelta(minutes=4))
    assert posted["endsAt"] > posted["startsAt"]
    assert notice.resolved_at == notice.fired_at + FIRES_FOR
    (record,) = caplog.records
    assert record.getMessage() == (
        "501 of the last 1000 events of predictions, partition 3, were rejected and name no model or feature "
        "view, most as malformed_json; the last is predictions/3/4711: it is not JSON; see "
        "docs/runbooks/RejectedShareHigh.md"
    )


def test_it_is_repeated_while_new_events_are_rejected_and_not_after_that() -> None:
    step = REPEAT_MS // 10
    bad = [([share(offset=i)], NOW_MS + i * step) for i in range(25)]
    quiet = [([share(offset=24)], NOW_MS + i * step) for i in range(25, 100)]
    sent = looked(*bad, *quiet)
    assert [notice.fired_at.timestamp() * 1000 - NOW_MS for notice in sent] == [
        0,
        REPEAT_MS,
        2 * REPEAT_MS,
        3 * REPEAT_MS,
    ]


def test_it_is_one_alert_for_all_partitions_and_after_each_restart() -> None:
    assert len(looked(([share(3), share(1)], NOW_MS))) == 1
    alerts = [alert_of(share(3), SETTINGS, NOW_MS), alert_of(share(1, rejected=640), SETTINGS, NOW_MS + 9000)]
    assert len({alert.fingerprint for alert in alerts}) == 1
    elsewhere = SETTINGS.model_copy(update={"application": "other"})
    assert alert_of(share(), elsewhere, NOW_MS).fingerprint != alerts[0].fingerprint


def test_a_page_that_nobody_takes_is_sent_again() -> None:
    times = [NOW_MS, NOW_MS + RETRY_MS - 1, NOW_MS + RETRY_MS]
    assert len(looked(*[([share()], now_ms) for now_ms in times], accepts=False)) == 2
