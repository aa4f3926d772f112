"""The sinks of all stages, and the receivers of each: the one table of them."""

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
"""Sink -> receiver -> what makes it from the settings. The first that the settings ask for is used."""


def open_sinks(
    settings: Settings,
    metrics: Metrics,
    json_pages: bool = False,
    clock_seconds: Callable[[], float] = time.time,
    sinks: Mapping[SinkName, Mapping[str, Maker]] = SINKS,
) -> dict[SinkName, Receiver]:
    """Return one receiver for each sink."""
    return {
        sink: open_receiver(sink, makers, settings, metrics, json_pages, clock_seconds)
        for sink, makers in sinks.items()
    }
