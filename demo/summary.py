"""Makes the report from what the demo did and heard."""

import time
from datetime import UTC, date, datetime

import numpy as np

from watchkeeper.demo.explain import ServedFlights, explain
from watchkeeper.demo.faults import FAULTS
from watchkeeper.demo.report import (
    Auroc,
    Events,
    Report,
    ReportedRetraining,
    Span,
    count_events,
    find_faults,
    pages_of,
)
from watchkeeper.demo.training import auroc
from watchkeeper.demo.workers import Workers
from watchkeeper.demo.world import World
from watchkeeper.demo.year import START, Obeyed, Year, at_ms

__all__ = ["make_report"]

ACCOUNTS_SECONDS = 20.0
"""The last events are counted with the last checkpoint, which is long past by then."""
FEWEST_TO_COMPARE = 1000
"""An AUROC of fewer flights says nothing."""


def make_report(year: Year, world: World, crew: Workers, until: date, seconds: float) -> Report:
    """Put together all that the demo has to tell."""
    alerts = year.heard.alerts
    events = _accounts(year, crew)
    truth = ServedFlights(world.flights, world.weather, world.served, world.reports, world.first.flights)
    retraining = [_retraining(year, number, at_ms(until)) for number in range(len(year.obeyed))]
    compared = [each.auroc for each in retraining if each.auroc is not None]
    return Report(
        events=events,
        faults=find_faults(FAULTS, alerts, datetime(until.year, until.month, until.day, tzinfo=UTC)),
        pages=[explain(page, FAULTS, truth) for page in pages_of(alerts)],
        retraining=retraining,
        auroc=compared[0] if compared else None,
        seconds=round(seconds, 1),
        events_per_second=round(events.published / year.publishing_seconds),
        false_pages_at_most=sum(
            monitor.false_pages.at_most * ((until - START) / monitor.false_pages.per)
            for monitor in world.monitors.values()
        ),
    )


def _accounts(year: Year, crew: Workers) -> Events:
    deadline = time.monotonic() + ACCOUNTS_SECONDS
    while True:
        events = count_events(year.published, crew.events())
        if events.balance or time.monotonic() > deadline:
            return events
        time.sleep(0.5)


def _retraining(year: Year, number: int, end_ms: int) -> ReportedRetraining:
    request, trained, start_ms = year.obeyed[number]
    return ReportedRetraining(
        requested=request.requested_at,
        reasons=request.reasons,
        model_version=request.model_version,
        data_window=Span(request.data_window.start, request.data_window.end),
        excluded=[Span(each.start, each.end) for each in request.excluded],
        trained=trained.model.version,
        trained_on=int(trained.flights.known.sum()),
        answers_from=datetime.fromtimestamp(start_ms / 1000, UTC),
        auroc=_compare(year, year.obeyed[: number + 2][number:], end_ms),
    )


def _compare(year: Year, obeyed: list[Obeyed], end_ms: int) -> Auroc | None:
    """Compare a version in service with the first one, in shadow, over the same flights."""
    this = obeyed[0]
    end_ms = obeyed[1].start_ms if len(obeyed) > 1 else end_ms
    old, new = year.service.reigns[0].model.version, this.trained.model.version
    rows = year.service.compare(old, new, this.start_ms, end_ms)
    late = year.service.late(rows)
    if len(rows) < FEWEST_TO_COMPARE or len(np.unique(late)) < 2:
        return None
    before, after = (auroc(year.service.scores[version][rows], late) for version in (old, new))
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (this.start_ms, end_ms))
    return Auroc(round(before, 4), round(after, 4), old, new, len(rows), start, end)
