"""Grafana: what is checked in is what the code makes; panels say what they are, on metrics that there are."""

import json
import re
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from dashboards.written import PAGES, ROOT
from tests.compose.locally import COMPOSE
from tests.test_docs import statistic_names
from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.metrics.metrics import Metrics

BOARDS: dict[str, dict[str, Any]] = {path: json.loads(write()) for path, write in PAGES.items()}
PANELS = [
    (path, panel) for path, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"
]
QUERIES = [(path, target["expr"]) for path, panel in PANELS for target in panel["targets"]]
QUERIES += [(path, each["expr"]) for path, board in BOARDS.items() for each in board["annotations"]["list"]]


@pytest.mark.parametrize("path", PAGES)
def test_a_dashboard_is_what_the_code_makes_of_it(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path](), "run: python -m dashboards"


def test_no_dashboard_is_there_that_no_code_makes() -> None:
    there = {str(path.relative_to(ROOT)) for path in (COMPOSE / "grafana/dashboards").iterdir()}
    assert there == set(PAGES)


@pytest.mark.parametrize(
    ("path", "panel"), PANELS, ids=lambda each: each["title"] if isinstance(each, dict) else ""
)
def test_a_panel_says_what_it_is_and_in_what_unit(path: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["targets"]
    assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    if panel["type"] != "table":
        assert panel["fieldConfig"]["defaults"]["unit"]
    if panel["type"] in ("stat", "bargauge"):
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]


def test_panels_do_not_lie_on_one_another() -> None:
    for board in BOARDS.values():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken, panel["title"]
            taken |= cells


def test_metrics_in_panels_are_those_of_the_code_or_of_a_rule() -> None:
    known = {each.name for each in Metrics(CollectorRegistry()).described}
    known |= {each.name for each in CanaryMetrics(CollectorRegistry(), "m").described}
    rules = yaml.safe_load((COMPOSE / "prometheus/rules/recording.yml").read_text())
    recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"]}
    used = {name for _, expr in QUERIES for name in re.findall(r"(?:\w+:)?watchkeeper_\w+(?::\w+)?", expr)}
    assert {re.sub("_bucket$", "", name) for name in used} - known - recorded == set()
    assert recorded <= used


def test_statistics_in_panels_are_those_of_the_code() -> None:
    listed = (ROOT / "docs/reference/statistics.md").read_text()
    asked = {
        name
        for _, expr in QUERIES
        for names in re.findall(r'statistic=~?"([\w|]+)"', expr)
        for name in names.split("|")
    }
    assert len(asked) > 20
    assert {name for name in asked if f"`{name}`" not in listed} == set()
    assert "missing_ratio" in statistic_names() & asked


def test_every_dashboard_leads_to_the_others_and_to_runbooks_and_shows_alerts() -> None:
    for board in BOARDS.values():
        assert "watchkeeper" in board["tags"]
        assert {link["type"] for link in board["links"]} == {"dashboards", "link"}
        assert len(board["annotations"]["list"]) == 2
    tables = [panel for _, panel in PANELS if panel["type"] == "table"]
    links = [
        link["url"]
        for panel in tables
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "links"
        for link in each["value"]
    ]
    assert "${pages}/${__value.raw}.md" in links
    assert all(
        uid in {b["uid"] for b in BOARDS.values()} for url in links for uid in re.findall("/d/([^?]+)", url)
    )


def test_alerts_that_panels_name_have_runbooks() -> None:
    runbooks = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")}
    named = {
        name for _, panel in PANELS for name in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", panel["description"])
    }
    assert len(named) > 20
    assert named - runbooks == {"PagerDuty"}


def test_the_source_of_data_is_the_one_that_is_provisioned() -> None:
    file = COMPOSE / "grafana/provisioning/datasources/prometheus.yml"
    uids = {source["uid"] for source in yaml.safe_load(file.read_text())["datasources"]}
    for _, panel in PANELS:
        assert panel["datasource"]["uid"] in uids
        assert all(target["datasource"]["uid"] in uids for target in panel["targets"])
