"""What the canary publishes: a model that nobody uses, with one feature that drifts on demand."""

from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import msgspec

from watchkeeper.alerting.names import NAMES
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.streams.files.examples import Examples

__all__ = ["ALERTNAME", "MODEL", "MODEL_ONCE", "TEAM", "event", "level", "monitor", "reference"]

MODEL = "watchkeeper-canary"
MODEL_ONCE = "watchkeeper-canary-once"
TEAM = "watchkeeper-canary"
"""Owns the alerts on the canary itself, so that a route can drop them."""
ALERTNAME = NAMES["drift"].alertname
"""What the drift raises."""
_GOLDEN = (sqrt(5) - 1) / 2
_REFERENCE_ROWS = 2_000
_DRIFTED_FROM = 0.9


def monitor(model: str, pane: timedelta) -> Monitor:
    """Return the canary's monitor: windows of one pane, and nobody is woken for what it raises."""
    lateness = timedelta(milliseconds=pane // timedelta(milliseconds=6))
    return Monitor.model_validate(
        {
            "model": model,
            "owner": {"team": TEAM, "severity": "ticket"},
            "task": "binary-classification",
            "features": {"level": {"type": "number"}},
            "windows": {"pane": pane, "size": pane, "lateness": lateness},
            "sensitivity": {"silent_after": 10 * pane},
        }
    )


def reference(watched: Monitor, built_at_ms: int) -> Reference:
    """Return what normal looks like; the same each time, but for when it was built."""
    examples = Examples(watched)
    for number in range(_REFERENCE_ROWS):
        examples.add_event(
            {"features": {"level": level(number, drifted=False)}, "prediction": _answer(number)}
        )
    return examples.reference(None, built_at_ms)


def event(model: str, prediction_id: str, number: int, at_ms: int, drifted: bool) -> bytes:
    """Return one prediction as JSON."""
    document: dict[str, Any] = {
        "prediction_id": prediction_id,
        "model": model,
        "model_version": "1",
        "event_time": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "features": {"level": level(number, drifted)},
        "prediction": _answer(number),
    }
    return msgspec.json.encode(document)


def level(number: int, drifted: bool) -> float:
    """Return the feature of the n-th event: spread evenly over 0 to 1, drifted over 0.9 to 1.

    Any run of numbers is spread evenly (Weyl's sequence), so that chance never raises or hides an alert.

    >>> [round(level(number, drifted=False), 2) for number in range(4)]
    [0.0, 0.62, 0.24, 0.85]
    >>> min(level(number, drifted=True) for number in range(100))
    0.9
    """
    even = number * _GOLDEN % 1
    return _DRIFTED_FROM + (1 - _DRIFTED_FROM) * even if drifted else even


def _answer(number: int) -> dict[str, float]:
    return {"score": level(number, drifted=False)}
