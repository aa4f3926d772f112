"""The stack without Docker, end to end; `make stack-test` prints what each panel and rule returned.

Apache Kafka from its jars, Debian's Prometheus and Alertmanager, two workers, the canary and the demo's
stream, all from the files of compose/, in which only addresses and paths are replaced.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.written import PAGES
from tests.brokers import Offline, Unavailable
from tests.compose.locally import http_get, need, until
from tests.compose.whole import Running, whole

pytestmark = pytest.mark.timeout(900)

DAYS = "2013-06-04", "2013-06-13", "2013-06-21"
"""Into the first fault of the demo's year, from the 11th to the 13th, and out of it."""
CRITICAL = 'sum(watchkeeper_alerts_firing{severity="critical"}) > 0'
VARIABLES = {
    "$__rate_interval": "30s",
    "$subject": "flight-delay",
    "$version": ".*",
    "$feature": ".*",
    "$part": ".*",
}
Table = list[tuple[str, str, str, str]]

EMPTY: dict[str, str] = {
    'ALERTS{alertstate="firing", alertname!="DeadMansSwitch"}': "no rule fired; each does in rules.yml",
    "sum by (model) (watchkeeper_retraining_requests_total)": "none in these days; see test_metrics.py",
    "sum by (integration) "
    "(rate(alertmanager_notifications_failed_total[$__rate_interval])) > 0": "none failed",
}
for share in (50, 95, 99):
    expr = f'subject="$subject", version=~"$version", segment="", statistic="latency_p{share}_ms"'
    EMPTY[f"watchkeeper_statistic{{{expr}}}"] = "flights have no latency; see test_judge.py"
"""Queries of panels that may have nothing to show here, why that is right, and what shows that they can."""
NOT_YET = {
    "watchkeeper_retraining_requests_total",
    "watchkeeper_read_coverage_ratio",
    "watchkeeper_lost_offsets_total",
    "watchkeeper_lost_offsets_timestamp_seconds",
    "watchkeeper_log_changed_timestamp_seconds",
}
"""Metrics that are not there before something happens, which it does not in these days."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    need("prometheus")
    need("prometheus-alertmanager", "alertmanager")
    try:
        with whole(tmp_path_factory.mktemp("stack"), DAYS, CRITICAL) as running:
            yield running
    except Unavailable as error:
        if os.environ.get("CI") == "true" and not isinstance(error, Offline):
            raise
        pytest.skip(str(error))


def filled(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    assert "$" not in expr
    return expr


def queries() -> Iterator[tuple[str, str, str]]:
    """Give where a query is, what it is for, and the query."""
    for path, write in PAGES.items():
        board = json.loads(write())
        name = path.rpartition("/")[2].removesuffix(".json")
        for panel in board["panels"]:
            for target in panel.get("targets") or ():
                yield name, panel["title"], target["expr"]
        for annotation in board["annotations"]["list"]:
            yield name, f"annotation: {annotation['name']}", annotation["expr"]


def newest(series: list[dict[str, Any]]) -> str:
    return f"{float(series[0]['values'][-1][1]):.4g}" if series else ""


def test_every_panel_shows_something(stack: Running, table: Table) -> None:
    silent = []
    for where, what, expr in queries():
        found = stack.query(filled(expr))
        why = EMPTY.get(expr, "")
        table.append((where, what, str(len(found)), newest(found) or f"nothing: {why}"))
        if not found and not why:
            silent.append(f"{where}: {what}: {expr}")
    assert silent == []


def test_every_rule_is_evaluated_on_data(stack: Running, table: Table) -> None:
    """A rule that is quiet is so because all is well, not because it looks at nothing."""
    blind = []
    for rule in until(lambda: rules_evaluated(stack), 60):
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule
        found = stack.query(rule["query"])
        seen = {selector: bool(stack.query(f"count({selector})")) for selector in selectors(rule["query"])}
        blind += [f"{rule['name']}: {each}" for each, there in seen.items() if not there]
        state = rule.get("state", "recorded")
        value = newest(found) or f"nothing now; {len(seen)} of its metrics have data"
        table.append((state, rule["name"], str(len(found)), value))
        if rule["type"] == "recording":
            assert found, rule["name"]
    assert [each for each in blind if each.partition(": ")[2] not in NOT_YET] == []


def rules_evaluated(stack: Running) -> list[dict[str, Any]]:
    """Return the rules once each was evaluated."""
    rules = stack.rules()
    return rules if all(rule["health"] != "unknown" for rule in rules) else []


def selectors(expr: str) -> set[str]:
    """Return the metrics in an expression, with the job but without what only faults have."""
    names = set(re.findall(r"\b(?:up|process_\w+|watchkeeper_\w+)\b", expr))
    return names - {"watchkeeper"} - set(re.findall(r'job="([\w-]+)"', expr))


def test_the_page_arrives_with_its_runbook_and_what_is_over_is_told_as_resolved(stack: Running) -> None:
    triggered = until(lambda: about(stack, "trigger"), 60)[0]
    assert triggered["payload"]["component"] == "flight-delay"
    assert "humid is missing in" in triggered["payload"]["custom_details"]["alerts"]
    link = triggered["links"][0]["href"]
    address, _, path = link.removeprefix("http://").partition("/")
    assert http_get(address, f"/{path}").decode().startswith("# FeatureMissing\n")
    resolved = until(lambda: about(stack, "resolve"), 120, "the end of the page")
    assert triggered["dedup_key"] in {event["dedup_key"] for event in resolved}
    hooks = [hook for hook in stack.got("webhook") if hook["commonLabels"].get("kind") == "data_quality"]
    assert [hook["status"] for hook in hooks if hook["status"] == "resolved"]
    [alert] = [each for hook in hooks for each in hook["alerts"] if each["status"] == "resolved"][:1]
    assert alert["annotations"]["runbook_url"] == link
    assert alert["annotations"]["resolution"]


def about(stack: Running, action: str) -> list[dict[str, Any]]:
    """Return what PagerDuty received about the missing humidity."""
    events = [event for event in stack.got("pagerduty") if event["event_action"] == action]
    if action == "resolve":  # it says only which incident
        return events
    return [event for event in events if "humid" in event["payload"]["summary"]]


def test_both_workers_work_and_the_dead_mans_switch_is_heard_outside(stack: Running) -> None:
    rows = stack.query("sum by (instance) (watchkeeper_rows_total)")
    assert len(rows) == 2
    assert all(float(series["values"][-1][1]) > 0 for series in rows)
    assert stack.got("heartbeat")[0]["alerts"][0]["labels"]["alertname"] == "DeadMansSwitch"
