"""Why a page came: an injected fault, or something that the real year had, as the real rows say."""

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
"""So many times the share of late flights in January to March is a bad time for flying."""
_PERFORMANCE = "ModelPerformanceDegraded"


class KnownEvent(NamedTuple):
    """Something that happened in 2013 and delayed flights from New York; the last day is inclusive."""

    first: date
    last: date
    told: str


KNOWN = (
    KnownEvent(date(2013, 4, 21), date(2013, 4, 27), "air traffic controllers were sent on unpaid leave"),
    KnownEvent(date(2013, 6, 7), date(2013, 6, 8), "tropical storm Andrea passed"),
    KnownEvent(
        date(2013, 6, 12), date(2013, 6, 14), "a line of thunderstorms crossed the east of the country"
    ),
    KnownEvent(date(2013, 6, 24), date(2013, 7, 28), "it was the season of thunderstorms"),
    KnownEvent(date(2013, 11, 26), date(2013, 11, 28), "a storm came with the traffic of Thanksgiving"),
    KnownEvent(date(2013, 12, 8), date(2013, 12, 17), "snow fell several times"),
)


class ServedFlights(NamedTuple):
    """The real rows, without any fault, and what was served of them."""

    flights: Flights
    weather: Weather
    served: Flights
    reports: Weather
    first: Flights
    """What version 1 learned from."""

    def tables(self, subject: str) -> tuple[FlightTable, FlightTable]:
        """Return the rows of a subject as they were and as they were served."""
        return (self.flights, self.served) if subject == MODEL else (self.weather, self.reports)


def explain(page: ReportedPage, faults: Sequence[DemoFault], truth: ServedFlights) -> ReportedPage:
    """Say whether a page tells of an injected fault, of something real, or of nothing that is known."""
    by_us = next((fault for fault in faults if _tells_of(page, fault)), None)
    if by_us is not None:
        return _with(page, "injected", by_us.story)
    if page.alertname == _PERFORMANCE:
        return _performance(page, faults, truth)
    return _quality(page, truth)


def _tells_of(page: ReportedPage, fault: DemoFault) -> bool:
    began_with_it = fault.began <= page.started < fault.ended
    about_it = page.feature == fault.feature or fault.feature in page.features
    return began_with_it and about_it and page.subject in fault.subjects


def _performance(page: ReportedPage, faults: Sequence[DemoFault], truth: ServedFlights) -> ReportedPage:
    flights = _of_segment(truth.flights.take(_span(truth.flights, page)), page.segment)
    share, before = late_share(flights), late_share(_of_segment(truth.first, page.segment))
    told = (
        f"{share:.0%} of the real flights of that time were late ({_worst_day(flights)}), {before:.0%} before"
    )
    for fault in faults:
        if fault.began < page.told and page.started < fault.ended:
            told += f"; the injected {fault.name} of {fault.feature} was in that time, too"
    known = [event for event in KNOWN if _overlaps(event, page)]
    if known:
        when = "; ".join(f"{e.first:%d %b} to {e.last:%d %b} {e.told}" for e in known)
        return _with(page, "real", f"{when}; {told}")
    return _with(page, "real" if share > OFTEN_LATE * before else "unexplained", told)


def late_share(flights: Flights) -> float:
    """Return the share of late ones among the flights that landed."""
    return float(np.nanmean(flights.late)) if flights.known.any() else 0.0


def _worst_day(flights: Flights) -> str:
    days = flights.time_ms // DAY_MS
    shares = [(late_share(flights.take(days == day)), int(day)) for day in np.unique(days)]
    share, day = max(shares, default=(0.0, 0))
    return f"{share:.0%} on {datetime.fromtimestamp(day * DAY_MS / 1000, UTC):%d %b}"


def _quality(page: ReportedPage, truth: ServedFlights) -> ReportedPage:
    """Call a fault of the data real if what was served is what the tables hold."""
    real, served = (
        _of_segment(table.take(_span(table, page)), page.segment) for table in truth.tables(page.subject)
    )
    names = [page.feature] if page.feature else page.features
    if not names or not all(_equal(real.features[name], served.features[name]) for name in names):
        return _with(page, "unexplained", "")
    if CHECK_OF[page.alertname] != "missing":
        return _with(page, "unexplained", "what was served is what the tables hold")
    share = np.mean([_unknown(real.features[name]).mean() for name in names])
    return _with(page, "real", f"the tables themselves lack {share:.0%} of these values in that time")


def _span(table: FlightTable, page: ReportedPage) -> slice:
    return table.between(_ms(page.started), _ms(page.told))


def _of_segment(table: Any, segment: str | None) -> Any:
    if segment is None:
        return table
    name, value = segment.split("=", 1)
    return table.take(table.features[name] == value)


def _overlaps(event: KnownEvent, page: ReportedPage) -> bool:
    return page.started.date() <= event.last and event.first < page.told.date()


def _unknown(values: Any) -> Any:
    return np.array([value is None or value != value for value in values.tolist()])


def _equal(real: Any, served: Any) -> bool:
    return bool(np.all((real == served) | (_unknown(real) & _unknown(served))))


def _with(page: ReportedPage, cause: Any, because: str) -> ReportedPage:
    return msgspec.structs.replace(page, cause=cause, because=because)


def _ms(time: datetime) -> int:
    return round(time.astimezone(UTC).timestamp() * 1000)
