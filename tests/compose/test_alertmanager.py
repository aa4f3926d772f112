"""Alertmanager's file of compose/: who is notified, what is inhibited, and what on-call reads."""

import json
import subprocess
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compose.locally import (
    COMPOSE,
    Places,
    Program,
    alertmanager,
    http_get,
    mail,
    need,
    receiver,
    until,
)
from watchkeeper.alerting.names import NAMES
from watchkeeper.demo.page_receiver import ReceivedPage

FILE = COMPOSE / "alertmanager/alertmanager.yml"
CONFIG: dict[str, Any] = yaml.safe_load(FILE.read_text())
SECRETS = {
    "slack_url": "http://receiver:8090/slack",
    "pagerduty_platform": "key-platform",
    "pagerduty_ops_ml": "key-ops-ml",
    "pagerduty_data_platform": "key-data-platform",
}
ROUTES = [
    ("outside", {"alertname": "DeadMansSwitch", "severity": "none", "kind": "self"}),
    ("nobody", {"alertname": "FeatureDrift", "severity": "info", "team": "watchkeeper-canary"}),
    ("tickets", {"alertname": "StreamSilent", "severity": "critical", "team": "watchkeeper-canary"}),
    ("on-call-ops-ml", {"alertname": "FeatureMissing", "severity": "critical", "team": "ops-ml"}),
    ("on-call-data-platform", {"alertname": "FeatureStuck", "severity": "critical", "team": "data-platform"}),
    ("on-call-platform", {"alertname": "FeatureStuck", "severity": "critical", "team": "somebody-new"}),
    ("on-call-platform", {"alertname": "WorkersAbsent", "severity": "critical", "kind": "self"}),
    ("on-call-platform", {"alertname": "RejectedShareHigh", "severity": "critical", "team": "ml-platform"}),
    ("on-call-platform", {"alertname": "ManyModelsFiring", "severity": "critical", "kind": "fleet"}),
    ("on-call-platform", {"alertname": "CanaryMissed", "severity": "critical", "kind": "self"}),
    ("tickets", {"alertname": "LagGrowing", "severity": "warning", "kind": "self"}),
    ("tickets", {"alertname": "PredictionDrift", "severity": "warning", "team": "ops-ml"}),
    ("notes", {"alertname": "FeatureDrift", "severity": "info", "team": "ops-ml"}),
    ("tickets", {"alertname": "NothingKnown"}),
]


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([need("amtool"), *arguments], capture_output=True, text=True)


def test_amtool_is_content() -> None:
    done = amtool("check-config", str(FILE))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("to", "labels"), ROUTES, ids=lambda each: each if isinstance(each, str) else "")
def test_an_alert_goes_to(to: str, labels: dict[str, str]) -> None:
    if labels.get("kind") in ("self", "fleet"):
        labels = {"team": "ml-platform", "service": "watchkeeper"} | labels
    pairs = [f"{name}={value}" for name, value in labels.items()]
    done = amtool("config", "routes", "test", f"--config.file={FILE}", f"--verify.receivers={to}", *pairs)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_receiver_is_reached_by_some_alert() -> None:
    assert {each["name"] for each in CONFIG["receivers"]} == {to for to, _ in ROUTES}


def matches(matchers: list[str], labels: dict[str, str]) -> bool:
    import re

    for matcher in matchers:
        found = re.fullmatch(r'(\w+) (=~?) "?(.*?)"?', matcher)
        assert found is not None, matcher
        name, how, wanted = found.groups()
        has = labels.get(name, "")
        if not (re.fullmatch(wanted, has) if how == "=~" else has == wanted):
            return False
    return True


def test_no_alert_holds_back_itself() -> None:
    rules = [
        rule
        for file in (COMPOSE / "prometheus/rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    known = [{"alertname": rule["alert"], **rule["labels"]} for rule in rules]
    known += [
        {"alertname": name.alertname, "kind": name.kind, "severity": severity}
        for name in NAMES.values()
        for severity in ("critical", "warning", "info")
    ]
    for inhibition in CONFIG["inhibit_rules"]:
        sources = [each for each in known if matches(inhibition["source_matchers"], each)]
        targets = [each for each in known if matches(inhibition["target_matchers"], each)]
        assert sources
        assert targets
        assert [each for each in sources if each in targets] == []


# The real thing, with receivers that stand in for PagerDuty, Slack, a webhook and a mail server.

QUALITY = {
    "alertname": "FeatureMissing",
    "severity": "critical",
    "team": "ops-ml",
    "service": "watchkeeper",
    "model": "delay",
    "kind": "data_quality",
    "feature": "humid",
}
ANNOTATIONS = {
    "summary": "Feature values missing: humid of delay",
    "description": "humid is missing in 70% of 900 rows; it was 1% before.",
    "evidence": "missing_ratio 0.7 against 0.01, p < 1e-9",
    "action": "Find the source that stopped filling the feature.",
    "runbook_url": "docs/runbooks/FeatureMissing.md",
}


class Scene:
    """Alertmanager and its receivers."""

    def __init__(
        self, places: Places, program: Program, pages: deque[ReceivedPage], mails: list[str]
    ) -> None:
        self.program, self.pages, self.mails = program, pages, mails
        self.runbook = f"http://{places['localhost:8090']}/docs/runbooks/FeatureMissing.md"

    def post(self, labels: dict[str, str], annotations: dict[str, str], ends: datetime | None = None) -> None:
        alert = {"labels": labels, "annotations": annotations}
        alert |= {"endsAt": ends.isoformat()} if ends else {"startsAt": now()}
        http_get(self.program.address, "/api/v2/alerts", "POST", json.dumps([alert]).encode())

    def got(self, way: str) -> list[dict[str, Any]]:
        return [page.body for page in list(self.pages) if page.way == way]


def now() -> str:
    return datetime.now(UTC).isoformat()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    places = Places(tmp_path_factory.mktemp("alertmanager"))
    places.write_secrets(SECRETS)
    with receiver(places) as pages, mail(places) as mails, alertmanager(places) as program:
        yield Scene(places, program, pages, mails)


def test_broken_data_page_and_drift_of_the_same_model_is_held_back(scene: Scene) -> None:
    drift = QUALITY | {"alertname": "FeatureDrift", "severity": "info", "kind": "feature_drift"}
    scene.post(QUALITY, ANNOTATIONS)
    scene.post(drift, ANNOTATIONS)
    scene.post(drift | {"model": "other"}, ANNOTATIONS)

    def states() -> dict[tuple[str, str], str]:
        alerts = json.loads(scene.program.get("/api/v2/alerts"))
        return {(a["labels"]["alertname"], a["labels"]["model"]): a["status"]["state"] for a in alerts}

    until(lambda: states().get(("FeatureDrift", "delay")) == "suppressed", 20)
    assert states()["FeatureDrift", "other"] != "suppressed"
    assert states()["FeatureMissing", "delay"] != "suppressed"


def test_pagerduty_reads_the_runbook_first_and_then_the_evidence(scene: Scene) -> None:
    [event] = until(lambda: scene.got("pagerduty"), 30)
    assert (event["routing_key"], event["event_action"]) == ("key-ops-ml", "trigger")
    assert len(event["dedup_key"]) <= 255
    assert event["links"][0] == {"href": scene.runbook, "text": "Runbook"}
    assert event["links"][1]["href"] == "http://localhost:3000/d/watchkeeper-model?var-subject=delay"
    payload = event["payload"]
    assert payload["summary"] == "[FIRING] Feature values missing: humid of delay"
    assert (payload["severity"], payload["component"], payload["class"], payload["group"]) == (
        "critical",
        "delay",
        "data_quality",
        "ops-ml",
    )
    details = payload["custom_details"]
    assert details["runbook"] == scene.runbook
    assert details["evidence"] == ANNOTATIONS["evidence"]
    first, second = details["alerts"].splitlines()[:2]
    assert first == f"Runbook: {scene.runbook}"
    assert second == f"Evidence: {ANNOTATIONS['evidence']}"
    [hook] = until(lambda: scene.got("webhook"), 10)
    assert hook["alerts"][0]["annotations"]["runbook_url"] == ANNOTATIONS["runbook_url"]


def test_a_ticket_is_in_slack_and_in_the_mail(scene: Scene) -> None:
    ticket = QUALITY | {"alertname": "LabelsLate", "severity": "warning", "kind": "freshness"}
    scene.post(ticket, ANNOTATIONS | {"runbook_url": "https://pages.example.com/LabelsLate"})
    titled = until(lambda: [m for m in scene.got("slack") if m["channel"] == "#models"], 60)
    [attachment] = titled[0]["attachments"]
    assert attachment["title"] == "[FIRING] Feature values missing: humid of delay"
    assert attachment["title_link"] == "https://pages.example.com/LabelsLate"
    assert attachment["text"].startswith("Runbook: https://pages.example.com/LabelsLate\nEvidence: ")
    [text] = until(lambda: scene.mails, 30)
    parsed = message_from_string(text)
    assert parsed["Subject"] == "[FIRING] Feature values missing: humid of delay"
    assert "Evidence: missing_ratio 0.7" in text


def test_drift_that_is_held_back_is_not_even_noted(scene: Scene) -> None:
    [note] = until(lambda: [m for m in scene.got("slack") if m["channel"] == "#models-notes"], 60)
    assert note["attachments"][0]["text"].count("FeatureDrift, info, team ops-ml") == 1  # that of `other`


def test_what_is_over_is_told_as_resolved(scene: Scene) -> None:
    scene.post(
        QUALITY, ANNOTATIONS | {"resolution": "values are back"}, datetime.now(UTC) - timedelta(seconds=1)
    )
    resolved = until(lambda: [e for e in scene.got("pagerduty") if e["event_action"] == "resolve"], 120)
    assert resolved[0]["dedup_key"] == scene.got("pagerduty")[0]["dedup_key"]
    records = [hook["status"] for hook in scene.got("webhook")]
    assert records == ["firing", "resolved"]


def test_nothing_in_templates_is_left_unfilled(scene: Scene) -> None:
    output = json.dumps([page.body for page in scene.pages]) + "".join(scene.mails)
    assert "<no value>" not in output
    assert "{{" not in output
    assert "error" not in (Path(scene.program.log).read_text().lower().replace("errors", ""))
