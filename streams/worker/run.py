"""Runs one worker process until a signal: registry, web server and Faust."""

import asyncio
import contextlib
import gc
import logging
from typing import NoReturn

import faust
import uvloop
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry, disable_created_metrics

from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.sinks import open_sinks
from watchkeeper.streams.stages import stages
from watchkeeper.streams.topics.topics import topic_problems
from watchkeeper.streams.worker.acknowledging import Acknowledging
from watchkeeper.streams.worker.clock import SteadyClock
from watchkeeper.streams.worker.health import Probes
from watchkeeper.streams.worker.logs import start_logging
from watchkeeper.streams.worker.shutdown import EXIT_STOPPED, SHUTDOWN_SECONDS, Shutdown, give_up, leave
from watchkeeper.streams.worker.waits import WaitLog
from watchkeeper.streams.worker.web import listen, serve_in_thread, web_app
from watchkeeper.streams.worker.worker import Worker

log = logging.getLogger("watchkeeper.run")

EXIT_NO_BROKER = 2
"""Exit code if the broker becomes unavailable before the worker starts (docs/reference/exit-codes.md)."""
REGISTRY_SECONDS = 60
"""Seconds to read the monitors and references at the start. Chosen by hand: slow broker or late error."""
GC_THRESHOLDS = 100_000, 50, 100
"""Arguments of `gc.set_threshold`. Chosen by hand: decoded events have no cycles, and scanning them costs
more than folding them."""


def run(settings: Settings, json_pages: bool = False, log_level: str = "INFO") -> NoReturn:
    """Run a worker until SIGTERM or SIGINT, and end the process. See docs/reference/exit-codes.md.

    Args:
        settings: The settings of the worker.
        json_pages: Whether the terminal prints pages as JSON.
        log_level: The lowest level to log.

    Raises:
        UserError: The worker cannot start: a port is taken, a topic is missing or nothing can be read.
    """
    start_logging(log_level, settings.secrets())
    shutdown = Shutdown()
    shutdown.watch()
    waits = WaitLog()
    waits.watch()
    listening = listen(settings.web_host, settings.web_port)
    problems = topic_problems(settings)
    if problems:
        raise UserError(problems[0])
    registry = Registry(settings)
    registry.start()
    if not registry.ready.wait(REGISTRY_SECONDS):
        raise UserError(
            f"monitors and references could not be read from {settings.broker}; see the log above"
        )
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    clock_ms = SteadyClock()
    disable_created_metrics()  # type: ignore[no-untyped-call]  # They would double the series.
    metrics = Metrics(CollectorRegistry(), settings.max_series, lambda: clock_ms() / 1000)
    metrics.follow_configuration(
        lambda: len(registry.broken), lambda subject: registry.get(subject) is not None
    )
    sinks = open_sinks(settings, metrics, json_pages, lambda: clock_ms() / 1000)
    worker = Worker(settings, stages(settings, registry, clock_ms), sinks, metrics, clock_ms)
    probes = Probes(worker, registry)
    metrics.follow_worker(probes.joining_seconds, lambda: len(worker.unrestored), probes.silence_seconds)
    # Not in the event loop: Faust starts tasks only after the first join, and a busy loop answers late.
    address = serve_in_thread(web_app(metrics, probes.live, probes.ready), listening)
    log.info("metrics at %s/metrics", address)
    worker.app.task(probes.note_joined)
    worker.app.task(Acknowledging(settings, registry, worker).write_for_ever)
    worker.app.task(waits.follow(worker))
    log.info("read %s monitors, joining the group", len(registry.subjects()))
    waits.expect_group(settings)
    _run(worker.app, shutdown, probes)


def _run(app: faust.App, shutdown: Shutdown, probes: Probes) -> NoReturn:
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust_worker(app, loop)
    stop_requested = asyncio.Event()
    shutdown.stop_by(lambda: loop.call_soon_threadsafe(stop_requested.set))
    try:
        loop.run_until_complete(_live(worker, stop_requested, shutdown, probes))
    except KafkaConnectionError as error:  # Only at the start; later, Faust retries.
        log.critical(
            "no Kafka broker answers any more, and the worker has not started; start it again: %s", error
        )
        leave(EXIT_NO_BROKER)
    except Exception:
        give_up("Faust ended with an error", exc_info=True)
    crash = worker.crash_reason or app.crash_reason
    if crash is not None:
        give_up("Faust ended with an error: %r", crash)
    leave(EXIT_STOPPED)


def faust_worker(app: faust.App, loop: asyncio.AbstractEventLoop) -> faust.Worker:
    """Return the Faust worker of an app. It prints nothing and handles no signals."""
    worker = faust.Worker(
        app, loop=loop, loglevel="WARN", quiet=True, redirect_stdouts=False, override_logging=False
    )
    worker.spinner = None  # It would write control characters to standard output, among JSON pages too.
    worker.install_signal_handlers = lambda: None  # `Shutdown` handles them, even while this loop is blocked.
    return worker


async def _live(
    worker: faust.Worker, stop_requested: asyncio.Event, shutdown: Shutdown, probes: Probes
) -> None:
    """Run Faust until a stop is requested, or until Faust ends because of a crash."""
    shutdown.listen()
    beating = asyncio.ensure_future(probes.beat_for_ever())
    running = asyncio.ensure_future(worker.start())
    stopping = asyncio.ensure_future(stop_requested.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    # After a crash, no signal ends the process if this stop hangs.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(worker.stop(), SHUTDOWN_SECONDS)
    beating.cancel()
