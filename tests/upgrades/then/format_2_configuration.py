"""The monitors and references of the golden files of format 2, written with the code that is on the path."""

from datetime import UTC, datetime, timedelta

import numpy as np
from detectors.columns import Columns
from detectors.reference import build_reference

from schemas.monitors import Monitor
from schemas.references import Reference
from schemas.revisions import FORMAT, MonitorRecord, MonitorRevision, ReferenceRecord, ReferenceRevision
from streams.canary import subject as canary

START = datetime(2026, 1, 1, tzinfo=UTC)
PER_MINUTE = 24
CHANGED, HANDED_OVER = 60, 100
"""Minutes at which the classifier's monitor changes what is counted, and its owner."""
FEATURES = {
    "age": {"type": "integer", "range": [0, 120]}, "income": {"type": "number"},
    "country": {"type": "category"}, "member": {"type": "boolean"},
}  # fmt: skip
RISK = {
    "model": "risk", "owner": {"team": "ml"}, "task": "binary-classification", "features": FEATURES,
    "segments": ["country"], "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT30S"},
    "labels": {"expected_within": "PT10M", "min_labels": 50, "metrics": {"log_loss": {"worse_by": 0.1}}},
    "retraining": {"cooldown": "PT6H", "data_window": "PT1H", "after_windows": 2, "min_labels": 100},
    "runbooks": "https://runbooks.example.com/", "dashboard": "https://grafana.example.com/d/risk",
}  # fmt: skip
COUNTED_OTHERWISE = RISK | {
    "features": FEATURES | {"age": {"type": "integer", "range": [0, 100], "required": False}},
    "segments": ["country", "channel"],
    "windows": {"pane": "PT1M", "size": "PT10M", "every": "PT5M", "lateness": "PT30S"},
}
PRICE = {
    "model": "price", "owner": {"team": "pricing", "severity": "ticket"}, "task": "regression",
    "features": {
        "km": {"type": "number", "range": [0, 100_000]},
        "kind": {"type": "category", "categories": ["flat", "house"]},
    },
    "windows": {"pane": "PT1M", "size": "PT10M", "rows": 200, "lateness": "PT30S"},
    "labels": {"expected_within": "PT10M", "window": "PT20M", "min_labels": 30,
               "metrics": {"mae": {}, "bias": {}}},
    "retraining": {"after_windows": 1, "min_labels": 30},
    "sensitivity": {"fire_after": 2, "p_value": 0.001},
}  # fmt: skip
WEATHER = {
    "feature_view": "weather", "owner": {"team": "ml", "severity": "ticket"},
    "features": {"temp": {"type": "number", "range": [-50, 60]}},
    "windows": {"pane": "PT1M", "size": "PT10M", "every": "PT5M", "lateness": "PT30S"},
    "false_pages": {"at_most": 1, "per": "P7D"},
}  # fmt: skip


def ms(minute: float) -> int:
    return round((START.timestamp() + 60 * minute) * 1000)


def at(minute: float) -> str:
    return (START + timedelta(minutes=minute)).isoformat()


def configuration() -> list[tuple[str, bytes, bytes]]:
    """Write the records of `monitors` and `references`: plain ones, and ones with several revisions."""
    risk, price, weather = map(Monitor.model_validate, (RISK, PRICE, WEATHER))
    history = [
        MonitorRevision(revision=1, monitor=risk),
        MonitorRevision(
            revision=2, takes_effect_at_ms=ms(CHANGED), monitor=Monitor.model_validate(COUNTED_OTHERWISE)
        ),
        MonitorRevision(
            revision=3,
            takes_effect_at_ms=ms(HANDED_OVER),
            monitor=Monitor.model_validate(COUNTED_OTHERWISE | {"owner": {"team": "risk"}}),
        ),
    ]
    watched = canary.monitor(canary.MODEL, timedelta(minutes=5))
    newer = ReferenceRecord(
        FORMAT,
        [
            ReferenceRevision(1, None, _risk_reference(risk, 1, None)),
            ReferenceRevision(2, ms(90), _risk_reference(history[1].monitor, 2, None)),
        ],
    )
    return [
        ("monitors", b"risk", MonitorRecord(revisions=history).encode()),
        ("monitors", b"price", MonitorRecord(revisions=[MonitorRevision(monitor=price)]).encode()),
        ("monitors", b"weather", weather.model_dump_json().encode()),
        ("monitors", canary.MODEL.encode(), watched.model_dump_json().encode()),
        ("references", b"risk", newer.encode()),
        ("references", b"risk/2", _risk_reference(risk, 3, "2").encode()),
        ("references", b"price", _price_reference(price).encode()),
        ("references", b"weather", _weather_reference(weather).encode()),
        ("references", canary.MODEL.encode(), canary.reference(watched, 7).encode()),
    ]


def _risk_reference(monitor: Monitor, seed: int, version: str | None) -> Reference:
    rng = np.random.default_rng(seed)
    n = 3000
    scores = rng.random(n).round(3)
    columns = Columns(
        n,
        np.stack([rng.integers(20, 80, n).astype(float), rng.normal(2000, 500, n).round()]),
        [rng.choice(["NL", "BE"], n).tolist(), rng.choice(["true", "false"], n).tolist()],
        scores=scores,
        latency_ms=rng.gamma(5, 2, n),
    )
    return build_reference(
        monitor,
        columns,
        {"country": columns.categories[0]},
        labels=(rng.random(n) < scores).astype(float),
        version=version,
        built_at_ms=7,
        times_ms=np.arange(n) * 60_000.0 // PER_MINUTE,
    )


def _price_reference(monitor: Monitor) -> Reference:
    rng = np.random.default_rng(4)
    n = 1500
    km = rng.gamma(2, 10, n).round(2)
    answers = (300 - km + rng.normal(0, 10, n)).round(1)
    columns = Columns(n, km[None, :], [rng.choice(["flat", "house"], n).tolist()], scores=answers)
    labels = answers + rng.normal(0, 8, n).round(1)
    times = np.arange(n) * 5000.0
    return build_reference(monitor, columns, {}, labels=labels, built_at_ms=7, times_ms=times)


def _weather_reference(monitor: Monitor) -> Reference:
    temp = np.random.default_rng(5).normal(10, 8, (1, 1000)).round(1)
    return build_reference(monitor, Columns(1000, temp, []), {}, built_at_ms=7)
