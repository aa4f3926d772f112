"""Control of false discoveries over looks that come one after the other, without end or in periods."""

from collections.abc import Sequence

from msgspec import Struct

from watchkeeper.detectors.control.e_bh import e_bh

_TOTAL = 2.6123753486854883
"""Sum of t^-1.5 over all t."""


class ELond(Struct):
    """Decides at each look which of its hypotheses are rejected; false ones are a bounded share of all.

    Look t has the level a_t = level g_t and F e-values. The k largest are rejected, k the most for which the
    k-th largest is at least F / (a_t (R + k)), R all discoveries of earlier looks. With one e-value a look
    that is e-LOND, with one look e-BH. Then, T the last look and R_T all discoveries until then,

        false share <= sum over looks and true nulls of e a_t (R_t / F) / R_T <= level sum g_t e / F,

    which is at most `level` on average, whatever depends on whatever: features on features, looks on looks,
    levels on what was found before. The g_t sum up to 1. With `looks` they are all alike, and after so many
    looks a new period begins with a promise of its own; without, g_t = t^-1.5 / 2.61 for all time.

    Papers: Xu and Ramdas (2024), Online multiple testing with e-values; Wang and Ramdas (2022). State: two
    whole numbers. Cost: that of `e_bh`.

    >>> control = ELond(level=0.1, looks=10)
    >>> control.look([2000.0, 0.7]), control.look([80.0, 0.7])
    ([0], [])
    >>> control.look([120.0, 0.7]), control.found
    ([0], 2)
    """

    level: float
    looks: int | None = None
    looked: int = 0
    """Looks in this period."""
    found: int = 0
    """Discoveries in this period."""

    def __post_init__(self) -> None:
        if not 0 < self.level < 1 or (self.looks is not None and self.looks < 1):
            raise ValueError(
                f"level must be between 0 and 1 and looks at least 1, got {self.level} and {self.looks}"
            )

    def look(self, e_values: Sequence[float]) -> list[int]:
        """Take in the e-values of the next look; return the places of those that are rejected."""
        if self.looks is not None and self.looked >= self.looks:
            self.looked = self.found = 0
        self.looked += 1
        share = 1 / self.looks if self.looks is not None else self.looked**-1.5 / _TOTAL
        rejected = e_bh(e_values, self.level * share, self.found)
        self.found += len(rejected)
        return rejected
