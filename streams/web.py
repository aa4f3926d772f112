"""The worker's small web server: metrics for Prometheus, life and readiness for whatever runs the worker."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from streams.metrics import Metrics

__all__ = ["Health", "start_web", "web_app"]


class Health(NamedTuple):
    """An answer to one question of health, with what it rests on."""

    ok: bool
    detail: dict[str, Any]


def web_app(metrics: Metrics, live: Callable[[], Health], ready: Callable[[], Health]) -> web.Application:
    """Build the app: `/metrics`, `/live` and `/ready`; the latter two answer 503 when it is not so."""

    async def show_metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(encode, metrics.registry)  # many series take a tenth of a second
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def show_live(_: web.Request) -> web.Response:
        return _answer(live())

    async def show_ready(_: web.Request) -> web.Response:
        return _answer(ready())

    app = web.Application()
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/live", show_live)
    app.router.add_get("/ready", show_ready)
    return app


def _answer(health: Health) -> web.Response:
    return web.json_response({"ok": health.ok} | health.detail, status=200 if health.ok else 503)


async def start_web(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Serve the app and return its runner (`cleanup()` ends it) and its address; port 0 takes a free one."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    bound_host, bound_port = runner.addresses[0][:2]
    return runner, f"http://{bound_host}:{bound_port}"
