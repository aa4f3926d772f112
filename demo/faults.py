"""The three faults that the demo injects into the real year, each at a fixed time.

The faults change the served values, so the predictions get worse with their inputs. The real values stay as
they are.
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
"""Share of humidity values that the null burst removes. Chosen by hand: a fault that no detector may miss."""
_SEED = 2013
"""Seed of the choice of removed values. Any number does."""


class DemoFault(NamedTuple):
    """One injected fault. `check` is the check that should detect it."""

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
        """Start of the fault in milliseconds since 1970, inclusive."""
        return round(self.began.timestamp() * 1000)

    @property
    def ended_ms(self) -> int:
        """End of the fault in milliseconds since 1970, exclusive."""
        return round(self.ended.timestamp() * 1000)


def celsius(fahrenheit: Column) -> Column:
    """Convert a temperature from °F to °C, as the feed does after its upgrade.

    >>> celsius(np.array([32.0, 212.0])).tolist()
    [0.0, 100.0]
    """
    return (fahrenheit - 32) * 5 / 9


def lose(values: Column) -> Column:
    """Remove seven of ten values, the same ones each time."""
    lost = np.random.default_rng(_SEED).random(len(values)) < NULL_SHARE
    return np.where(lost, np.nan, values)


def rename_expressjet(carriers: Column) -> Column:
    """Rename ExpressJet's code from EV to XE, the code it used until 2011.

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
        "the service's lookup of humidity fails for 70 % of requests; the weather feed itself is healthy",
        ("flight-delay",),
        lose,
    ),
    DemoFault(
        "unit change",
        "temp",
        datetime(2013, 9, 9, tzinfo=UTC),
        datetime(2013, 9, 16, tzinfo=UTC),
        "unit_change",
        "after an upgrade, the weather feed sends °C instead of °F",
        ("flight-delay", "weather"),
        celsius,
    ),
    DemoFault(
        "category renamed",
        "carrier",
        datetime(2013, 11, 12, tzinfo=UTC),
        datetime(2013, 11, 18, tzinfo=UTC),
        "category_renamed",
        "ExpressJet's code changes from EV to XE, a code of earlier years",
        ("flight-delay",),
        rename_expressjet,
    ),
)


def inject(table: AnyTable, subject: str, faults: Iterable[DemoFault] = FAULTS) -> AnyTable:
    """Return the table as served: the same rows with the faults of this subject."""
    features = dict(table.features)
    for fault in faults:
        if subject in fault.subjects:
            rows = table.between(fault.began_ms, fault.ended_ms)
            features[fault.feature] = features[fault.feature].copy()
            features[fault.feature][rows] = fault.change(features[fault.feature][rows])
    return replace(table, features=features)
