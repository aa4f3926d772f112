"""Plays a year of a model in service: publishes day by day and retrains on request."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import NamedTuple

from watchkeeper.demo.environment import apply
from watchkeeper.demo.events import MODEL, weather
from watchkeeper.demo.follow import Follower
from watchkeeper.demo.pace import DemoPace
from watchkeeper.demo.progress_display import ProgressDisplay
from watchkeeper.demo.publisher import DemoPublisher
from watchkeeper.demo.scenario import Scenario
from watchkeeper.demo.service import DAY_MS, ROLLOUT_MS, Service, Trained, learn_as_asked
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.streams.evaluate.windows import WindowDurations
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.settings import Settings

__all__ = ["END", "START", "CompletedRetraining", "Year", "at_ms"]

START = date(2013, 4, 1)
"""Version 1 is trained on earlier days and is in service from this day."""
END = date(2014, 1, 2)
"""The last flight of the year has landed before this day."""
STEPS_PER_DAY = 4
"""Batches in which a day is published. Chosen by hand: they are as long as the panes of the monitors."""
STUCK_SECONDS = 60.0
"""The demo fails after this many seconds without output.

Chosen by hand: shorter fails on a busy machine.
"""
IN_FORCE_SECONDS = 1.0
"""Longest time, in seconds, until a worker has a new reference."""
QUIET_SECONDS = 2.0
"""The demo ends after this many seconds without output after the last window.

Chosen by hand: shorter may miss the last page.
"""


class CompletedRetraining(NamedTuple):
    """A retraining request and the version trained for it."""

    request: RetrainingRequest
    trained: Trained
    start_ms: int
    """When the new version went into service, in milliseconds since 1970."""


class Year:
    """Publishes events, reads the outputs of the workers, and retrains on request.

    Args:
        scenario: The tables, monitors and the first version.
        settings: How to reach the broker.
        display: Shows the progress.
        check: Raises an exception if the demo must stop.
        until: The day before which to stop.
        since: The first day to publish.
    """

    def __init__(
        self,
        scenario: Scenario,
        settings: Settings,
        display: ProgressDisplay,
        check: Callable[[], None],
        until: date,
        since: date = START,
    ) -> None:
        self._scenario = scenario
        self._settings = settings
        self._display = display
        self._check = check
        self._end_ms = at_ms(until)
        self._published_ms = at_ms(since)
        self._follower = Follower(settings)
        self._publisher = DemoPublisher(settings)
        self._pace = DemoPace(self._published_ms, WindowDurations.of(scenario.monitors[MODEL], "labels"))
        self._began = self._published_at = time.monotonic()
        self.publishing_seconds = 0.0
        """Duration from the first event to the last window, in seconds."""
        self.followed = self._follower.followed
        self.published = self._publisher.published
        self.service = Service(scenario.served, scenario.first.model, self._published_ms)
        self.retrainings: list[CompletedRetraining] = []

    def close(self) -> None:
        """Stop reading."""
        self._follower.close()

    def run(self) -> None:
        """Publish the year and wait for the last outputs."""
        self.publish()
        self.settle()
        self.publishing_seconds = time.monotonic() - self._began

    def publish(self) -> None:
        """Publish all events day by day, and retrain on request."""
        while self._published_ms < self._end_ms:
            self._read_until(self._may_continue)
            for step in range(STEPS_PER_DAY):
                span_ms = DAY_MS // STEPS_PER_DAY
                self._publish_span(self._published_ms + step * span_ms, span_ms)
            self._published_ms += DAY_MS

    def _publish_span(self, start_ms: int, span_ms: int) -> None:
        end_ms = start_ms + span_ms
        reports = self._scenario.reports
        self._publisher.publish(weather(reports, reports.between(start_ms, end_ms)))
        self._publisher.publish(self.service.predictions(start_ms, end_ms))
        self._publisher.publish(self.service.labels(start_ms, end_ms))
        self._published_at = time.monotonic()

    def settle(self) -> None:
        """Wait until the last windows are evaluated and their outputs are read."""
        self._display.say(
            f"All events are published. The last windows close after "
            f"{self._settings.idle_seconds:.0f} seconds without events."
        )
        kinds: tuple[Kind, Kind] = ("predictions", "labels")
        last_ms = [
            _last_end_ms(WindowDurations.of(self._scenario.monitors[MODEL], kind), self._end_ms)
            for kind in kinds
        ]
        self._read_until(
            lambda: all(
                self.followed.reached_ms(MODEL, kind) >= end for kind, end in zip(kinds, last_ms, strict=True)
            )
        )
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            if self._read_outputs():
                quiet_since = time.monotonic()

    def _may_continue(self) -> bool:
        version = self.service.versions(self._published_ms)[0]
        return self._pace.may_publish(self._published_ms + DAY_MS, version, self.followed, time.monotonic())

    def _read_until(self, is_enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STUCK_SECONDS
        while (new := self._read_outputs()) or not is_enough():
            if new:  # retraining may have taken long
                deadline = time.monotonic() + STUCK_SECONDS
            elif time.monotonic() > deadline:
                raise BrokerError(f"the workers evaluated nothing new for {STUCK_SECONDS:g} seconds")

    def _read_outputs(self) -> int:
        """Read new outputs, retrain if requested, and update the display."""
        self._check()
        new = self._follower.poll(0.02)
        for request in list(self.followed.requests.values())[len(self.retrainings) :]:
            self._retrain(request)
        seconds = self._published_at - self._began
        rate = sum(self.published.values()) / seconds if seconds else 0.0
        self._display.show(self._published_ms, rate, self.followed)
        return new

    def _retrain(self, request: RetrainingRequest) -> None:
        """Train the next version as requested, and put it in service after its rollout."""
        version = str(len(self.retrainings) + 2)
        trained = learn_as_asked(self._scenario.served, request, version)
        apply(self._settings, [], [self._scenario.reference(trained)])
        time.sleep(IN_FORCE_SECONDS)
        planned_ms = round(request.requested_at.timestamp() * 1000) + ROLLOUT_MS
        start_ms = max(planned_ms, self._published_ms)
        self.service.install(trained.model, start_ms)
        self.retrainings.append(CompletedRetraining(request, trained, start_ms))
        self._display.say(
            f"{request.requested_at:%Y-%m-%d}  RETRAIN {request.reasons[0]} Version {version} trains on "
            f"{len(trained.flights):,} flights and is in service from {_date(start_ms)}. "
            "Version 1 runs in shadow."
        )


def at_ms(day: date) -> int:
    """Return the beginning of a day in UTC, in milliseconds since 1970."""
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _date(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, UTC).date()


def _last_end_ms(spans: WindowDurations, published_ms: int) -> int:
    """Return the end of the last window that is sure to have rows. It closes when the stream is idle."""
    return spans.floor(published_ms - 1) + spans.every_ms
