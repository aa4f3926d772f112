"""Monitors, batches and references that the tests of this package share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.schemas.monitors import Monitor

DECLARED: dict[str, Any] = {
    "model": "flight-delay",
    "owner": {"team": "ops-ml"},
    "task": "binary-classification",
    "features": {
        "temp": {"type": "number", "range": [-30, 130]},
        "distance": {"type": "number"},
        "carrier": {"type": "category"},
        "night": {"type": "boolean"},
    },
    "labels": {},
}


@pytest.fixture
def monitor() -> Monitor:
    return Monitor.model_validate(DECLARED)


@pytest.fixture
def declare() -> Callable[..., Monitor]:
    """Give the monitor with some keys replaced."""
    return lambda **changes: Monitor.model_validate({**DECLARED, **changes})


def batch(rows: int, seed: int = 0, **changes: Any) -> Columns:
    """Draw healthy rows: temperature, skewed distance, four carriers, night or not."""
    rng = np.random.default_rng(seed)
    temp = np.round(rng.normal(70, 8, rows), 1)
    distance = np.round(rng.lognormal(6.5, 0.8, rows))
    carrier = rng.choice(["UA", "B6", "EV", "DL"], rows, p=[0.4, 0.3, 0.2, 0.1]).tolist()
    night = rng.choice(["false", "true"], rows).tolist()
    columns = Columns(
        rows,
        np.stack((temp, distance)),
        [carrier, night],
        scores=rng.beta(2, 5, rows),
        latency_ms=rng.gamma(3, 10, rows),
    )
    for name, value in changes.items():
        setattr(columns, name, value)
    return columns


@pytest.fixture
def healthy() -> Callable[..., Columns]:
    return batch
