"""Delivery to a real Alertmanager: firing, resolved, expired, down and up again."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from tests.alerting.samples import alerts
from tests.alertmanager import RealAlertmanager, installed_alertmanager
from tests.streams.notify.test_stage import record
from watchkeeper.alerting.alertmanager import Alertmanager, AlertmanagerRefusal
from watchkeeper.streams.kafka.embedded import free_port
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.metrics.outcomes import NOTIFICATION_OUTCOMES
from watchkeeper.streams.notify.alertmanager import AlertmanagerDeliverer
from watchkeeper.streams.notify.stage import NotifyFold
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.sinks import open_sinks

FIRING, RESOLVED, _ = alerts()
AGAIN = RESOLVED.updated_at + timedelta(days=1)
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.asyncio


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[RealAlertmanager]:
    with installed_alertmanager(tmp_path) as running:
        yield running


@asynccontextmanager
async def delivering(*urls: str, **options: Any) -> AsyncIterator[AlertmanagerDeliverer]:
    made = AlertmanagerDeliverer(urls, **options)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def telling(folder: Path) -> AsyncIterator[tuple[RealAlertmanager, list[dict[str, Any]]]]:
    """Give an Alertmanager, and what it has told its webhook."""
    heard: list[dict[str, Any]] = []

    async def hear(request: web.Request) -> web.Response:
        heard.extend((await request.json())["alerts"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hear)
    async with TestServer(app) as hook:
        with installed_alertmanager(folder, str(hook.make_url("/hook"))) as running:
            yield running, heard


def now_ms() -> int:
    return round(time.time() * 1000)


async def until(condition, seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := await asyncio.to_thread(condition)):
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.05)
    return found


async def test_an_alert_is_seen_firing_and_then_resolved(alertmanager):
    fold = NotifyFold()
    async with delivering(alertmanager.url) as deliverer:
        fold.fold("alerts", [record(FIRING)], now_ms())
        await deliverer.deliver(fold.outputs())
        (seen,) = await until(alertmanager.alerts)
        assert seen["labels"] == FIRING.labels
        assert seen["status"]["state"] in ("active", "unprocessed")
        assert (ROOT / seen["annotations"]["runbook_url"]).is_file()
        assert seen["annotations"]["began"] == "2013-09-01T02:00:00.000+00:00"
        fold.fold("alerts", [record(RESOLVED)], now_ms())
        await deliverer.deliver(fold.outputs())
        await until(lambda: alertmanager.alerts() == [])


async def test_what_is_delivered_once_more_from_before_does_not_fire_again_what_is_over(alertmanager):
    fold = NotifyFold()
    async with delivering(alertmanager.url) as deliverer:
        fold.fold("alerts", [record(FIRING)], now_ms())
        fired = fold.outputs()
        await deliverer.deliver(fired)
        fold.fold("alerts", [record(RESOLVED)], now_ms())
        await deliverer.deliver(fold.outputs())
        await until(lambda: alertmanager.alerts() == [])
        await deliverer.deliver(fired)
        assert await asyncio.to_thread(alertmanager.alerts) == []
        fold.fold(
            "alerts", [record(FIRING.model_copy(update={"updated_at": AGAIN, "started_at": AGAIN}))], now_ms()
        )
        await deliverer.deliver(fold.outputs())
        await until(alertmanager.alerts)


async def test_alertmanager_tells_its_receivers_when_it_fires_and_when_it_ends(tmp_path):
    async with telling(tmp_path) as (running, heard):
        fold = NotifyFold()
        async with delivering(running.url) as deliverer:
            for alert, state in ((FIRING, "firing"), (RESOLVED, "resolved")):
                fold.fold("alerts", [record(alert)], now_ms())
                await deliverer.deliver(fold.outputs())
                await until(lambda: state in [each["status"] for each in heard])  # noqa: B023
    assert [each["status"] for each in heard] == ["firing", "resolved"]
    assert heard[0]["annotations"]["summary"] == FIRING.annotations["summary"]
    assert heard[1]["annotations"]["resolution"] == RESOLVED.annotations["resolution"]


async def test_while_alertmanager_is_down_delivery_waits_and_is_done_once_it_is_up(alertmanager):
    alertmanager.stop()
    fold = NotifyFold()
    fold.fold("alerts", [record(FIRING)], now_ms())
    async with delivering(alertmanager.url) as deliverer:
        delivery = asyncio.create_task(deliverer.deliver(fold.outputs()))
        url = alertmanager.url
        await until(lambda: deliverer.alertmanager.failures[url] >= 2)
        assert not delivery.done()
        await asyncio.to_thread(alertmanager.start)
        await asyncio.wait_for(delivery, 30)
        assert len(await until(alertmanager.alerts)) == 1
        assert fold.outputs() == []


async def test_what_fired_and_ended_while_alertmanager_was_down_is_told_all_the_same(tmp_path):
    async with telling(tmp_path) as (running, heard):
        running.stop()
        fold = NotifyFold()
        fold.fold("alerts", [record(FIRING), record(RESOLVED)], now_ms())
        async with delivering(running.url, hold_seconds=2.0) as deliverer:
            delivery = asyncio.create_task(deliverer.deliver(fold.outputs()))
            await until(lambda: deliverer.alertmanager.failures[running.url] >= 1)
            await asyncio.to_thread(running.start)
            await asyncio.wait_for(delivery, 30)
            await until(lambda: len(heard) >= 2)
    assert [each["status"] for each in heard] == ["firing", "resolved"]


async def test_what_ends_at_once_is_told_to_fire_and_soon_to_be_over(tmp_path):
    async with telling(tmp_path) as (running, heard):
        fold = NotifyFold()
        async with delivering(running.url, hold_seconds=2.0) as deliverer:
            for alert in (FIRING, RESOLVED):
                fold.fold("alerts", [record(alert)], now_ms())
                await deliverer.deliver(fold.outputs())
            await until(lambda: len(heard) >= 2)
    assert [each["status"] for each in heard] == ["firing", "resolved"]


@pytest.mark.parametrize("wrong_by_seconds", [-600, 600])
async def test_a_worker_whose_clock_is_wrong_tells_by_alertmanagers_clock(tmp_path, wrong_by_seconds):
    async with telling(tmp_path) as (running, heard):
        fold, wrong_ms = NotifyFold(), now_ms() + wrong_by_seconds * 1000
        clock = lambda: time.time() + wrong_by_seconds  # noqa: E731
        async with delivering(running.url, hold_seconds=2.0, clock=clock) as deliverer:
            fold.fold("alerts", [record(FIRING), record(RESOLVED)], wrong_ms)
            await deliverer.deliver(fold.outputs())
            await until(lambda: len(heard) >= 2)
    assert [each["status"] for each in heard] == ["firing", "resolved"]


async def test_one_of_two_that_is_down_holds_nothing_back(alertmanager):
    fold = NotifyFold()
    fold.fold("alerts", [record(FIRING)], now_ms())
    down = f"http://127.0.0.1:{free_port()}"
    async with delivering(down, alertmanager.url) as deliverer:
        await deliverer.deliver(fold.outputs())
        assert set(deliverer.alertmanager.failures) == {down}
    assert len(await until(alertmanager.alerts)) == 1


async def test_what_fires_can_be_asked_for_by_its_labels(alertmanager):
    fold = NotifyFold()
    fold.fold("alerts", [record(FIRING)], now_ms())
    down = f"http://127.0.0.1:{free_port()}"
    async with delivering(down, alertmanager.url) as deliverer:
        client = deliverer.alertmanager
        some = {name: FIRING.labels[name] for name in ("alertname", "team")}
        assert await client.firing(some) == []
        await deliverer.deliver(fold.outputs())
        assert await client.firing(some) == [FIRING.labels]
        assert await client.firing(some | {"team": "another"}) == []
        alertmanager.stop()
        refusal = await client.firing(some)
        assert isinstance(refusal, AlertmanagerRefusal)
        assert down in refusal.message
        assert alertmanager.url in refusal.message


async def test_every_try_that_failed_is_counted(alertmanager):
    settings = Settings(alertmanagers=(alertmanager.url,))
    metrics = Metrics(CollectorRegistry())
    receiver = open_sinks(settings, metrics)["notify"]

    def count(outcome: str) -> float | None:
        labels = {"receiver": "alertmanager", "outcome": outcome}
        return metrics.registry.get_sample_value("watchkeeper_notifications_total", labels)

    assert [count(outcome) for outcome in NOTIFICATION_OUTCOMES] == [0, 0, 0]
    alertmanager.stop()
    fold = NotifyFold()
    fold.fold("alerts", [record(FIRING)], now_ms())
    delivery = asyncio.create_task(receiver.deliver(fold.outputs()))
    await until(lambda: count("failed") == 1)
    await asyncio.to_thread(alertmanager.start)
    await asyncio.wait_for(delivery, 30)
    await receiver.close()
    assert (count("delivered"), count("refused")) == (1, 0)


async def test_the_alerts_of_a_watchkeeper_that_died_expire(alertmanager):
    fold = NotifyFold()
    fold.fold("alerts", [record(FIRING)], now_ms())
    async with delivering(alertmanager.url, resend_seconds=0.25) as deliverer:
        await deliverer.deliver(fold.outputs())
    assert len(alertmanager.alerts()) == 1
    await until(lambda: alertmanager.alerts() == [])


async def test_what_alertmanager_refuses_is_told_in_its_own_words(alertmanager):
    async with Alertmanager([alertmanager.url]) as client:
        refusal = await client.post([{"labels": {"not a label": "x"}}])
    assert refusal is not None
    assert not refusal.recoverable
    assert "invalid label" in refusal.message
