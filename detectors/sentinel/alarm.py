"""What a sentinel says when something has changed."""

from msgspec import Struct

from watchkeeper.detectors.engine.bins import NEW_VALUES
from watchkeeper.schemas.findings import Finding

_CAUSES = {
    "share of missing values": "missing",
    "share of unseen categories": "unseen_category",
    NEW_VALUES: "new_values",
}
"""Of what moved most, where it is a fault whatever its share."""


class Moved(Struct, frozen=True):
    """One column that moved."""

    column: str
    move: str
    """What moved most: `mean`, `spread`, `skew` or `tails` of numbers, or the share of a category, of
    missing values, or of numbers that the reference does not have."""
    rises: bool
    share: float
    """Of all the evidence."""
    before: float
    """The mean, the standard deviation or the share in the reference."""
    now: float
    """The same in the rows since the change."""


class Alarm(Struct, frozen=True):
    """A change that is there to stay, as far as its rows tell."""

    row: int
    """The row after which it was raised, counted from the first row after the reference."""
    since: int
    """The row at which the change most likely began."""
    evidence: float
    """How many times over the budget of false alarms is used up by calling it one; at least 1."""
    moved: list[Moved]
    """Columns that moved, with most of the evidence first."""
    findings: list[Finding]
    """The change recognised for what it is, where it is broken data: a unit change, values missing..."""

    @property
    def column(self) -> str:
        """Name the column that moved most."""
        return self.moved[0].column

    @property
    def cause(self) -> str:
        """Name what it is: a data fault if it is one, or else `drift`."""
        if self.findings:
            return self.findings[0].check
        first = self.moved[0]
        return _CAUSES.get(first.move, "drift") if first.rises else "drift"

    def __str__(self) -> str:
        """Say it in one sentence."""
        first = self.moved[0]
        others = f" and {len(self.moved) - 1} more" if len(self.moved) > 1 else ""
        what = (
            f"{first.column}{others}: the {first.move} {'rose' if first.rises else 'fell'} "
            f"from {first.before:.4g} to {first.now:.4g}."
        )
        if self.findings:
            more = len({each.feature for each in self.findings}) - 1
            too = f" {more} more column{'s are' if more > 1 else ' is'} broken, too." if more else ""
            what = self.findings[0].explanation + too
        return f"Row {self.row}, since about row {self.since}: {self.cause}: {what}"
