"""The alarms of a sentinel."""

from msgspec import Struct

from watchkeeper.detectors.engine.bins import NEW_VALUES
from watchkeeper.schemas.findings import Finding

_CAUSES = {
    "share of missing values": "missing",
    "share of unseen categories": "unseen_category",
    NEW_VALUES: "new_values",
}
"""The cause that a rise of these moves is, even if no check finds a fault."""


class Moved(Struct, frozen=True):
    """One column that moved.

    >>> Moved("amount", "mean", True, 0.9, before=50.1, now=60.3).now
    60.3
    """

    column: str
    """Name of the column."""
    move: str
    """What moved most: `mean`, `spread`, `skew` or `tails` of numbers, or the share of a category, of missing
    values, or of numbers that the reference does not have."""
    rises: bool
    """Whether it rises."""
    share: float
    """The column's share of all evidence, from 0 to 1."""
    before: float
    """Value in the reference: the mean, the standard deviation (`spread`), the skewness, or a share."""
    now: float
    """The same in the rows since the change."""


class Alarm(Struct, frozen=True):
    """A lasting change, as far as the rows show.

    >>> alarm = Alarm(63, 40, 1.7, [Moved("amount", "mean", True, 1.0, before=50.0, now=60.0)], [])
    >>> alarm.column, alarm.cause
    ('amount', 'drift')
    >>> str(alarm)
    'Row 63, since about row 40: drift: amount: the mean rose from 50 to 60.'
    """

    row: int
    """Row after which the alarm was raised, counted from 0 at the first row after the reference."""
    since: int
    """Row at which the change most likely started."""
    evidence: float
    """Evidence in multiples of the budget of false alarms; at least 1."""
    moved: list[Moved]
    """Columns that moved, most evidence first."""
    findings: list[Finding]
    """Data faults that explain the change, such as a unit change or missing values."""

    @property
    def column(self) -> str:
        """Name of the column that moved most."""
        return self.moved[0].column

    @property
    def cause(self) -> str:
        """The data fault that explains the change, such as `unit_change` or `missing`; otherwise `drift`."""
        if self.findings:
            return self.findings[0].check
        first = self.moved[0]
        return _CAUSES.get(first.move, "drift") if first.rises else "drift"

    def __str__(self) -> str:
        """Return the alarm as one line of text."""
        first = self.moved[0]
        others = f" and {len(self.moved) - 1} more" if len(self.moved) > 1 else ""
        what = (
            f"{first.column}{others}: the {first.move} {'rose' if first.rises else 'fell'} "
            f"from {first.before:.4g} to {first.now:.4g}."
        )
        if self.findings:
            more = len({each.feature for each in self.findings}) - 1
            too = f" {more} more column{'s are' if more > 1 else ' is'} also broken." if more else ""
            what = self.findings[0].explanation + too
        return f"Row {self.row}, since about row {self.since}: {self.cause}: {what}"
