"""The web server answers Prometheus and whatever runs the worker."""

from urllib.request import urlopen

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from watchkeeper.streams.errors import UserError
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.worker.web import Health, listen, serve_in_thread, start_web, web_app

pytestmark = pytest.mark.asyncio


async def get(path: str, ready: bool = True, accept: str = "*/*") -> tuple[int, str, str]:
    metrics = Metrics(CollectorRegistry())
    metrics.observe_chunk("ingest", "labels", 0, rows=5, seconds=0.1)
    app = web_app(metrics, lambda: Health(True, {}), lambda: Health(ready, {"partitions": 0}))
    runner, address = await start_web(app, listen("127.0.0.1", 0))
    try:
        async with (
            ClientSession() as session,
            session.get(address + path, headers={"Accept": accept}) as answer,
        ):
            return answer.status, answer.headers["Content-Type"], await answer.text()
    finally:
        await runner.cleanup()


async def test_prometheus_can_read_the_metrics() -> None:
    status, content_type, text = await get("/metrics")
    assert (status, content_type.split(";")[0]) == (200, "text/plain")
    assert 'watchkeeper_rows_total{partition="0",stage="ingest",topic="labels"} 5.0' in text
    assert "process_cpu_seconds_total" in text


async def test_openmetrics_is_given_to_who_asks_for_it() -> None:
    _, content_type, text = await get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


async def test_health_says_what_it_rests_on() -> None:
    assert await get("/live") == (200, "application/json; charset=utf-8", '{"ok": true}')
    assert await get("/ready", ready=False) == (
        503, "application/json; charset=utf-8", '{"ok": false, "partitions": 0}',
    )  # fmt: skip


async def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"127.0.0.1:{port} can't be listened on .*--web-port"):
            listen("127.0.0.1", port)


async def test_a_host_that_is_not_ours_is_told_in_a_sentence() -> None:
    with pytest.raises(UserError, match=r"no-such-host.invalid:6066 can't be listened on .*WEB_HOST"):
        listen("no-such-host.invalid", 6066)


async def test_probes_are_answered_while_the_event_loop_is_busy() -> None:
    metrics = Metrics(CollectorRegistry())
    app = web_app(metrics, lambda: Health(True, {}), lambda: Health(True, {}))
    address = serve_in_thread(app, listen("127.0.0.1", 0))
    for path in ("/live", "/ready", "/metrics"):  # this call blocks the loop: served by it, it would not end
        with urlopen(address + path, timeout=30) as answer:  # noqa: ASYNC210, S310
            assert answer.status == 200
