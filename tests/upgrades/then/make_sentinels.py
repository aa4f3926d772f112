"""Saves Sentinels with the code that is on the path, and says which alarms follow."""

from typing import Any

import msgspec
import numpy as np

from detectors import Sentinel

Rows = dict[str, list[Any]]


def _rows(seed: int, n: int, mean: float = 50, missing: float = 0.0) -> Rows:
    rng = np.random.default_rng(seed)
    amount: list[Any] = rng.normal(mean, 10, n).round(2).tolist()
    for at in np.flatnonzero(rng.random(n) < missing):
        amount[at] = None
    return {
        "amount": amount,
        "age": rng.integers(18, 80, n).tolist(),
        "country": rng.choice(["NL", "DE", "FR"], n, p=(0.5, 0.3, 0.2)).tolist(),
        "loss": rng.exponential(0.3 if mean == 50 else 0.6, n).round(3).tolist(),
    }


def _columns(rows: Rows, *names: str) -> Rows:
    return {name: rows[name] for name in names}


CASES: dict[str, dict[str, Any]] = {
    "relearn": {"after": "relearn"},
    "hold": {"after": "hold", "tolerance": 0.05},
    "restart": {"after": "restart"},
    "losses": {"losses": ["loss"], "per": 20_000},
}
BEFORE, CHANGED, LATER = 503, 701, 1200


def sentinels() -> dict[str, Any]:
    """Give for each case what was saved when, the rows that follow, and the alarms on these."""
    return {name: _case(options) for name, options in CASES.items()} | {"errors": _errors()}


def _case(options: dict[str, Any]) -> dict[str, Any]:
    names = ["amount", "age", "country", *options.get("losses", ())]
    sentinel = Sentinel.fit(_columns(_rows(1, 1000), *names), **options)
    stretches = [
        _columns(_rows(2, BEFORE), *names),
        _columns(_rows(3, CHANGED, mean=58), *names),
        _columns(_rows(4, LATER, mean=58), *names),
        _columns(_rows(5, CHANGED, mean=58, missing=0.3), *names),
        _columns(_rows(6, LATER, mean=50), *names),
    ]
    return _told(sentinel, stretches)


def _errors() -> dict[str, Any]:
    rng = np.random.default_rng(8)
    sentinel = Sentinel.of_errors((rng.random(1000) < 0.1).astype(int).tolist(), per=10_000)
    return _told(sentinel, [(rng.random(n) < p).astype(int).tolist() for n, p in ((701, 0.1), (699, 0.25))])


def _told(sentinel: Sentinel, stretches: list[Any]) -> dict[str, Any]:
    moments = []
    for rows in stretches:
        saved = sentinel.save()
        alarms = msgspec.to_builtins(sentinel.update(rows))
        moments.append({"saved": saved, "rows": rows, "alarms": alarms})
    return {"moments": moments, "seen": sentinel.rows, "raised": sentinel.alarms}
