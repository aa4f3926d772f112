"""The mixture Shiryaev-Roberts e-detector: a bound on false alarms without a model of the values."""

from math import log1p
from typing import Self

import msgspec
from msgspec import Struct, field

from watchkeeper.detectors.online.base import checked

BETS = tuple(0.02 * 45 ** (k / 7) for k in range(8))
"""Shares of the wealth that are bet, from 0.02 (small changes) to 0.9 (large ones), in equal ratios. Chosen
by hand: more bets cost time, fewer are slower at changes between them."""
_EDGE = 0.005
"""The smallest upper end of the band: nearer to 0, the first value above it would be an alarm. Chosen by
hand."""


class ESr(Struct):
    """Detects that the mean of values in [0, 1] has left a band around its baseline.

    Each of 16 gamblers (8 on a rise, 8 on a fall) bets a fixed share f that the next value lies beyond the
    band [low, high] = baseline -+ tolerance. With L = 1 + f (x / high - 1) on a rise, the same of 1 - x and
    1 - low on a fall, and no bets on a side that ends at 0 or 1, where nothing can lie beyond:

        M_n(f) = L_n (M_{n-1}(f) + 1) = sum over j <= n of L_j L_{j+1} ... L_n,   alarm at mean of M_n >= arl.

    As long as the mean of each value, given the values before, lies in the band, E L <= 1 and the mean number
    of values to a false alarm is at least `arl`, for any distribution. Where the conditional mean
    leaves the band in healthy data (seasons, bursts), there is no such guarantee: widen the tolerance.

    Paper: Shin, Ramdas and Rinaldo (2023), E-detectors: a nonparametric framework for sequential change
    detection. Cost: 3 us per value, 16 floats of state.

    Args:
        baseline: The healthy mean, in [0, 1].
        tolerance: How far the mean may lie from the baseline without harm, 0 or more.
        arl: The average run length that is guaranteed: values per false alarm, above 1.
        evidence: State, kept in a snapshot: the wealth M of each of the 16 bets. Leave it out.

    Raises:
        ValueError: A setting is outside its range, or `evidence` has another length.

    >>> detector = ESr(baseline=0.1)
    >>> any(detector.update(value) for value in [0.2, 0.0] * 500), next(
    ...     n for n in range(1, 100) if detector.update(0.6))
    (False, 7)
    """

    baseline: float
    tolerance: float = 0.0
    arl: float = 10_000.0
    evidence: list[float] = field(default_factory=lambda: [0.0] * (2 * len(BETS)))
    """State: the wealth M of each bet, those on a rise first."""

    def __post_init__(self) -> None:
        if not (0 <= self.baseline <= 1 and self.tolerance >= 0 and self.arl > 1):
            raise ValueError(
                f"baseline must be in [0, 1], tolerance at least 0 and arl above 1, "
                f"got {self.baseline}, {self.tolerance} and {self.arl}"
            )
        if len(self.evidence) != 2 * len(BETS):
            raise ValueError(f"evidence must have {2 * len(BETS)} numbers, got {len(self.evidence)}")

    @property
    def score(self) -> float:
        """Give log(1 + mean of M) as a share of log(1 + arl)."""
        return log1p(sum(self.evidence) / len(self.evidence)) / log1p(self.arl)

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self.score >= 1:
            self.reset()
        factors = _factors(value, self.baseline + self.tolerance)
        factors += _factors(1 - value, 1 - self.baseline + self.tolerance)
        self.evidence = [factor * (wealth + 1) for factor, wealth in zip(factors, self.evidence, strict=True)]
        return self.score >= 1

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self.evidence = [0.0] * len(self.evidence)

    def snapshot(self) -> bytes:
        """Encode settings and state as MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Build the detector from a snapshot.

        Args:
            state: The bytes that `snapshot` returned.
        """
        return msgspec.msgpack.decode(state, type=cls)


def _factors(value: float, edge: float) -> list[float]:
    """Give the factors of the wealth of the bets that values lie above the edge."""
    if edge >= 1:
        return [0.0] * len(BETS)
    beyond = value / max(edge, _EDGE) - 1
    return [1 + bet * beyond for bet in BETS]
