"""Streams of independent healthy rows up to a change: errors of a classifier, and a numeric feature."""

from collections.abc import Callable, Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np

from benchmarks.detection.contestant import Floats

SEED = 41_126
REFERENCE_ROWS = 10_000
BEFORE_ROWS = 10_000
"""Healthy rows between the reference and a change, for every contestant."""

Draw = Callable[[np.random.Generator, int], Floats]


class Stream(NamedTuple):
    """A kind of stream: its healthy distribution, and those it can change to, abruptly and permanently."""

    name: str
    healthy: Draw
    changes: Mapping[str, Draw]
    limit: int
    """Rows after which a change counts as missed, with this number as its delay."""


def generator(*path: object) -> np.random.Generator:
    """Return the random generator for one purpose in the benchmark. It is always seeded alike.

    >>> generator("normal", 3).random() == generator("normal", 3).random() != generator("normal", 4).random()
    True
    """
    words = [word for part in path for word in str(part).encode()]
    return np.random.default_rng([SEED, *words])


def _errors(share: float) -> Draw:
    return lambda rng, rows: (rng.random(rows) < share).astype(np.float64)


def _normal(mean: float = 0.0, sd: float = 1.0) -> Draw:
    return lambda rng, rows: rng.normal(mean, sd, rows)


def heavy_tails(rng: np.random.Generator, rows: int) -> Floats:
    """Draw Student's t with 3 degrees of freedom, scaled to variance 1."""
    return rng.standard_t(3, rows) / sqrt(3)


def two_modes(rng: np.random.Generator, rows: int) -> Floats:
    """Draw normal values around -0.9 or 0.9, with overall mean 0 and variance 1."""
    return rng.choice([-0.9, 0.9], rows) + rng.normal(0, sqrt(1 - 0.9**2), rows)


ERRORS = Stream(
    "errors",
    _errors(0.10),
    {f".10->.{percent}": _errors(percent / 100) for percent in (12, 15, 20, 30)},
    limit=6000,
)
NORMAL = Stream(
    "normal",
    _normal(),
    {
        "mean+.1": _normal(0.1),
        "mean+.25": _normal(0.25),
        "mean+.5": _normal(0.5),
        "sd*1.25": _normal(sd=1.25),
        "sd*1.5": _normal(sd=1.5),
        "t3 tails": heavy_tails,
        "bimodal": two_modes,
    },
    limit=8000,
)
STREAMS = {stream.name: stream for stream in (ERRORS, NORMAL)}
