"""Runs one canary process until a signal, or one round of it."""

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
from watchkeeper.streams.canary.round import Plan, Result
from watchkeeper.streams.canary.topics import Topics
from watchkeeper.streams.canary.trickle import Trickle, beat_seconds
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.notify.alertmanager import credentials
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker.web import listen, start_web, web_app

__all__ = ["CanaryOptions", "run_canary"]

log = logging.getLogger("watchkeeper.canary")

ASK_SECONDS = 5.0
SETTLE_SECONDS = 2.0
"""Workers take up a new monitor within a second; what comes before would be rejected."""


class CanaryOptions(NamedTuple):
    """What a canary is asked to do."""

    watched: Monitor
    plan: Plan
    team: str
    """Who is told when it is missed."""
    once: bool = False


def run_canary(
    settings: Settings,
    terms: CanaryOptions,
    apply: Callable[[], object],
    remove: Callable[[], object],
    ended: Callable[[Result], object],
) -> Result | None:
    """Run until SIGTERM or SIGINT, or with `once` one round, and return how that ended.

    `apply` puts the monitor and its reference in force, and `remove` takes them back after one round; `ended`
    is told of each round.
    """
    listening = None if terms.once else listen(settings.web_host, settings.web_port)
    topics = Topics(settings, terms.watched.subject)
    try:
        topics.catch_up()
        if terms.once:
            _refuse_a_second(topics, terms, time.time_ns() // 1_000_000)
        apply()
        try:
            return asyncio.run(_run(settings, terms, topics, listening, ended))
        finally:
            if terms.once:
                remove()
    finally:
        topics.close()
        if listening is not None:
            listening.close()


def _refuse_a_second(topics: Topics, terms: CanaryOptions, now_ms: int) -> None:
    """Of two that run one round at any time, one would take the other's drift for its own."""
    left_ms = topics.applied_ms + terms.plan.round_ms + 2 * terms.plan.pane_ms - now_ms
    if topics.monitor is not None and left_ms > 0:
        raise UserError(
            f"{terms.watched.subject}: another `canary --once` seems to run: its monitor is in force; wait "
            f"for it, {left_ms / 1000:.0f} seconds at most, or choose another name with --model"
        )


async def _run(
    settings: Settings,
    terms: CanaryOptions,
    topics: Topics,
    listening: socket | None,
    ended: Callable[[Result], object],
) -> Result | None:
    _cancel_on_signals()
    model = terms.watched.subject
    metrics = CanaryMetrics(CollectorRegistry(), model)
    urls = [str(url) for url in settings.alertmanagers]
    alertmanager = Alertmanager(urls, credentials(settings), ASK_SECONDS) if urls else None
    missed = MissedAlert(model, terms.team, settings.runbooks, alertmanager, Console(stderr=True))
    beat = beat_seconds(terms.plan.pane_ms, settings.partitions)
    trickle = Trickle(settings, model, metrics)
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        canary = Canary(terms.watched, terms.plan, beat, trickle, topics, alertmanager, missed, metrics)
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
        trickle.close()
        if alertmanager is not None:
            await alertmanager.close()


def _cancel_on_signals() -> None:
    work = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel if work else lambda: None)
