"""One alert, its notices and a request, with every field in use."""

from datetime import UTC, datetime, timedelta

from tests.alerting.windows import Session, bad, window
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.schemas.retraining import RetrainingRequest

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def alerts() -> tuple[Alert, Alert, RetrainingRequest]:
    """A performance alert firing, the same resolved, and the request that came with it."""
    session = Session(dashboard="https://grafana.example.com/d/flight-delay")
    more = {"p_value": 1e-9, "evidence": {"metric": "auroc", "reference": 0.67}}
    worse = bad("performance", value=0.61, explanation="AUROC is 0.61, 0.06 below the reference.", **more)
    session.take(window(-3, bad("stuck", "temp")), window(-2), window(-1), window(0), window(1))
    firing = session.take(window(0, worse, kind="labels"), window(1, worse, kind="labels"))
    resolved = session.take(window(2, kind="labels"), window(3, kind="labels"))
    return firing[0], resolved[0], session.requests[0]


def notices() -> tuple[Notice, Notice]:
    """Return the notices of the two alerts at the wall clock's time."""
    firing, resolved, _ = alerts()
    fired = Notice(change="fired", alert=firing, fired_at=NOW)
    over = Notice(change="resolved", alert=resolved, fired_at=NOW, resolved_at=NOW + timedelta(minutes=2))
    return fired, over
