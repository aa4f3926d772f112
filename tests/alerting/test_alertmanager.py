"""The client, against servers that answer as an Alertmanager may; the real one is in tests/streams."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.alerting.samples import NOW, notices
from watchkeeper.alerting.alertmanager import Alertmanager, Credentials, payload
from watchkeeper.streams.kafka.embedded import free_port

SENT = payload(notices()[:1], NOW, timedelta(minutes=4))
pytestmark = pytest.mark.asyncio


class Server:
    """Answers every request with one status, and keeps what it was sent."""

    def __init__(self, status: int = 200, text: str = "") -> None:
        self.status = status
        self.text = text
        self.bodies: list[Any] = []
        self.headers: list[Any] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.headers.append(request.headers)
        return web.Response(status=self.status, text=self.text)


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/api/v2/alerts", server.answer)
    async with TestServer(app) as running:
        yield str(running.make_url("/"))


async def test_it_has_arrived_when_one_of_several_took_it_and_all_were_tried():
    first, second = Server(500), Server()
    async with serving(first) as one, serving(second) as two, Alertmanager([one, two]) as both:
        assert await both.post(SENT) is None
        assert first.bodies == second.bodies == [SENT]
        assert both.failures == {one.rstrip("/"): 1}


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_what_may_pass_is_worth_another_try(status):
    async with serving(Server(status, "busy")) as url, Alertmanager([url]) as client:
        refusal = await client.post(SENT)
        assert refusal is not None
        assert refusal.recoverable
        assert f"answered {status}: busy" in refusal.message


@pytest.mark.parametrize("status", [400, 401, 404, 413])
async def test_what_will_not_pass_is_told_in_the_servers_words(status):
    async with serving(Server(status, "no such thing")) as url, Alertmanager([url]) as client:
        refusal = await client.post(SENT)
        assert refusal is not None
        assert not refusal.recoverable
        assert "no such thing" in refusal.message


async def test_one_that_may_come_back_is_worth_waiting_for_whatever_the_others_say():
    async with serving(Server(400)) as url, Alertmanager([url, f"http://127.0.0.1:{free_port()}"]) as client:
        refusal = await client.post(SENT)
        assert refusal is not None
        assert refusal.recoverable


async def test_one_that_does_not_answer_in_time_is_worth_another_try():
    async def sleep(request: web.Request) -> web.Response:
        await request.content.readany()
        await asyncio.sleep(5)
        return web.Response()

    server = Server()
    server.answer = sleep  # type: ignore[method-assign]
    async with serving(server) as url, Alertmanager([url], timeout_seconds=0.1) as client:
        refusal = await client.post(SENT)
        assert refusal is not None
        assert refusal.recoverable
        assert "could not be reached" in refusal.message


async def test_each_failure_is_counted_and_said_once_until_it_is_over(caplog):
    caplog.set_level(logging.INFO, "watchkeeper.alerting.alertmanager")
    server = Server(500, "down")
    async with serving(server) as url, Alertmanager([url]) as client:
        for _ in range(3):
            await client.post(SENT)
        server.status = 200
        await client.post(SENT)
        assert client.failures[url.rstrip("/")] == 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_it_logs_in_with_what_the_files_say_now(tmp_path):
    secret = tmp_path / "secret"
    server = Server()
    async with serving(server) as url:
        for credentials in (Credentials(bearer_file=secret), Credentials("us", password_file=secret)):
            async with Alertmanager([url], credentials) as client:
                for word in ("old", "new"):
                    secret.write_text(f"{word}\n")
                    await client.post(SENT)
    expected = ["Bearer old", "Bearer new"]
    expected += [f"Basic {base64.b64encode(pair).decode()}" for pair in (b"us:old", b"us:new")]
    assert [headers["Authorization"] for headers in server.headers] == expected


async def test_without_its_secret_it_waits_for_one(tmp_path):
    credentials = Credentials(bearer_file=tmp_path / "missing")
    async with Alertmanager(["http://127.0.0.1:9"], credentials) as client:
        refusal = await client.post(SENT)
        assert refusal is not None
        assert refusal.recoverable
        assert "missing" in refusal.message


async def test_of_several_notices_of_one_alert_only_the_last_is_sent():
    fired, resolved = notices()
    (sent,) = payload([fired, resolved], NOW, timedelta(minutes=4))
    assert sent["endsAt"] == "2026-01-02T03:06:05.000+00:00"


async def test_a_firing_alert_that_waited_long_still_ends_in_the_future():
    fired, _ = notices()
    later = NOW + timedelta(hours=5)
    (sent,) = payload([fired], later, timedelta(minutes=4))
    assert sent["startsAt"] == "2026-01-02T03:04:05.000+00:00"
    assert sent["endsAt"] == "2026-01-02T08:08:05.000+00:00"
