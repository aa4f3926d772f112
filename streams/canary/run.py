"""Runs the probe's process until a signal, or for one round."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from socket import socket
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from rich.console import Console

from watchkeeper.alerting.alertmanager import Alertmanager
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.canary.canary import Canary
from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.canary.missed import MissedAlert
from watchkeeper.streams.canary.publisher import ProbePublisher, beat_seconds
from watchkeeper.streams.canary.round import Plan, Result
from watchkeeper.streams.canary.topics import Topics
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.notify.alertmanager import credentials
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker.web import listen, start_web, web_app

__all__ = ["CanaryOptions", "run_canary"]

log = logging.getLogger("watchkeeper.canary")

ASK_SECONDS = 5.0
"""Seconds to wait for an answer of Alertmanager. Chosen by hand: it bounds the time between two looks."""
SETTLE_SECONDS = 2.0
"""Seconds from applying the monitor to the first event. Workers apply a new monitor within a second and
reject earlier events; the rest is a margin chosen by hand."""


class CanaryOptions(NamedTuple):
    """The options of a probe."""

    watched: Monitor
    """The probe's monitor."""
    plan: Plan
    """When rounds begin and how long they may take."""
    team: str
    """The owner of the alert on a missed round."""
    once: bool = False
    """Whether to run one round only."""


def run_canary(
    settings: Settings,
    options: CanaryOptions,
    apply: Callable[[], object],
    remove: Callable[[], object],
    ended: Callable[[Result], object],
) -> Result | None:
    """Run until SIGTERM or SIGINT, or for one round.

    Args:
        settings: The settings.
        options: The options of the probe.
        apply: Puts the monitor and its reference in force.
        remove: Removes them; called after a single round.
        ended: Called with the result of each round.

    Returns:
        The result of a single round; None after a signal.

    Raises:
        UserError: Another probe of this name is running, or its monitor was changed.
    """
    listening = None if options.once else listen(settings.web_host, settings.web_port)
    topics = Topics(settings, options.watched.subject)
    try:
        topics.catch_up()
        if options.once:
            _refuse_a_second(topics, options, time.time_ns() // 1_000_000)
        apply()
        try:
            return asyncio.run(_run(settings, options, topics, listening, ended))
        finally:
            if options.once:
                remove()
    finally:
        topics.close()
        if listening is not None:
            listening.close()


def _refuse_a_second(topics: Topics, options: CanaryOptions, now_ms: int) -> None:
    """Raise UserError if another `--once` seems to run: each would mistake the other's drift for its own."""
    left_ms = topics.applied_ms + options.plan.round_ms + 2 * options.plan.pane_ms - now_ms
    if topics.monitor is not None and left_ms > 0:
        raise UserError(
            f"{options.watched.subject}: another `canary --once` seems to run: its monitor is in force; wait "
            f"at most {left_ms / 1000:.0f} seconds, or choose another name with --model"
        )


async def _run(
    settings: Settings,
    options: CanaryOptions,
    topics: Topics,
    listening: socket | None,
    ended: Callable[[Result], object],
) -> Result | None:
    _cancel_on_signals()
    model = options.watched.subject
    metrics = CanaryMetrics(CollectorRegistry(), model)
    urls = [str(url) for url in settings.alertmanagers]
    alertmanager = Alertmanager(urls, credentials(settings), ASK_SECONDS) if urls else None
    missed = MissedAlert(model, options.team, settings.runbooks, alertmanager, Console(stderr=True))
    beat = beat_seconds(options.plan.pane_ms, settings.partitions)
    publisher = ProbePublisher(settings, model, metrics)
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        canary = Canary(options.watched, options.plan, beat, publisher, topics, alertmanager, missed, metrics)
        if listening is not None:
            _, address = await start_web(web_app(metrics, canary.live, canary.ready), listening)
            log.info("metrics at %s/metrics", address)
            await canary.run_for_ever(ended)
        result = await canary.run_once()
        ended(result)
        return result
    except asyncio.CancelledError:
        return None
    finally:
        publisher.close()
        if alertmanager is not None:
            await alertmanager.close()


def _cancel_on_signals() -> None:
    work = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel if work else lambda: None)
