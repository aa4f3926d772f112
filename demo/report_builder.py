"""Builds the report from the demo's run and the outputs of the workers."""

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
from watchkeeper.demo.scenario import Scenario
from watchkeeper.demo.training import auroc
from watchkeeper.demo.workers import Workers
from watchkeeper.demo.year import START, CompletedRetraining, Year, at_ms

__all__ = ["make_report"]

ACCOUNTS_SECONDS = 20.0
"""Time in seconds to wait until the counts of the workers balance.

Chosen by hand: the last events are counted with the last checkpoint, which comes much earlier.
"""
COMPARED_MIN = 1000
"""Fewest flights for a comparison of two versions. Chosen by hand: with fewer, the AUROC is mostly noise."""


def make_report(year: Year, scenario: Scenario, workers: Workers, until: date, seconds: float) -> Report:
    """Build the report.

    Args:
        year: The year that was published.
        scenario: The real and the served tables.
        workers: The workers, which have the counts of events.
        until: The day before which the demo stopped.
        seconds: Duration of the demo.
    """
    alerts = year.followed.alerts
    events = _accounts(year, workers)
    truth = ServedFlights(
        scenario.flights, scenario.weather, scenario.served, scenario.reports, scenario.first.flights
    )
    retraining = [_retraining(year, number, at_ms(until)) for number in range(len(year.retrainings))]
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
            for monitor in scenario.monitors.values()
        ),
    )


def _accounts(year: Year, workers: Workers) -> Events:
    deadline = time.monotonic() + ACCOUNTS_SECONDS
    while True:
        events = count_events(year.published, workers.events())
        if events.balance or time.monotonic() > deadline:
            return events
        time.sleep(0.5)


def _retraining(year: Year, number: int, end_ms: int) -> ReportedRetraining:
    request, trained, start_ms = year.retrainings[number]
    return ReportedRetraining(
        requested=request.requested_at,
        reasons=request.reasons,
        model_version=request.model_version,
        data_window=Span(request.data_window.start, request.data_window.end),
        excluded=[Span(each.start, each.end) for each in request.excluded],
        trained=trained.model.version,
        trained_on=int(trained.flights.known.sum()),
        answers_from=datetime.fromtimestamp(start_ms / 1000, UTC),
        auroc=_compare(year, year.retrainings[: number + 2][number:], end_ms),
    )


def _compare(year: Year, retrainings: list[CompletedRetraining], end_ms: int) -> Auroc | None:
    """Compare a version in service with the first version, which runs in shadow, on the same flights."""
    this = retrainings[0]
    end_ms = retrainings[1].start_ms if len(retrainings) > 1 else end_ms
    old, new = year.service.installed[0].model.version, this.trained.model.version
    rows = year.service.compare(old, new, this.start_ms, end_ms)
    late = year.service.late(rows)
    if len(rows) < COMPARED_MIN or len(np.unique(late)) < 2:
        return None
    before, after = (auroc(year.service.scores[version][rows], late) for version in (old, new))
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (this.start_ms, end_ms))
    return Auroc(round(before, 4), round(after, 4), old, new, len(rows), start, end)
