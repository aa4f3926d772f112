"""KSWIN: the last values against a sample of those just before, by Kolmogorov-Smirnov."""

from functools import cache
from math import comb

from msgspec import field

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful

WINDOW = 100
"""Number of values that are kept, as in river."""
RECENT = 30
"""Number of the newest values that are tested, and of the older ones that are drawn, as in river."""


class Kswin(Stateful, kw_only=True):
    """Detects any change of distribution among the last 100 values.

    The last 30 values are compared with 30 drawn at random from the 70 before. D is the largest distance of
    their two empirical distributions. It alarms where its exact p-value

        P(D >= k / 30) = 2 sum over j = 1, 2, ... of (-1)^(j - 1) C(60, 30 - j k) / C(60, 30)

    is at most alpha. Each value is a new test, so the default alpha of 0.005 alarms every 1000 values on
    healthy data: use `calibrate`. Only 30 values are compared, so small changes are never detected; another
    detector is usually the better choice.

    Settings and test are those of river's KSWIN. The random numbers come from a generator of our own whose
    state is saved.

    Paper: Raab, Heusinger and Schleif (2020), Reactive soft prototype computing for concept drift streams.
    Cost: 20 us per value (river 155); 100 floats of state.

    Args:
        alpha: Significance of one test, 0 to 1; a smaller value alarms less often.

    >>> detector = Kswin(alpha=1e-6)
    >>> any(detector.update(n % 10 / 10) for n in range(200)), next(
    ...     n for n in range(1, 100) if detector.update(0.9))
    (False, 22)
    """

    alpha: float = 0.005
    window: list[float] = field(default_factory=list)
    """State: the last values, at most 100, the oldest first."""
    random: int = 1
    """State: the state of the random number generator, 64 bits."""

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self.score >= 1:
            self.reset()
        self.window.append(value)
        if len(self.window) < WINDOW:
            return False
        del self.window[:-WINDOW]
        distance = steps_apart(self._drawn(), self.window[-RECENT:])
        return self._judge(distance, critical(self.alpha) - 0.5)

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self.score, self.window, self.random = 0.0, [], 1

    def _drawn(self) -> list[float]:
        """Draw from the older values without replacement: Fisher-Yates shuffle, Knuth's generator."""
        older, random = self.window[:-RECENT], self.random
        left = len(older)
        for place in range(RECENT):
            random = (random * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
            other = place + (random >> 33) % left
            older[place], older[other] = older[other], older[place]
            left -= 1
        self.random = random
        return older[:RECENT]


def steps_apart(first: list[float], second: list[float]) -> int:
    """Return the distance of the empirical distributions of two samples of equal size, times that size.

    Args:
        first: The values of one sample.
        second: As many values of the other.

    >>> steps_apart([1, 2, 3, 4], [3, 4, 5, 6]), steps_apart([1, 1, 2], [1, 2, 2])
    (2, 1)
    """
    values = sorted([(value, 1) for value in first] + [(value, -1) for value in second])
    values.append((float("inf"), 0))
    apart = largest = 0
    for index in range(len(values) - 1):
        value, side = values[index]
        apart += side
        if value != values[index + 1][0]:
            largest = max(largest, abs(apart))
    return largest


def p_value(steps: int) -> float:
    """Return the probability that two samples of 30 lie this many steps apart or more, without a change.

    Args:
        steps: The distance of the distributions times 30, 1 to 30.

    >>> p_value(30) == 2 / comb(60, 30), p_value(1)
    (True, 1.0)
    """
    terms = [comb(2 * RECENT, RECENT - j * steps) for j in range(1, RECENT // steps + 1)]
    return 2 * sum(term if j % 2 == 0 else -term for j, term in enumerate(terms)) / comb(2 * RECENT, RECENT)


_P_VALUES = [p_value(steps) for steps in range(1, RECENT + 1)]
"""The p-value of each number of steps, from 1 on."""
_LEAST = 4
"""Minimum number of steps that can alarm: river requires a distance above 0.1, which is 3 of 30 steps."""


@cache
def critical(alpha: float) -> int:
    """Return the fewest steps whose p-value is at most alpha, or 31 if there are none.

    Args:
        alpha: Significance of one test, 0 to 1.

    >>> critical(0.005), critical(1e-20)
    (14, 31)
    """
    return next((k for k in range(_LEAST, RECENT + 1) if _P_VALUES[k - 1] <= alpha), RECENT + 1)
