"""Prometheus: its rules fire when they should, on metrics that there are, with a runbook for each."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.metrics.metrics import Metrics

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "compose/prometheus/rules").glob("*.yml"))
RULES: list[dict[str, Any]] = [
    rule for file in FILES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDS = [rule for rule in RULES if "record" in rule]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        reason = "promtool is not installed; Debian has it in prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs it: {reason}", pytrace=False)
        pytest.skip(reason)
    return subprocess.run([program, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", *FILES),
        ("check", "config", ROOT / "compose/prometheus/prometheus.yml"),
        ("test", "rules", ROOT / "tests/compose/rules.yml"),
    ],
)
def test_promtool_is_content(arguments: tuple[str | Path, ...]) -> None:
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_tested_firing_and_not() -> None:
    cases = yaml.safe_load((ROOT / "tests/compose/rules.yml").read_text())["tests"]
    tested = [case for test in cases for case in test.get("alert_rule_test", [])]
    fired = {case["alertname"] for case in tested if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in ALERTS}
    # All of them are quiet in the first test, which counts what fires there: the dead man's switch alone.
    assert cases[0]["promql_expr_test"][0]["expr"] == "count(ALERTS)"


def test_every_record_is_tested_and_named_for_what_it_is() -> None:
    cases = yaml.safe_load((ROOT / "tests/compose/rules.yml").read_text())["tests"]
    asked = {case["expr"] for test in cases for case in test.get("promql_expr_test", [])}
    assert {rule["record"] for rule in RECORDS} <= asked
    for rule in RECORDS:
        labels, metric, operation = rule["record"].split(":")
        assert metric.startswith("watchkeeper_")
        assert re.search(rf"by \({', '.join(labels.split('_'))}\)", rule["expr"]), rule["record"]
        assert operation


def test_metrics_in_rules_are_those_of_the_code() -> None:
    known = {each.name for each in Metrics(CollectorRegistry()).described}
    known |= {each.name for each in CanaryMetrics(CollectorRegistry(), "m").described}
    used = {name for rule in RULES for name in re.findall(r"\bwatchkeeper_\w+", rule["expr"])}
    assert used - known == set()
    assert len(used) > 6


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_a_rule_says_who_is_told_what_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"].keys() - {"told_by"} == {"severity", "team", "service", "kind"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info", "none")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page.name == f"{rule['alert']}.md"
    assert page.read_text().startswith(f"# {rule['alert']}\n")
    row = rf"^\| \[{rule['alert']}\]\({rule['alert']}.md\) \| {rule['labels']['severity']} \|"
    assert re.search(row, (ROOT / "docs/runbooks/README.md").read_text(), re.MULTILINE)
