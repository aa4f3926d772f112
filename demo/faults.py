"""The three faults that the demo puts on top of the real year, each at a stated time.

They strike what is served, so the model's answers get worse with its inputs; the real values are kept apart.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from watchkeeper.demo.flights import FlightTable
from watchkeeper.schemas.findings import Check

__all__ = ["FAULTS", "DemoFault", "inject"]

Column = NDArray[Any]
AnyTable = TypeVar("AnyTable", bound=FlightTable)
NULL_SHARE = 0.7
_SEED = 2013


class DemoFault(NamedTuple):
    """One injected fault. `check` is what it ought to be named."""

    name: str
    feature: str
    began: datetime
    ended: datetime
    check: Check
    story: str
    subjects: tuple[str, ...]
    change: Callable[[Column], Column]

    @property
    def began_ms(self) -> int:
        """Milliseconds since 1970 from which values are changed."""
        return round(self.began.timestamp() * 1000)

    @property
    def ended_ms(self) -> int:
        """Milliseconds since 1970 from which values are right again."""
        return round(self.ended.timestamp() * 1000)


def celsius(fahrenheit: Column) -> Column:
    """Convert a temperature, as the feed does after its upgrade.

    >>> celsius(np.array([32.0, 212.0])).tolist()
    [0.0, 100.0]
    """
    return (fahrenheit - 32) * 5 / 9


def lose(values: Column) -> Column:
    """Leave out seven of ten values, the same ones each time."""
    lost = np.random.default_rng(_SEED).random(len(values)) < NULL_SHARE
    return np.where(lost, np.nan, values)


def rename_expressjet(carriers: Column) -> Column:
    """Give ExpressJet the code that it flew under until 2011.

    >>> rename_expressjet(np.array(["EV", "UA"], object)).tolist()
    ['XE', 'UA']
    """
    return np.where(carriers == "EV", "XE", carriers).astype(object)


FAULTS = (
    DemoFault(
        "null burst",
        "humid",
        datetime(2013, 6, 11, tzinfo=UTC),
        datetime(2013, 6, 14, tzinfo=UTC),
        "missing",
        "the serving's look-up of humidity fails for 70 % of requests; the weather feed itself is fine",
        ("flight-delay",),
        lose,
    ),
    DemoFault(
        "unit change",
        "temp",
        datetime(2013, 9, 9, tzinfo=UTC),
        datetime(2013, 9, 16, tzinfo=UTC),
        "unit_change",
        "the weather feed is upgraded and sends °C where it sent °F",
        ("flight-delay", "weather"),
        celsius,
    ),
    DemoFault(
        "category renamed",
        "carrier",
        datetime(2013, 11, 12, tzinfo=UTC),
        datetime(2013, 11, 18, tzinfo=UTC),
        "category_renamed",
        "ExpressJet's code EV becomes XE, its code of years ago",
        ("flight-delay",),
        rename_expressjet,
    ),
)


def inject(table: AnyTable, subject: str, faults: Iterable[DemoFault] = FAULTS) -> AnyTable:
    """Return the table as it is served: the same rows with the faults of this subject."""
    features = dict(table.features)
    for fault in faults:
        if subject in fault.subjects:
            rows = table.between(fault.began_ms, fault.ended_ms)
            features[fault.feature] = features[fault.feature].copy()
            features[fault.feature][rows] = fault.change(features[fault.feature][rows])
    return replace(table, features=features)
