"""Harmful rises of a model's risk: silent while a shift is benign."""

from math import log, log1p, sqrt
from typing import Self

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from watchkeeper.detectors.online.base import checked

_BET_MAX = 0.5


class Risk(Struct):
    """Detects that the mean of losses in [0, 1] since the start exceeds what is allowed.

    The alarm is raised when a lower confidence bound of the mean, which holds at all times at once, exceeds
    `allowed`. With the predictable mean m and variance s2, and bets
    b_i = min(1/2, sqrt(2 ln(1/d) / (s2 i ln(1+i)))):

        bound_n = (sum b_i x_i - ln(1/d) - sum (x_i - m_{i-1})^2 psi(b_i)) / sum b_i,  psi(b) = -ln(1-b) - b.

    While the mean of each loss, given those before, is at most `allowed`, the chance that it ever alarms is
    at most `delta`, whatever the distribution: a promise for all time, not per value. It looks at the mean
    of all losses since the start, so a harm that begins late is found late; `Sentinel` is quicker, this one
    sure. Labels may be late, as long as how late does not depend on what they say.

    Papers: Podkopaev and Ramdas (2021), Tracking the risk of a deployed model and detecting harmful
    distribution shifts; Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by
    betting.
    Cost: 1 us per value, 7 floats of state.

    >>> risk = Risk(allowed=0.2, delta=0.01)
    >>> any(risk.update(loss) for loss in [0, 0, 0, 0, 1] * 200)
    False
    >>> next(n for n in range(1, 3000) if risk.update(n % 2)) < 1500
    True
    """

    allowed: float
    delta: float = 0.001
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    bets: float = 0.0
    won: float = 0.0
    paid: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.allowed <= 1 and 0 < self.delta < 1):
            raise ValueError(
                f"allowed must be in [0, 1] and delta in (0, 1), got {self.allowed} and {self.delta}"
            )

    @classmethod
    def of_source(cls, losses: ArrayLike, tolerance: float = 0.01, delta: float = 0.001) -> Self:
        """Allow what the source's losses have, at their upper bound, and a tolerance more; `delta` for both.

        The bound is Maurer and Pontil's (2009) empirical one of Bernstein.

        ValueError: fewer than two losses, or one that is not in [0, 1].

        >>> import numpy as np
        >>> round(Risk.of_source(np.tile([0.0, 0.0, 0.0, 1.0], 2500)).allowed, 3)
        0.28
        """
        losses = np.asarray(losses, float)
        if losses.ndim != 1 or len(losses) < 2 or not ((losses >= 0) & (losses <= 1)).all():
            raise ValueError("the source must have two losses or more, all of them in [0, 1]")
        n, mean, variance = len(losses), float(losses.mean()), float(losses.var(ddof=1))
        slack = log(4 / delta)
        bound = mean + sqrt(2 * variance * slack / n) + 7 * slack / (3 * (n - 1))
        return cls(min(1.0, bound + tolerance), delta / 2)

    @property
    def bound(self) -> float:
        """Give the lower bound of the mean; 0 when nothing is known."""
        return max(0.0, (self.won - log(1 / self.delta) - self.paid) / self.bets) if self.bets else 0.0

    @property
    def score(self) -> float:
        """Give the bound as a share of what is allowed."""
        return self.bound / self.allowed if self.allowed else float(self.bound > 0)

    def update(self, value: float) -> bool:
        """Take in the next loss; return whether it raises the alarm."""
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
        """Forget all losses."""
        self.count, self.total, self.squares, self.bets, self.won, self.paid = 0, 0.0, 0.0, 0.0, 0.0, 0.0

    def snapshot(self) -> bytes:
        """Encode the state."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Build the detector that a snapshot was taken of."""
        return msgspec.msgpack.decode(state, type=cls)
