"""Runs one worker process until a signal: registry, web endpoint, Faust."""

import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable

import faust
import uvloop
from prometheus_client import CollectorRegistry

from streams.config.registry import Registry
from streams.errors import UserError
from streams.health import Probes
from streams.metrics import Metrics
from streams.receiver import Receiver
from streams.settings import Settings
from streams.stages import stages
from streams.topics import topic_problems
from streams.web import start_web, web_app
from streams.worker import Worker

log = logging.getLogger("watchkeeper.run")

EXIT_USAGE = 2
REGISTRY_SECONDS = 60
# Decoded events are plain structs without cycles: looking at all of them for garbage costs more than folding.
GC_THRESHOLDS = 100_000, 50, 100


def run(settings: Settings, json_pages: bool = False, log_level: str = "INFO") -> int:
    """Run until SIGTERM or SIGINT; return the exit code. See docs/reference/exit-codes.md."""
    problems = topic_problems(settings)
    if problems:
        raise UserError(problems[0])
    logging.basicConfig(
        stream=sys.stderr, level=log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("faust", "mode", "aiokafka", "streams.transport"):
        logging.getLogger(noisy).setLevel("WARNING" if log_level != "DEBUG" else "DEBUG")
    registry = Registry(settings)
    registry.start()
    if not registry.ready.wait(REGISTRY_SECONDS):
        raise UserError(
            f"monitors and references could not be read from {settings.broker}; see the log above"
        )
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    metrics = Metrics(CollectorRegistry(), settings.max_series)
    receiver = Receiver(settings, metrics, json_pages)
    worker = Worker(settings, stages(settings, registry), {"notify": receiver.deliver}, metrics)
    worker.app.on_before_shutdown.connect(receiver.close, weak=False)
    worker.app.task(_web(settings, metrics, Probes(worker, registry)))
    try:
        _start(worker.app)
    finally:
        registry.stop()
    return 0


def _web(settings: Settings, metrics: Metrics, probes: Probes) -> Callable[[], Awaitable[None]]:
    async def serve() -> None:
        app = web_app(metrics, probes.live, probes.ready)
        try:
            _, address = await start_web(app, settings.web_host, settings.web_port)
        except OSError as error:
            log.critical(
                "port %s can't be listened on (%s); choose another with --web-port", settings.web_port, error
            )
            os._exit(EXIT_USAGE)
        log.info("metrics at %s/metrics", address)

    return serve


def _start(app: faust.App) -> None:
    worker = faust.Worker(
        app,
        loop=uvloop.new_event_loop(),
        loglevel="WARN",
        quiet=True,
        redirect_stdouts=False,
        override_logging=False,
    )
    worker.execute_from_commandline()
