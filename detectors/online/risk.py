"""Harmful rises of a model's risk: no alarm while a shift is harmless."""

from math import log, log1p, sqrt
from typing import Self

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from watchkeeper.detectors.online.base import checked

_BET_MAX = 0.5
"""The largest share of the wealth in one bet: one of the two values that Waudby-Smith and Ramdas suggest."""


class Risk(Struct):
    """Detects that the mean of losses in [0, 1] since the start exceeds an allowed mean.

    It alarms when a lower confidence bound of the mean, valid at all times simultaneously, exceeds `allowed`.
    With the predictable mean m and variance s2, and bets b_i = min(1/2, sqrt(2 ln(1/d) / (s2 i ln(1+i)))):

        bound_n = (sum b_i x_i - ln(1/d) - sum (x_i - m_{i-1})^2 psi(b_i)) / sum b_i,  psi(b) = -ln(1-b) - b.

    While the mean of each loss, given those before, is at most `allowed`, the probability that it ever alarms
    is at most `delta`, for any distribution. It averages all losses since the start, so a harm that begins
    late is detected late: `Sentinel` is faster, this detector has the stronger guarantee. Labels may be
    late, as long as their delay does not depend on their content.

    Papers: Podkopaev and Ramdas (2021), Tracking the risk of a deployed model and detecting harmful
    distribution shifts; Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by
    betting.
    Cost: 1 us per value, 7 floats of state.

    Args:
        allowed: The mean loss that is allowed, in [0, 1].
        delta: Probability that it ever alarms without harm, between 0 and 1.
        count: State, kept in a snapshot; leave it and the following out.
        total: State.
        squares: State.
        bets: State.
        won: State.
        paid: State.

    Raises:
        ValueError: `allowed` or `delta` is outside its range.

    >>> risk = Risk(allowed=0.2, delta=0.01)
    >>> any(risk.update(loss) for loss in [0, 0, 0, 0, 1] * 200)
    False
    >>> next(n for n in range(1, 3000) if risk.update(n % 2)) < 1500
    True
    """

    allowed: float
    delta: float = 0.001
    count: int = 0
    """State: the number of losses, n."""
    total: float = 0.0
    """State: the sum of the losses."""
    squares: float = 0.0
    """State: the sum of squared deviations of the losses from their predictable means."""
    bets: float = 0.0
    """State: the sum of the bets, b_i."""
    won: float = 0.0
    """State: the sum of b_i x_i."""
    paid: float = 0.0
    """State: the sum of (x_i - m_{i-1})^2 psi(b_i)."""

    def __post_init__(self) -> None:
        if not (0 <= self.allowed <= 1 and 0 < self.delta < 1):
            raise ValueError(
                f"allowed must be in [0, 1] and delta in (0, 1), got {self.allowed} and {self.delta}"
            )

    @classmethod
    def of_source(cls, losses: ArrayLike, tolerance: float = 0.01, delta: float = 0.001) -> Self:
        """Build the detector from the losses of healthy data: it allows their upper bound plus a tolerance.

        The bound is the empirical Bernstein bound of Maurer and Pontil (2009).

        Args:
            losses: Losses of healthy rows, in [0, 1], shape (rows,), at least two.
            tolerance: The increase of the mean loss that is harmless.
            delta: Probability of a false alarm, for the bound and for the detector together.

        Raises:
            ValueError: There are fewer than two losses, or one is outside [0, 1].

        >>> import numpy as np
        >>> round(Risk.of_source(np.tile([0.0, 0.0, 0.0, 1.0], 2500)).allowed, 3)
        0.28
        """
        losses = np.asarray(losses, float)
        if losses.ndim != 1 or len(losses) < 2 or not ((losses >= 0) & (losses <= 1)).all():
            raise ValueError("of_source needs at least two losses, all of them in [0, 1]")
        n, mean, variance = len(losses), float(losses.mean()), float(losses.var(ddof=1))
        slack = log(4 / delta)
        bound = mean + sqrt(2 * variance * slack / n) + 7 * slack / (3 * (n - 1))
        return cls(min(1.0, bound + tolerance), delta / 2)

    @property
    def bound(self) -> float:
        """Give the lower confidence bound of the mean loss; 0 before the first loss."""
        return max(0.0, (self.won - log(1 / self.delta) - self.paid) / self.bets) if self.bets else 0.0

    @property
    def score(self) -> float:
        """Give the bound as a share of the allowed mean."""
        return self.bound / self.allowed if self.allowed else float(self.bound > 0)

    def update(self, value: float) -> bool:
        """Process the next loss and report whether it raises an alarm.

        Args:
            value: The next loss, in [0, 1].

        Raises:
            ValueError: The loss is outside [0, 1] or NaN.
        """
        checked(value)
        if self.bound > self.allowed:
            self.reset()
        mean = (0.5 + self.total) / (self.count + 1)
        variance = (0.25 + self.squares) / (self.count + 1)
        self.count += 1
        bet = min(_BET_MAX, sqrt(2 * log(1 / self.delta) / (variance * self.count * log1p(self.count))))
        self.bets += bet
        self.won += bet * value
        self.paid += (value - mean) ** 2 * (-log1p(-bet) - bet)
        self.total += value
        self.squares += (value - (0.5 + self.total) / (self.count + 1)) ** 2
        return self.bound > self.allowed

    def reset(self) -> None:
        """Forget all losses; the settings stay."""
        self.count, self.total, self.squares, self.bets, self.won, self.paid = 0, 0.0, 0.0, 0.0, 0.0, 0.0

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
