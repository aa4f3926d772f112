"""The probe's subject: a model that nobody uses, with one feature that drifts on demand."""

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
"""The default name of the subject."""
MODEL_ONCE = "watchkeeper-canary-once"
"""The default name of the subject with `--once`."""
TEAM = "watchkeeper-canary"
"""The owner of the alerts on the subject, so that a route can drop them."""
ALERTNAME = NAMES["drift"].alertname
"""The name of the alert that the drift raises."""
_GOLDEN = (sqrt(5) - 1) / 2
"""The golden ratio less 1: the step of the most evenly spread Weyl sequence."""
_REFERENCE_ROWS = 2_000
"""Number of rows in the reference. Chosen by hand: enough for 40 bins."""
_DRIFTED_FROM = 0.9
"""The smallest drifted value of the feature. Chosen by hand: all drifted rows are in the top tenth of the
reference, which no window shows by chance."""


def monitor(model: str, pane: timedelta) -> Monitor:
    """Return the probe's monitor: each window is one pane, and its alerts are tickets, which wake nobody.

    Args:
        model: The name of the subject.
        pane: The length of a pane.
    """
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
    """Return the reference. It is always the same, except for its build time.

    Args:
        watched: The probe's monitor.
        built_at_ms: The build time.
    """
    examples = Examples(watched)
    for number in range(_REFERENCE_ROWS):
        examples.add_event(
            {"features": {"level": level(number, drifted=False)}, "prediction": _answer(number)}
        )
    return examples.reference(None, built_at_ms)


def event(model: str, prediction_id: str, number: int, at_ms: int, drifted: bool) -> bytes:
    """Return one prediction as JSON.

    Args:
        model: The name of the subject.
        prediction_id: The id of the prediction.
        number: The number of the event, which decides its values.
        at_ms: The event time.
        drifted: Whether the feature is drifted.
    """
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
    """Return the feature of the n-th event: spread evenly over 0 to 1, or over 0.9 to 1 if drifted.

    Any run of consecutive numbers is spread evenly (Weyl's sequence), so chance neither raises nor hides an
    alert.

    >>> [round(level(number, drifted=False), 2) for number in range(4)]
    [0.0, 0.62, 0.24, 0.85]
    >>> min(level(number, drifted=True) for number in range(100))
    0.9
    """
    even = number * _GOLDEN % 1
    return _DRIFTED_FROM + (1 - _DRIFTED_FROM) * even if drifted else even


def _answer(number: int) -> dict[str, float]:
    return {"score": level(number, drifted=False)}
