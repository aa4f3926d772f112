"""Every check has a name, and every name has its runbook."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from tests.alerting.windows import monitor
from watchkeeper.alerting.names import BROKEN, NAMES
from watchkeeper.alerting.runbooks import runbook_url
from watchkeeper.alerting.watchkeeper_alerts import OWN_ALERTS
from watchkeeper.schemas.findings import QUALITY_CHECKS, Check

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "False alarm?", "Verify"]
ALERTNAMES = [name.alertname for name in NAMES.values()]
RULES = [
    yaml.safe_load(page.read_text()) for page in sorted((ROOT / "compose/prometheus/rules").glob("*.yml"))
]
RULE_NAMES = [
    rule["alert"] for file in RULES for group in file["groups"] for rule in group["rules"] if "alert" in rule
]
"""Alerts that Prometheus raises, on Watchkeeper itself and on what no worker sees alone."""


def test_every_check_has_a_name_of_its_own():
    assert set(NAMES) == set(get_args(Check))
    assert len(set(ALERTNAMES)) == len(ALERTNAMES)
    assert all(re.fullmatch(r"([A-Z][a-z]+){2,}", name) for name in ALERTNAMES)


def test_what_is_broken_is_data_quality():
    assert set(QUALITY_CHECKS) > BROKEN
    assert {"unit_change", "category_renamed", "missing", "wrong_type", "stuck"} <= BROKEN
    assert not BROKEN & {"silent", "volume", "latency", "unseen_category", "drift", "performance"}


@pytest.mark.parametrize("alertname", [*ALERTNAMES, *RULE_NAMES, *OWN_ALERTS])
def test_every_alert_has_a_runbook_with_all_its_parts(alertname):
    text = (RUNBOOKS / f"{alertname}.md").read_text()
    assert text.startswith(f"# {alertname}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    parts = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(len(part.split()) >= 8 for part in parts)


def test_no_runbook_is_without_its_alert():
    known = {*ALERTNAMES, *RULE_NAMES, *OWN_ALERTS, "README"}
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - known == set()


def test_the_index_links_every_runbook():
    index = (RUNBOOKS / "README.md").read_text()
    named = re.findall(r"\]\((\w+)\.md\)", index)
    assert named[: len(ALERTNAMES)] == ALERTNAMES
    assert set(named) >= {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}


@pytest.mark.parametrize("alertname", ALERTNAMES)
def test_every_runbook_url_leads_to_a_page(alertname):
    assert (ROOT / runbook_url(monitor(), alertname)).is_file()


@pytest.mark.parametrize("base", ["https://runbooks.example.com", "https://runbooks.example.com/"])
def test_an_owner_may_keep_runbooks_of_their_own(base):
    own = monitor(runbooks=base)
    assert runbook_url(own, "FeatureMissing") == "https://runbooks.example.com/FeatureMissing"


@pytest.mark.parametrize("alertname", ALERTNAMES)
def test_links_and_the_names_of_other_alerts_in_a_runbook_exist(alertname):
    text = (RUNBOOKS / f"{alertname}.md").read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (RUNBOOKS / target).exists(), target
    for named in re.findall(
        r"`((?:Feature|Model|Prediction|Duplicate|Stream|Volume|Latency|Labels)[A-Z]\w+)`", text
    ):
        assert named in ALERTNAMES, named


def commands_and_metrics(text: str) -> tuple[set[str], set[str]]:
    """The commands of ours, and the metrics, that a page names."""
    commands = re.findall(
        r"watchkeeper (worker|apply|publish|doctor|\w+ (?:build|list|show|create|replay))\b", text
    )
    return set(commands), set(re.findall(r"\bwatchkeeper_\w+", text))


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_the_commands_and_metrics_that_a_runbook_names_exist(page):
    commands, metrics = commands_and_metrics(page.read_text())
    reference = ROOT / "docs" / "reference"
    for command in commands:
        assert f"\n## watchkeeper {command}\n" in (reference / "cli.md").read_text(), command
    for metric in metrics:
        assert f"`{metric}`" in (reference / "metrics.md").read_text(), metric


def test_runbooks_do_name_commands_and_metrics():
    commands, metrics = commands_and_metrics("".join(page.read_text() for page in RUNBOOKS.glob("*.md")))
    assert commands >= {"doctor", "apply", "reference build", "rejected list"}
    assert metrics >= {"watchkeeper_statistic"}
