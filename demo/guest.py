"""The demo's stream in an installation that already runs: its topics, its workers, its Alertmanager."""

import contextlib
from collections.abc import Callable
from datetime import date

from rich.console import Console

from watchkeeper.demo.live import Live
from watchkeeper.demo.stage import apply
from watchkeeper.demo.world import make_world
from watchkeeper.demo.year import START, Year, at_ms
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.settings import Settings

__all__ = ["play"]


def play(settings: Settings, console: Console, since: date, until: date, check: Callable[[], None]) -> int:
    """Publish a part of the year and obey; 0 when all is told, 1 when the broker or the workers stop.

    Topics and workers are those of the settings and stay as they are; monitors and references stay in force.
    """
    console.print(f"Publishing to {settings.broker}; version 1 learns from January to March 2013 …")
    world = make_world(at_ms(START))
    apply(settings, world.monitors.values(), world.references)
    live = Live(console, at_ms(since), at_ms(until))
    try:
        with contextlib.closing(Year(world, settings, live, check, until, since)) as year, live:
            year.run()
    except BrokerError as error:
        console.print(f"The demo can't go on: {error}", style="bold red", markup=False, soft_wrap=True)
        return 1
    alerts = {(alert.fingerprint, alert.started_at) for alert in year.heard.alerts}
    console.print(
        f"{sum(year.published.values()):,} events published, {len(year.heard.windows):,} windows and "
        f"{len(alerts)} alerts heard, {len(year.obeyed)} requests to retrain obeyed."
    )
    return 0
