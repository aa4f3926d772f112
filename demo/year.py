"""A year of a model in service: published day by day, watched, and retrained when the watch asks for it."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import NamedTuple

from watchkeeper.demo.events import MODEL, weather
from watchkeeper.demo.follow import Follower
from watchkeeper.demo.live import Live
from watchkeeper.demo.pace import DemoPace
from watchkeeper.demo.publisher import DemoPublisher
from watchkeeper.demo.service import DAY_MS, ROLLOUT_MS, Service, Trained, learn_as_asked
from watchkeeper.demo.stage import apply
from watchkeeper.demo.world import World
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.streams.evaluate.windows import WindowDurations
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.settings import Settings

__all__ = ["END", "START", "Obeyed", "Year", "at_ms"]

START = date(2013, 4, 1)
"""Before it version 1 is trained; from then on it answers."""
END = date(2014, 1, 2)
"""By then the last flight of the year has landed."""
STEPS_PER_DAY = 4
STUCK_SECONDS = 60.0
IN_FORCE_SECONDS = 1.0
"""A worker has a new reference after at most so long."""
QUIET_SECONDS = 2.0
"""Nothing new for so long after the last window: no page is on its way any more."""


class Obeyed(NamedTuple):
    """A request to retrain, and what was done."""

    request: RetrainingRequest
    trained: Trained
    start_ms: int
    """From when the new version answered."""


class Year:
    """Publishes, listens and obeys."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        live: Live,
        check: Callable[[], None],
        until: date,
        since: date = START,
    ) -> None:
        self._world = world
        self._settings = settings
        self._live = live
        self._check = check
        self._end_ms = at_ms(until)
        self._published_ms = at_ms(since)
        self._follower = Follower(settings)
        self._publisher = DemoPublisher(settings)
        self._pace = DemoPace(self._published_ms, WindowDurations.of(world.monitors[MODEL], "labels"))
        self._began = self._published_at = time.monotonic()
        self.publishing_seconds = 0.0
        """From the first event to the last window, without the preparations."""
        self.heard = self._follower.heard
        self.published = self._publisher.published
        self.service = Service(world.served, world.first.model, self._published_ms)
        self.obeyed: list[Obeyed] = []

    def close(self) -> None:
        """Stop listening."""
        self._follower.close()

    def run(self) -> None:
        """Publish the year and wait until all that comes of it has been told."""
        self.publish()
        self.settle()
        self.publishing_seconds = time.monotonic() - self._began

    def publish(self) -> None:
        """Publish everything, day by day, and obey on the way."""
        while self._published_ms < self._end_ms:
            self._listen_until(self._may_go_on)
            for step in range(STEPS_PER_DAY):
                span_ms = DAY_MS // STEPS_PER_DAY
                self._publish_span(self._published_ms + step * span_ms, span_ms)
            self._published_ms += DAY_MS

    def _publish_span(self, start_ms: int, span_ms: int) -> None:
        end_ms = start_ms + span_ms
        reports = self._world.reports
        self._publisher.publish(weather(reports, reports.between(start_ms, end_ms)))
        self._publisher.publish(self.service.predictions(start_ms, end_ms))
        self._publisher.publish(self.service.labels(start_ms, end_ms))
        self._published_at = time.monotonic()

    def settle(self) -> None:
        """Wait until the last windows are evaluated and all that comes of them has been told."""
        self._live.say(
            f"All is published. The last windows close when nothing has come for "
            f"{self._settings.idle_seconds:.0f} seconds."
        )
        kinds: tuple[Kind, Kind] = ("predictions", "labels")
        last_ms = [
            _last_end_ms(WindowDurations.of(self._world.monitors[MODEL], kind), self._end_ms)
            for kind in kinds
        ]
        self._listen_until(
            lambda: all(
                self.heard.reached_ms(MODEL, kind) >= end for kind, end in zip(kinds, last_ms, strict=True)
            )
        )
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            if self._listen():
                quiet_since = time.monotonic()

    def _may_go_on(self) -> bool:
        version = self.service.versions(self._published_ms)[0]
        return self._pace.may_publish(self._published_ms + DAY_MS, version, self.heard, time.monotonic())

    def _listen_until(self, is_enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STUCK_SECONDS
        while (news := self._listen()) or not is_enough():
            if news:  # obeying it may have taken long
                deadline = time.monotonic() + STUCK_SECONDS
            elif time.monotonic() > deadline:
                raise BrokerError(f"the workers evaluated nothing new for {STUCK_SECONDS:g} seconds")

    def _listen(self) -> int:
        """Take in what has come, obey, and show it."""
        self._check()
        news = self._follower.poll(0.02)
        for request in list(self.heard.requests.values())[len(self.obeyed) :]:
            self._obey(request)
        seconds = self._published_at - self._began
        rate = sum(self.published.values()) / seconds if seconds else 0.0
        self._live.show(self._published_ms, rate, self.heard)
        return news

    def _obey(self, request: RetrainingRequest) -> None:
        """Train the next version as asked, and let it answer once it is rolled out."""
        version = str(len(self.obeyed) + 2)
        trained = learn_as_asked(self._world.served, request, version)
        apply(self._settings, [], [self._world.reference(trained)])
        time.sleep(IN_FORCE_SECONDS)
        planned_ms = round(request.requested_at.timestamp() * 1000) + ROLLOUT_MS
        start_ms = max(planned_ms, self._published_ms)
        self.service.install(trained.model, start_ms)
        self.obeyed.append(Obeyed(request, trained, start_ms))
        self._live.say(
            f"{request.requested_at:%Y-%m-%d}  RETRAIN {request.reasons[0]} Version {version} learns from "
            f"{len(trained.flights):,} flights and answers from {_date(start_ms)} on; version 1 in shadow."
        )


def at_ms(day: date) -> int:
    """Return the beginning of a day, in UTC."""
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _date(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, UTC).date()


def _last_end_ms(spans: WindowDurations, published_ms: int) -> int:
    """Return the end of the last window that surely has rows, and closes for want of more."""
    return spans.floor(published_ms - 1) + spans.every_ms
