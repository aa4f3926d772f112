"""`watchkeeper demo --join`: publishes to an installation that already runs."""

import contextlib
from collections.abc import Callable
from datetime import date

from rich.console import Console

from watchkeeper.demo.environment import apply
from watchkeeper.demo.progress_display import ProgressDisplay
from watchkeeper.demo.scenario import make_scenario
from watchkeeper.demo.year import START, Year, at_ms
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.settings import Settings

__all__ = ["publish_only"]


def publish_only(
    settings: Settings, console: Console, since: date, until: date, check: Callable[[], None]
) -> int:
    """Publish a part of the year and retrain on request.

    The topics and workers of the installation stay as they are. The demo's monitors and references stay in
    force after it.

    Args:
        settings: How to reach the installation.
        console: Where to print.
        since: The first day to publish.
        until: The day before which to stop.
        check: Raises an exception if the demo must stop.

    Returns:
        The exit code: 0 at the end of the period, 1 if the broker or the workers stopped.
    """
    console.print(f"Publishing to {settings.broker}. Version 1 trains on January to March 2013 …")
    scenario = make_scenario(at_ms(START))
    apply(settings, scenario.monitors.values(), scenario.references)
    display = ProgressDisplay(console, at_ms(since), at_ms(until))
    try:
        with contextlib.closing(Year(scenario, settings, display, check, until, since)) as year, display:
            year.run()
    except BrokerError as error:
        console.print(f"The demo stopped: {error}", style="bold red", markup=False, soft_wrap=True)
        return 1
    alerts = {(alert.fingerprint, alert.started_at) for alert in year.followed.alerts}
    console.print(
        f"{sum(year.published.values()):,} events published, {len(year.followed.windows):,} windows and "
        f"{len(alerts)} alerts received, {len(year.retrainings)} retraining requests fulfilled."
    )
    return 0
