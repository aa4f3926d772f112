"""Finds the cause of each page: an injected fault, a real event that the data confirms, or unexplained."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np

from watchkeeper.demo.events import MODEL
from watchkeeper.demo.faults import DemoFault
from watchkeeper.demo.flights import Flights, FlightTable, Weather
from watchkeeper.demo.report import CHECK_OF, ReportedPage
from watchkeeper.demo.service import DAY_MS

__all__ = ["KNOWN", "KnownEvent", "ServedFlights", "explain"]

OFTEN_LATE = 1.15
"""A period counts as bad when its share of late flights is this many times that of January to March.

Chosen by hand: lower explains more pages, higher leaves more of them unexplained.
"""
_PERFORMANCE = "ModelPerformanceDegraded"


class KnownEvent(NamedTuple):
    """An event of 2013 that delayed flights from New York. The last day is inclusive."""

    first: date
    last: date
    description: str


KNOWN = (
    KnownEvent(date(2013, 4, 21), date(2013, 4, 27), "unpaid leave of air traffic controllers"),
    KnownEvent(date(2013, 6, 7), date(2013, 6, 8), "tropical storm Andrea"),
    KnownEvent(date(2013, 6, 12), date(2013, 6, 14), "a line of thunderstorms across the eastern states"),
    KnownEvent(date(2013, 6, 24), date(2013, 7, 28), "the thunderstorm season"),
    KnownEvent(date(2013, 11, 26), date(2013, 11, 28), "a storm during Thanksgiving traffic"),
    KnownEvent(date(2013, 12, 8), date(2013, 12, 17), "repeated snowfall"),
)


class ServedFlights(NamedTuple):
    """The real rows, and the same rows as served, with the injected faults."""

    flights: Flights
    weather: Weather
    served: Flights
    reports: Weather
    first: Flights
    """The training data of version 1."""

    def tables(self, subject: str) -> tuple[FlightTable, FlightTable]:
        """Return the real rows and the served rows of a subject."""
        return (self.flights, self.served) if subject == MODEL else (self.weather, self.reports)


def explain(page: ReportedPage, faults: Sequence[DemoFault], truth: ServedFlights) -> ReportedPage:
    """Return the page with its cause: `injected`, `real` or `unexplained`.

    Args:
        page: The page to explain.
        faults: The faults that were injected.
        truth: The real rows to check the page against.
    """
    injected = next((fault for fault in faults if _is_about(page, fault)), None)
    if injected is not None:
        return _with(page, "injected", injected.story)
    if page.alertname == _PERFORMANCE:
        return _performance(page, faults, truth)
    return _quality(page, truth)


def _is_about(page: ReportedPage, fault: DemoFault) -> bool:
    began_with_it = fault.began <= page.started < fault.ended
    about_it = page.feature == fault.feature or fault.feature in page.features
    return began_with_it and about_it and page.subject in fault.subjects


def _performance(page: ReportedPage, faults: Sequence[DemoFault], truth: ServedFlights) -> ReportedPage:
    flights = _of_segment(truth.flights.take(_span(truth.flights, page)), page.segment)
    share, before = late_share(flights), late_share(_of_segment(truth.first, page.segment))
    worst = _worst_day(flights)
    because = f"{share:.0%} of the real flights in that period were late ({worst}), {before:.0%} before"
    for fault in faults:
        if fault.began < page.fired and page.started < fault.ended:
            because += f"; the injected {fault.name} of {fault.feature} falls into that period too"
    known = [event for event in KNOWN if _overlaps(event, page)]
    if known:
        when = "; ".join(f"{e.first:%d %b} to {e.last:%d %b}: {e.description}" for e in known)
        return _with(page, "real", f"{when}; {because}")
    return _with(page, "real" if share > OFTEN_LATE * before else "unexplained", because)


def late_share(flights: Flights) -> float:
    """Return the share of late flights among those that landed."""
    return float(np.nanmean(flights.late)) if flights.known.any() else 0.0


def _worst_day(flights: Flights) -> str:
    days = flights.time_ms // DAY_MS
    shares = [(late_share(flights.take(days == day)), int(day)) for day in np.unique(days)]
    share, day = max(shares, default=(0.0, 0))
    return f"{share:.0%} on {datetime.fromtimestamp(day * DAY_MS / 1000, UTC):%d %b}"


def _quality(page: ReportedPage, truth: ServedFlights) -> ReportedPage:
    """Explain a page about data quality: its cause is real if the served values equal the real ones."""
    real, served = (
        _of_segment(table.take(_span(table, page)), page.segment) for table in truth.tables(page.subject)
    )
    names = [page.feature] if page.feature else page.features
    if not names or not all(_equal(real.features[name], served.features[name]) for name in names):
        return _with(page, "unexplained", "")
    if CHECK_OF[page.alertname] != "missing":
        return _with(page, "unexplained", "the served values equal the values in the tables")
    share = np.mean([_unknown(real.features[name]).mean() for name in names])
    return _with(
        page, "real", f"{share:.0%} of these values are missing in the tables themselves in that period"
    )


def _span(table: FlightTable, page: ReportedPage) -> slice:
    return table.between(_ms(page.started), _ms(page.fired))


def _of_segment(table: Any, segment: str | None) -> Any:
    if segment is None:
        return table
    name, value = segment.split("=", 1)
    return table.take(table.features[name] == value)


def _overlaps(event: KnownEvent, page: ReportedPage) -> bool:
    return page.started.date() <= event.last and event.first < page.fired.date()


def _unknown(values: Any) -> Any:
    return np.array([value is None or value != value for value in values.tolist()])


def _equal(real: Any, served: Any) -> bool:
    return bool(np.all((real == served) | (_unknown(real) & _unknown(served))))


def _with(page: ReportedPage, cause: Any, because: str) -> ReportedPage:
    return msgspec.structs.replace(page, cause=cause, because=because)


def _ms(time: datetime) -> int:
    return round(time.astimezone(UTC).timestamp() * 1000)
