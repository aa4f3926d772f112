"""Control of false discoveries over a sequence of looks, endless or in periods."""

from collections.abc import Sequence

from msgspec import Struct

from watchkeeper.detectors.control.e_bh import e_bh

_TOTAL = 2.6123753486854883
"""The sum of t^-1.5 over all t from 1 on: Riemann's zeta(1.5)."""


class ELond(Struct):
    """Decides at each look which hypotheses are rejected, with a bound on the share of false rejections.

    Look t has the level a_t = level g_t and F e-values. The k largest are rejected, with k the largest number
    for which the k-th largest is at least F / (a_t (R + k)), where R is the number of discoveries of earlier
    looks. With one e-value at each look this is e-LOND; with one look it is e-BH. With T the last look and
    R_T the number of discoveries until then,

        false share <= sum over looks and true nulls of e a_t (R_t / F) / R_T <= level sum g_t e / F,

    which is at most `level` on average under any dependence: between features, between looks, and of levels
    on earlier discoveries. The g_t sum up to 1. With `looks` they are equal, and after that many looks a new
    period begins with a guarantee of its own. Without `looks`, g_t = t^-1.5 / 2.61 for all time.

    Papers: Xu and Ramdas (2024), Online multiple testing with e-values; Wang and Ramdas (2022), False
    discovery rate control with e-values. State: two whole numbers. Cost: that of `e_bh`.

    Args:
        level: The false discovery rate, between 0 and 1.
        looks: Number of looks in a period; None is one endless period.
        looked: State: the number of looks in this period. Leave it out.
        found: State: the number of discoveries in this period. Leave it out.

    Raises:
        ValueError: `level` is not between 0 and 1, or `looks` is below 1.

    >>> control = ELond(level=0.1, looks=10)
    >>> control.look([2000.0, 0.7]), control.look([80.0, 0.7])
    ([0], [])
    >>> control.look([120.0, 0.7]), control.found
    ([0], 2)
    """

    level: float
    looks: int | None = None
    looked: int = 0
    """State: the number of looks in this period."""
    found: int = 0
    """State: the number of discoveries in this period."""

    def __post_init__(self) -> None:
        if not 0 < self.level < 1 or (self.looks is not None and self.looks < 1):
            raise ValueError(
                f"level must be between 0 and 1 and looks at least 1, got {self.level} and {self.looks}"
            )

    def look(self, e_values: Sequence[float]) -> list[int]:
        """Process the e-values of the next look and return the positions of the rejected ones.

        Args:
            e_values: One e-value for each hypothesis of the look, shape (F,); NaN counts as no evidence.

        Returns:
            The positions of the rejected hypotheses in `e_values`, in ascending order.
        """
        if self.looks is not None and self.looked >= self.looks:
            self.looked = self.found = 0
        self.looked += 1
        share = 1 / self.looks if self.looks is not None else self.looked**-1.5 / _TOTAL
        rejected = e_bh(e_values, self.level * share, self.found)
        self.found += len(rejected)
        return rejected
