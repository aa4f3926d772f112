"""How far predictions are ahead of labels depends on chance. The alerts must not depend on it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerting.windows import Session, bad, no_data, window
from watchkeeper.alerting.names import BROKEN, NAMES
from watchkeeper.schemas.findings import Finding, WindowFindings

HOURS = 24
ROW_FINDINGS = [bad("missing", "temp"), bad("stuck", "x1"), bad("unit_change", "temp"), bad("drift", "x2")]
ROW_FINDINGS += [
    bad("prediction_drift"),
    bad("prediction_missing"),
    bad("missing", "temp", "origin=EWR"),
    bad("silent"),
    no_data("missing"),
]
LABEL_FINDINGS: dict[str, list[Finding]] = {
    "good": [],
    "bad": [bad("performance", value=0.61)],
    "worse": [bad("performance", value=0.55), bad("performance", None, "origin=EWR")],
    "no_data": [no_data("performance")],
    "slow": [bad("labels_late"), bad("performance", value=0.61)],
}
ROW_NAMES = {name.alertname for check, name in NAMES.items() if check not in ("performance", "labels_late")}
BROKEN_NAMES = {NAMES[check].alertname for check in BROKEN}


class Outputs(NamedTuple):
    """The outputs: each alert's records in order, and the requests."""

    alerts: dict[str, list[str]]
    requests: list[str]
    names: Counter[str]


class History(NamedTuple):
    """The findings of one subject: the windows of predictions, and those of labels."""

    rows: list[WindowFindings]
    labels: list[WindowFindings]

    def summaries(self, leads: Sequence[int]) -> Outputs:
        """Process all windows. `leads`: windows of predictions ahead of each window of labels."""
        session, alerts, taken = Session(), [], 0
        for lead, each in zip(leads, self.labels, strict=True):
            due = sum(row.window_end_ms <= each.window_end_ms for row in self.rows)
            alerts += session.take(*self.rows[taken : due + lead], each)
            taken = max(taken, due + lead)
        alerts += session.take(*self.rows[taken:])
        by_name = defaultdict(list)
        for alert in alerts:
            by_name[alert.fingerprint].append(alert.model_dump_json())
        requests = [request.model_dump_json() for request in session.requests]
        return Outputs(dict(by_name), requests, Counter(alert.labels["alertname"] for alert in alerts))


def spells(chance: Random, values, longest=8):
    """A value for each hour; each lasts for a while."""
    hours: list = []
    while len(hours) < HOURS:
        hours += [chance.choice(values)] * chance.randint(1, longest)
    return hours[:HOURS]


def rows_of(chance: Random, version: str) -> list[WindowFindings]:
    shares = spells(chance, [1000, 1000, 900, 50, 0, None] if version == "1" else [None, None, 1000, 50])
    faults = [spells(chance, [None, None, None, *ROW_FINDINGS], 4) for _ in range(2)]
    found = [[each for each in hour if each is not None] for hour in zip(*faults, strict=True)]
    hours = [hour for hour in range(HOURS) if shares[hour] is not None]
    return [window(hour, *found[hour], version=version, rows=shares[hour]) for hour in hours]


def labels_of(chance: Random, version: str, size: int) -> list[WindowFindings]:
    states = spells(chance, ["none", "bad", "bad", *LABEL_FINDINGS])
    found = {hour: LABEL_FINDINGS[state] for hour, state in enumerate(states) if state != "none"}
    more = {"kind": "labels", "version": version, "size": size}
    return [window(hour - size + 1, *findings, **more) for hour, findings in found.items()]


def cohorts_of(chance: Random, version: str) -> list[WindowFindings]:
    """The findings about predictions whose labels are overdue."""
    states = spells(chance, ["none", "good", "bad"])
    found = {
        hour: [bad("labels_late")] * (state == "bad") for hour, state in enumerate(states) if state != "none"
    }
    windows = [window(hour, *late, kind="labels", version=version) for hour, late in found.items()]
    return [msgspec.structs.replace(each, checked=["labels_late"]) for each in windows]


def live(chance: Random) -> History:
    """Make the windows of a day, in the order in which evaluate tells those of a kind."""
    rows, labels, size = [], [], chance.choice([1, 2])
    for version in ("1", "2"):
        rows += rows_of(chance, version)
        labels += labels_of(chance, version, size) + cohorts_of(chance, version)
    rows.sort(key=lambda each: (each.window_end_ms, each.version))
    labels.sort(key=lambda each: (each.window_end_ms, -len(each.checked), each.version))
    return History(rows, labels)


def leads(chance: Random, history: History) -> list[int]:
    """Say how many windows predictions are ahead, at each window of labels."""
    return [chance.choice([0, 0, 0, 1, 3, 10]) for _ in history.labels]


NOT_VACUOUS = ("both", "faults", "late", "requests", "excluded", "held_back", "likely_cause", "replaced")
chances = st.randoms(use_true_random=True)
unhurried = settings(deadline=None)


def test_how_far_predictions_are_ahead_of_labels_changes_nothing() -> None:
    """Nor does it if labels come after everything; and the windows drawn do tell of everything."""
    seen: Counter[str] = Counter()

    @settings(unhurried, max_examples=80)
    @given(chances)
    def draw(chance):
        history = live(chance)
        in_step = history.summaries([0] * len(history.labels))
        assert history.summaries(leads(chance, history)) == in_step
        assert history.summaries([len(history.rows)] * len(history.labels)) == in_step
        seen.update(_kinds(in_step))

    draw()
    assert all(seen[name] > seen["examples"] / 10 for name in NOT_VACUOUS), seen


def _kinds(summaries: Outputs) -> dict[str, int]:
    records = "".join(text for each in summaries.alerts.values() for text in each)
    return {
        "examples": 1,
        "both": bool({*summaries.names} & ROW_NAMES and summaries.names["ModelPerformanceDegraded"]),
        "faults": bool({*summaries.names} & BROKEN_NAMES),
        "late": summaries.names["LabelsLate"] > 0,
        "requests": bool(summaries.requests),
        "excluded": any('"excluded":[{' in request for request in summaries.requests),
        "held_back": any("held back" in request for request in summaries.requests),
        "likely_cause": '"likely_cause"' in records,
        "replaced": "no longer answers for the model" in records,
    }
