"""The worker's small web server: metrics for Prometheus, life and readiness for whatever runs the worker."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from watchkeeper.streams.errors import UserError

__all__ = ["Health", "listen", "start_web", "web_app"]


class HasRegistry(Protocol):
    """Metrics of a worker or a canary."""

    registry: CollectorRegistry


class Health(NamedTuple):
    """An answer to one question of health, with what it rests on."""

    ok: bool
    detail: dict[str, Any]


def web_app(metrics: HasRegistry, live: Callable[[], Health], ready: Callable[[], Health]) -> web.Application:
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


def listen(host: str, port: int) -> socket.socket:
    """Take the port, before anything else is begun; 0 takes a free one. UserError says why it can't."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        why = str(error.strerror or error).partition(" (while")[0]
        raise UserError(
            f"{host}:{port} can't be listened on ({why}); choose another with --web-port, "
            "WATCHKEEPER_WEB_PORT or WATCHKEEPER_WEB_HOST"
        ) from None


async def start_web(app: web.Application, listening: socket.socket) -> tuple[web.AppRunner, str]:
    """Serve the app where `listen` did; return its runner (`cleanup()` ends it) and its address."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    host, port = listening.getsockname()[:2]
    return runner, f"http://{f'[{host}]' if ':' in host else host}:{port}"
