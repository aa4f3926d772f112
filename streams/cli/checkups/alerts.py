"""The check of alerts: which fire, and when the last changed."""

from collections import Counter
from collections.abc import Iterator

from watchkeeper.streams.cli.checkups.checkup import Checkup, ago
from watchkeeper.streams.cli.checkups.facts import Facts

__all__ = ["check_alerts"]


def check_alerts(facts: Facts) -> Iterator[Checkup]:
    """Tell how many alerts fire, and when the last one changed. Alerts about models are no fault here.

    Args:
        facts: What was read from the broker.
    """
    if not facts.alerts:
        return
    firing = Counter(
        alert.labels.get("severity", "unknown") for alert, _ in facts.alerts if alert.status == "firing"
    )
    last_ms = max(at_ms for _, at_ms in facts.alerts)
    count = ", ".join(f"{number} {severity}" for severity, number in sorted(firing.items())) or "none"
    yield Checkup("ok", f"alerts that fire: {count}; the last changed {ago(facts.now_ms - last_ms)} ago")
