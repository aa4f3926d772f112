"""The sinks of all stages, and the receivers of each sink."""

import time
from collections.abc import Callable, Mapping

from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.notify.alertmanager import alertmanager
from watchkeeper.streams.notify.receiver import Maker, Receiver, open_receiver
from watchkeeper.streams.notify.terminal import terminal
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import SinkName

SINKS: Mapping[SinkName, Mapping[str, Maker]] = {
    "notify": {
        "alertmanager": alertmanager,
        "terminal": terminal,
    },
}
"""Sink -> receiver -> the function that creates it. The first receiver that the settings enable is used."""


def open_sinks(
    settings: Settings,
    metrics: Metrics,
    json_pages: bool = False,
    clock_seconds: Callable[[], float] = time.time,
    sinks: Mapping[SinkName, Mapping[str, Maker]] = SINKS,
) -> dict[SinkName, Receiver]:
    """Create one receiver for each sink.

    Args:
        settings: They select the receivers and give their addresses.
        metrics: Where receivers count their deliveries.
        json_pages: Whether the terminal prints pages as JSON.
        clock_seconds: Returns the current time, in seconds since 1970.
        sinks: The receivers of each sink, as in `SINKS`.
    """
    return {
        sink: open_receiver(sink, makers, settings, metrics, json_pages, clock_seconds)
        for sink, makers in sinks.items()
    }
