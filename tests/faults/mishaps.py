"""The faults of publishers in a schedule, and what Watchkeeper must have told about each.

Statistics are compared with the oracle to the byte. Alerts about rejected and late events and about clocks
depend on when a worker reports them, so they are not: they must have fired, of the right model.
"""

import functools
import json
import time
from collections import Counter
from typing import NamedTuple

from tests.faults.neighbours import (
    BAD,
    STRANGE_LABELS,
    bad_team,
    clock_ahead,
    clock_behind,
    label_flood,
    staging,
    utc_now,
)
from tests.faults.oracle import EVENTS, Outcome
from tests.faults.publisher import REPEATED, Publisher
from tests.faults.schedule import Fault


class Told(NamedTuple):
    """What on-call must be told about a kind of fault."""

    model: str
    alerts: frozenset[str]
    """One of these alerts must fire."""


TOLD = {
    "bad_team": Told("team-b", frozenset({"RejectedShareHigh"})),
    "clock_ahead": Told("clocks", frozenset({"PublisherClockWrong"})),
    "clock_behind": Told("clocks", frozenset({"PublisherClockWrong", "EventsLate"})),
    "traffic_lost": Told("traffic", frozenset({"VolumeChange"})),
    "traffic_doubled": Told("traffic", frozenset({"VolumeChange"})),
}
"""For each kind of a publisher's fault, what on-call must be told. The other kinds must change nothing."""
REJECTED = {"bad_team": (b'"team-b"', "invalid_event"), "clock_ahead": (b'"clocks"', "time_ahead")}
"""For each kind whose events are set aside, the model and the reason that `rejected` must give for each."""


class Mishaps:
    """Injects the faults of publishers."""

    publisher: Publisher

    def _held_back(self, fault: Fault) -> None:
        self.publisher.hold(EVENTS[fault.who % len(EVENTS)], fault.for_seconds)

    def _bad_team(self, _: Fault) -> None:
        self.publisher.also(bad_team)

    def _clock_ahead(self, _: Fault) -> None:
        self.publisher.also(functools.partial(clock_ahead, now=utc_now()))

    def _clock_behind(self, _: Fault) -> None:
        self.publisher.also(clock_behind)

    def _environment(self, _: Fault) -> None:
        self.publisher.also(staging)

    def _label_flood(self, _: Fault) -> None:
        self.publisher.also(label_flood)

    def _traffic_lost(self, fault: Fault) -> None:
        self.publisher.lose_traffic()
        time.sleep(fault.for_seconds)
        self.publisher.usual_traffic()

    def _traffic_doubled(self, fault: Fault) -> None:
        self.publisher.double_traffic()
        time.sleep(fault.for_seconds)
        self.publisher.usual_traffic()


def untold(happened: Counter[str], run: Outcome) -> list[str]:
    """Return each fault of a publisher that on-call was not told about.

    Args:
        happened: How often each kind of fault was injected.
        run: What the run published.
    """
    fired = fired_alerts(run)
    return [
        f"{kind}: none of {', '.join(sorted(told.alerts))} fired for {told.model}; fired: {sorted(fired)}"
        for kind, told in TOLD.items()
        if happened[kind] and not any((told.model, name) in fired for name in told.alerts)
    ]


def fired_alerts(run: Outcome) -> set[tuple[str, str]]:
    """Return the model (or feature view) and the name of each alert that fired."""
    labels = [json.loads(value)["labels"] for value in run.outputs["alerts"]]
    return {(each.get("model") or each.get("feature_view"), each["alertname"]) for each in labels}


def miscounted(happened: Counter[str], run: Outcome) -> list[str]:
    """Return each count that is not what was published, by arithmetic without any code under test.

    Args:
        happened: How often each kind of fault was injected.
        run: What the run published.
    """
    troubles = []
    for kind, (model, reason) in REJECTED.items():
        count = sum(why == reason and model in value for why, value in run.rejected.values())
        if count != happened[kind] * BAD:
            troubles.append(f"{kind}: {count} events rejected as {reason}, of {happened[kind] * BAD}")
    staged = happened["environment"] * BAD
    if run.accounts.get("other_environment", 0) != staged:
        troubles.append(f"environment: {run.accounts.get('other_environment', 0)} counted, of {staged}")
    late, late_at_most = run.accounts["labels late"], happened["repeats"] * REPEATED
    if late > late_at_most:
        troubles.append(f"{late} labels were late; only {late_at_most} repeated ones can have been")
    orphans = happened["label_flood"] * STRANGE_LABELS
    if run.accounts["labels orphaned"] < orphans:
        troubles.append(f"label_flood: {run.accounts['labels orphaned']} orphans of at least {orphans}")
    return troubles
