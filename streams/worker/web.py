"""The web server of a worker: metrics for Prometheus, and health checks."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from watchkeeper.streams.errors import UserError

__all__ = ["Health", "listen", "serve_in_thread", "start_web", "web_app"]


class HasRegistry(Protocol):
    """An object with metrics: those of a worker or a canary."""

    registry: CollectorRegistry


class Health(NamedTuple):
    """The result of one health check."""

    ok: bool
    detail: dict[str, Any]
    """The values on which the result is based."""


def web_app(metrics: HasRegistry, live: Callable[[], Health], ready: Callable[[], Health]) -> web.Application:
    """Create the web app with `/metrics`, `/live` and `/ready`.

    Args:
        metrics: The metrics to serve.
        live: The check of `/live`, which answers 503 if it fails.
        ready: The check of `/ready`, which answers 503 if it fails.
    """

    async def show_metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(encode, metrics.registry)  # With many series, this takes 0.1 s.
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
    """Listen on a port. Call it first, so that a worker with a taken port does not start.

    Args:
        host: The address or host name to listen on.
        port: The port; 0: any free port.

    Raises:
        UserError: The port cannot be used.
    """
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
    """Serve an app on a socket.

    Args:
        app: The app.
        listening: What `listen` returned.

    Returns:
        The runner, whose `cleanup()` stops the server, and the URL of the server.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    host, port = listening.getsockname()[:2]
    return runner, f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve_in_thread(app: web.Application, listening: socket.socket) -> str:
    """Serve an app in a thread of its own, so that it also answers while the caller's event loop is busy.

    Args:
        app: The app. Its functions are called in that thread.
        listening: What `listen` returned.

    Returns:
        The URL of the server. It runs until the process ends.
    """
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="web", daemon=True).start()
    _, address = asyncio.run_coroutine_threadsafe(start_web(app, listening), loop).result()
    return address
